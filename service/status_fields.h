// The fields of a status, as `weir status --format json` writes them (docs/cli.md): a new one is a row here. Seen by
// the codec alone.
#pragma once

#include <type_traits>

#include "runtime/status.h"
#include "service/command.h"

namespace weir::service {

inline constexpr std::pair<runtime::AttachMode, const char*> kModeWords[] = {
    {runtime::AttachMode::kNative, "native"},
    {runtime::AttachMode::kGeneric, "generic"},
    {runtime::AttachMode::kAuto, "native"},  // while it is attached nowhere
};

inline constexpr std::pair<bpf::Direction, const char*> kDirectionWords[] = {
    {bpf::Direction::kIn, "in"},
    {bpf::Direction::kOut, "out"},
};

template <typename Fields>
void describe_in_force(Fields& fields, typename Fields::template Of<runtime::InForceStatus>& now) {
    fields("policy", now.policy);
    fields("generation", now.generation);
    fields("loaded_at", now.loaded_at);
    fields("file", now.origin.file);
    fields.rows("files", now.origin.files, [](auto& row, auto& file) {
        row("path", file.path);
        row("sha256", file.sha256);
    });
    fields("confirm_within_ms", now.confirm_within_ms);
    fields("falls_back_to", now.falls_back_to);
}

template <typename Fields>
void describe_shadow(Fields& fields, typename Fields::template Of<runtime::ShadowStatus>& shadow) {
    fields("policy", shadow.policy);
    fields("file", shadow.origin.file);
    fields("packets", shadow.packets);
    fields("disagreements", shadow.disagreements);
    fields("unnamed", shadow.unnamed);
    fields.rows("pairs", shadow.pairs, [](auto& row, auto& pair) {
        row("live", pair.live);
        row("live_verdict", pair.live_verdict);
        row("candidate", pair.candidate);
        row("candidate_verdict", pair.candidate_verdict);
        row("packets", pair.packets);
    });
}

template <typename Fields>
void describe_counters(Fields& fields, typename Fields::template Of<runtime::EngineStatus>& status) {
    const auto counter = [](auto& part, auto& one) {
        part("packets", one.packets);
        part("bytes", one.bytes);
    };
    const auto decided = [&](auto& part, auto& one) {
        counter(part, one);
        part.optional("verdict", one.verdict);
    };
    fields.rows("rules", status.rules, [&](auto& row, auto& rule) {
        row("name", rule.name);
        row.word("direction", rule.direction, kDirectionWords);
        row.optional("verdict", rule.verdict);
        row.optional("observed", rule.observed);
        counter(row, rule);
    });
    fields.part("default", status.default_, decided);
    fields.part("malformed", status.malformed, decided);
    fields.part("default_egress", status.default_egress, decided);
}

template <typename Fields>
void describe_state(Fields& fields, typename Fields::template Of<runtime::EngineStatus>& status) {
    fields.rows("sets", status.sets, [](auto& row, auto& set) {
        row("name", set.name);
        row("entries", set.entries);
        row("refused", set.refused);
    });
    fields.part("sets_file", status.sets_file, [](auto& part, auto& file) {
        part("path", file.path);
        part("saved_at", file.saved_at);
        part("entries", file.entries);
        part("restored", file.restored);
        part("skipped", file.skipped);
        part("state", file.state);
    });
    fields.rows("terms", status.terms, [](auto& row, auto& term) {
        row("name", term.name);
        row("keys", term.keys);
        row("evicted", term.evicted);
        row("refused", term.refused);
    });
    fields.part("flows", status.flows, [](auto& part, auto& flows) {
        part("size", flows.size);
        part("flows", flows.flows);
        part("evicted", flows.evicted);
        part("refused", flows.refused);
    });
    fields.part("record", status.recorder, [](auto& part, auto& recorder) {
        part("bytes", recorder.bytes);
        part("packets", recorder.packets);
        part("memory_bytes", recorder.memory_bytes);
        part.rows("cpus", recorder.held, [](auto& row, auto& packets) { row("packets", packets); });
    });
}

template <typename Fields>
void describe_measures(Fields& fields, typename Fields::template Of<runtime::EngineStatus>& status) {
    fields.rows("measures", status.measures, [](auto& row, auto& measure) {
        row("name", measure.name);
        row("unit", measure.unit);
        row("by", measure.by);
        row("bounds", measure.bounds);
        row.rows("keys", measure.keys, [](auto& line, auto& one) {
            line("key", one.key);
            line("count", one.count);
            line("sum", one.sum);
            line("p50", one.p50);
            line("p90", one.p90);
            line("p99", one.p99);
            line("max", one.max);
            line.optional("buckets", one.buckets);
            line.optional("counts", one.counts);
        });
        row("refused", measure.refused);
    });
}

template <typename Fields>
void describe_accounts(Fields& fields, typename Fields::template Of<runtime::EngineStatus>& status) {
    fields.rows("alerts", status.alerts, [](auto& row, auto& alert) {
        row("name", alert.name);
        row("matched", alert.matched);
        row("delivered", alert.delivered);
        row("suppressed", alert.suppressed);
        row("lost", alert.lost);
        row("pending", alert.pending);
        row("repeated", alert.repeated);
        row.optional_rows("escalations", alert.escalations, [](auto& line, auto& one) {
            line("sink", one.sink);
            line("escalated", one.escalated);
            line("delivered", one.delivered);
            line("lost", one.lost);
            line("pending", one.pending);
            line("evicted", one.evicted);
        });
        row.part("responses", alert.responses, [](auto& part, auto& responses) {
            part("done", responses.done);
            part("would", responses.would);
            part("failed", responses.failed);
            part("lost", responses.lost);
        });
    });
    fields.rows("sinks", status.sinks, [](auto& row, auto& sink) {
        row("name", sink.name);
        row("kind", sink.kind);
        row("offered", sink.offered);
        row("delivered", sink.delivered);
        row("lost", sink.lost);
        row("lost_by", sink.lost_by);
        row("pending", sink.pending);
        row("spooled", sink.spooled);
        row.part("spool", sink.spool, [](auto& part, auto& spool) {
            part("bytes", spool.bytes);
            part("max_bytes", spool.max_bytes);
        });
        row("state", sink.state);
        row("since", sink.since);
    });
}

template <typename Fields>
void describe_answers(Fields& fields, typename Fields::template Of<runtime::EngineStatus>& status) {
    fields.part("answers", status.answers, [](auto& part, auto& answers) {
        part("sent", answers.sent);
        part("dropped", answers.dropped);
        part("failed", answers.failed);
        part("not_sent", answers.not_sent);
    });
    fields.part("redirects", status.redirects, [](auto& part, auto& redirects) {
        part("sent", redirects.sent);
        part("dropped", redirects.dropped);
        part("not_sent", redirects.not_sent);
        part.rows("interfaces", redirects.interfaces, [](auto& row, auto& interface) {
            row("name", interface.name);
            row("there", interface.is_there);
        });
    });
}

template <typename Fields>
void describe_doors(Fields& fields, typename Fields::template Of<StatusReply>& reply) {
    fields.optional_rows("doors", reply.doors, [](auto& row, auto& door) {
        row("name", door.name);
        row("addresses", door.addresses);
        row("state", door.state);
        row("restarts", door.restarts);
        row("lacks", door.lacks);
        row("counts", door.counts);
    });
}

template <typename Fields>
void describe_status(Fields& fields, typename Fields::template Of<StatusReply>& reply) {
    auto& status = reply.engine;
    fields("name", status.name);
    describe_in_force(fields, status.in_force);
    fields("observe", reply.observe);
    fields("auto_rollbacks", status.auto_rollbacks);
    fields.rows("problems", status.problems, [](auto& row, auto& problem) {
        row("problem", problem.problem);
        row("seen_at", problem.seen_at);
    });
    fields.rows("history", status.history, [](auto& row, auto& old) {
        row("generation", old.generation);
        row("policy", old.policy);
        row("loaded_at", old.loaded_at);
    });
    fields.part("shadow", status.shadow, [&](auto& part, auto& shadow) {
        describe_shadow(part, shadow);
        if constexpr (!std::is_const_v<std::remove_reference_t<decltype(reply)>>) reply.samples.emplace();  // read
        if (!reply.samples) return;
        part("samples", reply.samples->path);
        part("sampled", reply.samples->written);
        part("samples_state", reply.samples->state);
    });
    fields("several_buffers", status.several_buffers);
    fields.rows("interfaces", status.interfaces, [](auto& row, auto& interface) {
        row("name", interface.name);
        row.word("mode", interface.mode, kModeWords);
        row("attached", interface.attached);
        row("egress", interface.egress);
        row.optional("may_be_merged", interface.may_be_merged);
        row("gaps", interface.gaps);
        row("last_gap_ms", interface.last_gap_ms);
        row.optional("problem", interface.problem);
        row.optional("seen_at", interface.seen_at);
    });
    describe_counters(fields, status);
    describe_state(fields, status);
    describe_measures(fields, status);
    describe_accounts(fields, status);
    describe_answers(fields, status);
    fields("reload_failed", reply.reload_failed);
    fields.part("reloads", reply.reloads, [](auto& part, auto& reloads) {
        part("in_force", reloads.in_force);
        part("withdrawn", reloads.withdrawn);
        part("rolled_back", reloads.rolled_back);
        part("last_refused", reloads.last_refused);
        part("compile_ms", reloads.compile_ms);
        part("load_ms", reloads.load_ms);
        part("commit_us", reloads.commit_us);
    });
    fields.part("process", reply.process, [](auto& part, auto& process) {
        part("version", process.version);
        part("started_at", process.started_at);
        part("cpu_seconds", process.cpu_seconds);
        part("memory_max_bytes", process.memory_max_bytes);
    });
    fields.part("compiler", reply.compiler, [](auto& part, auto& compiler) { part("lacks", compiler.lacks); });
    fields.part("rights", reply.rights, [](auto& part, auto& rights) {
        part("user", rights.user);
        part("capabilities", rights.capabilities);
        part("lacks", rights.lacks);
    });
    describe_doors(fields, reply);
}

}  // namespace weir::service

// weir status: shows a running engine.
// Tested by tests/cli/kept_test.py with `"status"`.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "service/command_codec.h"
#include "service/engine_connection.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMeasuredKeys = 20;  // that people are shown; JSON has all

struct StatusArguments {
    std::string format = "human";
    std::string name{};
};

template <typename Row>
std::size_t widest(const std::vector<Row>& rows, std::size_t least) {
    for (const Row& row : rows) least = std::max(least, columns(printable(row.name)));
    return least;
}

void print_counters(const runtime::EngineStatus& engine) {
    const std::size_t width = widest(engine.rules, engine.default_egress ? 14 : 9);
    // Which way a rule's packets go, where there are both.
    const char* heading = engine.default_egress ? "  direction" : "";
    put("\n{}  {:>14}  {:>16}{}\n", padded("rule", width), "packets", "bytes", heading);
    const auto row = [&](const std::string& name, const runtime::CounterStatus& counter) {
        const char* direction = !engine.default_egress                      ? ""
                                : counter.direction == bpf::Direction::kOut ? "  out"
                                                                            : "  in";
        put("{}  {:>14}  {:>16}{}\n", padded(name, width), counter.packets, counter.bytes, direction);
    };
    for (const runtime::CounterStatus& rule : engine.rules) row(rule.name, rule);
    row("default", engine.default_);
    row("malformed", engine.malformed);
    if (engine.default_egress) row("default egress", *engine.default_egress);
}

void print_alerts(const runtime::EngineStatus& engine) {
    if (engine.alerts.empty()) return;
    const std::size_t width = widest(engine.alerts, 5);
    put("\n{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded("alert", width), "matched", "delivered", "suppressed",
        "lost", "pending");
    for (const runtime::AlertStatus& alert : engine.alerts)
        put("{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded(alert.name, width), alert.matched, alert.delivered,
            alert.suppressed, alert.lost, alert.pending);
    for (const runtime::AlertStatus& alert : engine.alerts) {
        for (const runtime::EscalationStatus& one : alert.escalations)
            put("{} escalates to {}: {} escalated, {} delivered, {} lost, {} pending{}\n", printable(alert.name),
                printable(one.sink), one.escalated, one.delivered, one.lost, one.pending,
                one.evicted == 0 ? "" : fmt::format("; {} windows evicted", one.evicted));
        if (alert.responses)
            put("{} responds: {} done, {} would have been done, {} failed, {} lost\n", printable(alert.name),
                alert.responses->done, alert.responses->would, alert.responses->failed, alert.responses->lost);
    }
}

void print_state(const runtime::EngineStatus& engine) {
    if (!engine.terms.empty()) {
        const std::size_t width = widest(engine.terms, 5);
        put("\n{}  {:>10}  {:>10}  {:>10}\n", padded("state", width), "keys", "evicted", "refused");
        for (const runtime::TermStatus& term : engine.terms)
            put("{}  {:>10}  {:>10}  {:>10}\n", padded(term.name, width), term.keys ? fmt::to_string(*term.keys) : "-",
                term.evicted, term.refused);
    }
    if (engine.flows)
        put("\nflows: {}, with room for {} at least; {} evicted, {} refused\n",
            engine.flows->flows ? fmt::to_string(*engine.flows->flows) : "-", engine.flows->size, engine.flows->evicted,
            engine.flows->refused);
    if (engine.sets.empty()) return;
    const std::size_t width = widest(engine.sets, 5);
    put("\n{}  {:>10}  {:>10}\n", padded("set", width), "entries", "refused");
    for (const runtime::SetStatus& set : engine.sets)
        put("{}  {:>10}  {:>10}\n", padded(set.name, width), set.entries, set.refused);
}

void print_recorder(const runtime::EngineStatus& engine) {
    if (!engine.recorder) return;
    const runtime::RecorderStatus& recorder = *engine.recorder;
    std::vector<std::string> held;  // of the CPUs that have any
    for (std::size_t cpu = 0; cpu < recorder.held.size(); ++cpu)
        if (recorder.held[cpu] != 0) held.push_back(fmt::format("{} of CPU {}", recorder.held[cpu], cpu));
    put("\nrecorder: {} bytes of the last {} packets of each CPU, {:.1f} MB; now {}\n", recorder.bytes,
        recorder.packets, static_cast<double>(recorder.memory_bytes) / 1e6,
        held.empty() ? "none" : fmt::to_string(fmt::join(held, ", ")));
}

void print_measures(const runtime::EngineStatus& engine) {
    for (const runtime::MeasureStatus& measure : engine.measures) {
        const auto text = [&](std::uint64_t value) { return measured_text(value, measure.unit); };
        std::vector<std::string> keys;
        std::size_t width = std::max<std::size_t>(columns(printable(measure.name)), 7);
        for (const runtime::MeasureStatus::Key& key : measure.keys) {
            keys.push_back(key.key.empty() ? "(all)" : fmt::format("{}", fmt::join(key.key, ", ")));
            width = std::max(width, columns(printable(keys.back())));
        }
        put("\n{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded(measure.name, width), "values", "p50", "p90",
            "p99", "largest");
        for (std::size_t i = 0; i < keys.size() && i < kMeasuredKeys; ++i) {
            const runtime::MeasureStatus::Key& key = measure.keys[i];
            put("{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded(keys[i], width), key.count, text(key.p50),
                text(key.p90), text(key.p99), text(key.max));
        }
        if (keys.size() > kMeasuredKeys) put("and {} more keys\n", keys.size() - kMeasuredKeys);
        if (measure.refused != 0) put("{} values of keys that found no place\n", measure.refused);
    }
}

void print_sets_file(const runtime::EngineStatus& engine) {
    if (!engine.sets_file) return;
    const runtime::SetsFileStatus& file = *engine.sets_file;
    put("    sets are saved in {}: {}{}\n", printable(file.path),
        file.saved_at.empty() ? std::string("not written yet")
                              : fmt::format("{} entries, at {}", file.entries, file.saved_at),
        file.state == "ok" ? "" : "; " + printable(file.state));
}

// Problems since the engine started.
void print_problems(const service::StatusReply& reply) {
    for (const runtime::InterfaceStatus& interface : reply.engine.interfaces)
        if (interface.gaps != 0)
            put("    {} was without the policy {}, the last time for at most {} ms\n", printable(interface.name),
                interface.gaps == 1 ? "once" : fmt::format("{} times", interface.gaps), interface.last_gap_ms);
    for (const runtime::InterfaceStatus& interface : reply.engine.interfaces)
        if (!interface.problem.empty())
            put("    {}, at {}: {}\n", printable(interface.name), interface.seen_at, printable(interface.problem));
    for (const runtime::ProblemStatus& problem : reply.engine.problems)
        put("    at {}: {}\n", problem.seen_at, printable(problem.problem));
    for (const std::string& lack : reply.compiler.lacks) put("    the compiler's process lacks {}\n", printable(lack));
    for (const std::string& lack : reply.rights.lacks) put("    the engine lacks {}\n", printable(lack));
    if (reply.reload_failed != 0) put("    {} reloads were refused\n", reply.reload_failed);
    if (reply.engine.auto_rollbacks != 0)
        put("    {} policies were not confirmed in time\n", reply.engine.auto_rollbacks);
}

void print_shadow(const service::StatusReply& reply) {
    if (!reply.engine.shadow) return;
    const runtime::ShadowStatus& shadow = *reply.engine.shadow;
    put("    candidate {} beside it: {} disagreements in {} packets; samples in {}\n", printable(shadow.origin.file),
        shadow.disagreements, shadow.packets, reply.samples ? printable(reply.samples->path) : "");
    for (const runtime::ShadowStatus::Pair& pair : shadow.pairs)
        put("        {:>12}  {} by {}; candidate: {} by {}\n", pair.packets, printable(pair.live_verdict),
            printable(pair.live), printable(pair.candidate_verdict), printable(pair.candidate));
}

void print_answers(const runtime::EngineStatus& engine) {
    const runtime::AnswersStatus& answers = engine.answers;
    if (answers.sent + answers.dropped + answers.failed + answers.not_sent != 0)
        put("    answers: {} sent, {} beyond the limit, {} without room, {} not sent by the driver\n", answers.sent,
            answers.dropped, answers.failed, answers.not_sent);
    const runtime::RedirectsStatus& redirects = engine.redirects;
    if (redirects.sent + redirects.dropped + redirects.not_sent != 0)
        put("    redirected: {} sent, {} without an interface, {} not sent by the driver\n", redirects.sent,
            redirects.dropped, redirects.not_sent);
    for (const runtime::RedirectsStatus::Row& interface : redirects.interfaces)
        if (!interface.is_there)
            put("    there is no interface {}: packets for it are dropped\n", printable(interface.name));
}

const char* mode_word(runtime::AttachMode mode) { return mode == runtime::AttachMode::kGeneric ? "generic" : "native"; }

void print_sink(const runtime::SinkStatus& sink) {
    std::string lost;
    for (const auto& [reason, events] : sink.lost_by)
        if (events != 0) lost += fmt::format("{}{} {}", lost.empty() ? " (" : ", ", events, printable(reason));
    if (!lost.empty()) lost += ")";
    const std::string spooled = sink.spooled == 0 ? "" : fmt::format(" ({} on disk)", sink.spooled);
    std::string state;
    if (sink.state != "ok") state = ": " + printable(sink.state) + (sink.since.empty() ? "" : ", since " + sink.since);
    put("sink {}: {} delivered, {} lost{}, {} pending{}{}\n", printable(sink.name), sink.delivered, sink.lost, lost,
        sink.pending, spooled, state);
}

// "dropped_streams" as people write it.
std::string spaced(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

void print_doors(const service::StatusReply& reply) {
    for (const service::SideProcessStatus& door : reply.doors) {
        std::string counts;
        for (const auto& [name, number] : door.counts)
            if (number != 0) counts += fmt::format("{}{} {}", counts.empty() ? ": " : ", ", number, spaced(name));
        put("    {} {}{}{}\n", door.name == "network-door" ? "listens at" : "follows",
            printable(runtime::in_words(door.addresses)), door.state == "ok" ? "" : ": " + printable(door.state),
            printable(counts));
    }
}

void print_status(const service::StatusReply& reply) {
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    const runtime::EngineStatus& engine = reply.engine;
    const runtime::InForceStatus& now = engine.in_force;
    put("{}{}{}: policy {}, generation {}, loaded at {}\n", colour ? "\x1b[1m" : "", printable(engine.name),
        colour ? "\x1b[0m" : "", printable(now.policy), now.generation, now.loaded_at);
    for (const runtime::InterfaceStatus& interface : engine.interfaces)
        put("    on {} ({}){}{}\n", printable(interface.name), mode_word(interface.mode),
            interface.attached ? "" : ": not attached",
            interface.egress == false ? "; packets on their way out are not judged" : "");
    for (const runtime::InterfaceStatus& interface : engine.interfaces)
        if (!interface.may_be_merged.empty())
            put("    {}: packets may be merged, and then count once: {}\n", printable(interface.name),
                printable(interface.may_be_merged));
    if (engine.several_buffers) put("    frames of several buffers: payload is read as far as the first one reaches\n");
    if (reply.observe) put("    observe: verdicts are not enforced\n");
    if (now.confirm_within_ms)
        put("    unconfirmed: the kernel goes back to generation {} in {:.0f} s\n", now.falls_back_to.value_or(0),
            static_cast<double>(*now.confirm_within_ms) / 1000);
    print_doors(reply);
    print_sets_file(engine);
    print_answers(engine);
    print_problems(reply);
    print_shadow(reply);
    print_counters(engine);
    print_state(engine);
    print_recorder(engine);
    print_measures(engine);
    print_alerts(engine);
    if (!engine.sinks.empty()) put("\n");
    for (const runtime::SinkStatus& sink : engine.sinks) print_sink(sink);
}

Json json_of(const std::vector<runtime::LeftEngine>& killed) {
    Json rows = Json::array();
    for (const runtime::LeftEngine& one : killed) rows.push_back({{"name", one.name}, {"interfaces", one.interfaces}});
    return rows;
}

void print_json(Json status, const std::vector<runtime::LeftEngine>& killed) {
    status["killed"] = json_of(killed);
    put("{}\n", status.dump(-1, ' ', false, Json::error_handler_t::replace));
}

int status_of(const StatusArguments& arguments) {
    const std::vector<runtime::LeftEngine> killed = service::killed_engines();
    const auto reply = ask_status(arguments.name);
    if (!reply) {
        if (arguments.format == "json" && !killed.empty()) print_json(Json::object(), killed);
        return say_error(reply.error());
    }
    if (arguments.format == "json") {
        const std::string status = service::encode_result(*reply);
        if (killed.empty())
            put("{}\n", status);
        else
            print_json(Json::parse(status), killed);
        return kOk;
    }
    print_status(*reply);
    if (!killed.empty()) put("\n");
    for (const runtime::LeftEngine& one : killed)
        put("{}: no engine runs; the policy that a killed engine left is in force on {}\n"
            "    weir stop --leave --name {} detaches it\n",
            printable(one.name), printable(runtime::in_words(one.interfaces)), printable(one.name));
    return kOk;
}

}  // namespace

void add_status(CLI::App& app, int& status) {
    static StatusArguments arguments;
    CLI::App* command =
        app.add_subcommand("status", "shows a running engine: attachment, counters, state, accounts of alerts");
    command->footer(
        "Engines that were killed and whose policy is in force still are listed; if no engine runs, status 3.");
    add_asking_options(*command, arguments.name, arguments.format);
    command->callback([&status] { status = status_of(arguments); });
}

}  // namespace weir::cli

// Tested by tests/unit/service/metrics_test.cpp.
#include "service/http/metrics.h"

#include <cstdio>
#include <ctime>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "service/http/series.h"

namespace weir::service::http {
namespace {

using runtime::CounterStatus;

// What the rows below write about.
struct Seen {
    const StatusReply& reply;
    const runtime::EngineStatus& engine;
    std::string_view policy;
    const DoorStatus* door;  // null: not known
};
using Write = void (*)(Series& out, const Seen& seen);

std::uint64_t flag(bool is_so) { return is_so ? 1 : 0; }
double seconds(double ms) { return ms / 1e3; }
std::string_view direction_word(bpf::Direction direction) { return direction == bpf::Direction::kOut ? "out" : "in"; }
std::string_view mode_word(runtime::AttachMode mode) {
    return mode == runtime::AttachMode::kGeneric ? "generic" : "native";
}
// What becomes of a packet: "drop", and of an observed rule "would drop". "none": the rule decides nothing.
std::string_view verdict_word(const CounterStatus& rule) {
    constexpr std::pair<std::string_view, std::string_view> kObserved[] = {
        {"pass", "would pass"}, {"drop", "would drop"}, {"reject", "would reject"}, {"redirect", "would redirect"}};
    if (rule.verdict.empty()) return "none";
    for (const auto& [verdict, observed] : kObserved)
        if (rule.observed && rule.verdict == verdict) return observed;
    return rule.verdict;
}
std::string_view sha256_of(const runtime::Origin& origin) {
    for (const runtime::SourceFile& file : origin.files)
        if (file.path == origin.file) return file.sha256;
    return {};
}

// Of "2026-01-02T03:04:05.678901Z", since 1970; nothing where it is no such text.
std::optional<double> unix_seconds(const std::string& rfc3339) {
    std::tm time{};
    double second = 0;
    if (std::sscanf(rfc3339.c_str(), "%4d-%2d-%2dT%2d:%2d:%lfZ", &time.tm_year, &time.tm_mon, &time.tm_mday,
                    &time.tm_hour, &time.tm_min, &second) != 6)
        return std::nullopt;
    time.tm_year -= 1900;
    time.tm_mon -= 1;
    return static_cast<double>(timegm(&time)) + second;
}
void add_time(Series& out, std::initializer_list<std::string_view> labels, const std::string& rfc3339) {
    if (const auto time = unix_seconds(rfc3339)) out.add(labels, *time);
}

template <std::uint64_t CounterStatus::* number>
void add_rules(Series& out, const Seen& seen) {
    for (const CounterStatus& rule : seen.engine.rules)
        out.add({seen.policy, rule.name, verdict_word(rule), direction_word(rule.direction)}, rule.*number);
}
template <std::uint64_t CounterStatus::* number>
void add_default(Series& out, const Seen& seen) {
    out.add({seen.policy, verdict_word(seen.engine.default_), "in"}, seen.engine.default_.*number);
    if (const auto& egress = seen.engine.default_egress)
        out.add({seen.policy, verdict_word(*egress), "out"}, (*egress).*number);
}
template <std::uint64_t CounterStatus::* number>
void add_malformed(Series& out, const Seen& seen) {
    out.add({seen.policy, verdict_word(seen.engine.malformed)}, seen.engine.malformed.*number);
}

// A label's name from a key as the policy has it: "ip.src/24/128" is ip_src.
std::string key_label(std::string_view key) {
    std::string name(key.substr(0, key.find('/')));
    for (char& c : name)
        if (c == '.') c = '_';
    return name;
}

std::string bound_text(double bound) { return fmt::format("{}", bound); }

void add_measure(Series& out, std::string_view policy, const runtime::MeasureStatus& measure) {
    const bool is_time = measure.unit == "ns";
    const auto base = [&](std::uint64_t value) { return is_time ? static_cast<double>(value) / 1e9 : double(value); };
    std::vector<std::string> names;
    for (const std::string& key : measure.by) {
        names.push_back(key_label(key));
        for (std::size_t i = 0; i + 1 < names.size(); ++i)  // the same field twice, cut to different lengths
            if (names[i] == names.back()) names.back() += "_" + std::to_string(names.size());
    }
    for (const runtime::MeasureStatus::Key& key : measure.keys) {
        if (key.buckets.size() != measure.bounds.size() || key.buckets.empty()) break;  // beyond kBucketedKeys
        std::string labels = out.labels({policy, measure.name, is_time ? "seconds" : std::string_view(measure.unit)});
        for (std::size_t i = 0; i < key.key.size() && i < names.size(); ++i) append_label(labels, names[i], key.key[i]);
        for (std::size_t i = 0; i < key.buckets.size(); ++i) {
            std::string with_bound = labels;
            append_label(with_bound, "le", bound_text(base(measure.bounds[i])));
            out.add_line("_bucket", with_bound, key.buckets[i]);
        }
        std::string with_bound = labels;
        append_label(with_bound, "le", "+Inf");
        out.add_line("_bucket", with_bound, key.count);
        out.add_line("_sum", labels, base(key.sum));
        out.add_line("_count", labels, key.count);
    }
}

constexpr const char* kRingFull = "ring full";  // settle_books()

struct Metric {
    MetricRow row;
    Write write;
};
constexpr MetricType kCounter = MetricType::kCounter, kGauge = MetricType::kGauge, kHistogram = MetricType::kHistogram;

// Prometheus's rules of naming: base units, `_total` at the end of what only rises.
constexpr Metric kMetrics[] = {
    // ---- the engine ----
    {{"weir_build_info", kGauge, "version engine",
      "1; its labels say which version of weir runs, and as which engine."},
     [](Series& out, const Seen& s) { out.add({s.reply.process.version, s.engine.name}, std::uint64_t{1}); }},
    {{"weir_start_time_seconds", kGauge, "", "When the engine's process started, in seconds since 1970."},
     [](Series& out, const Seen& s) { add_time(out, {}, s.reply.process.started_at); }},
    {{"weir_cpu_seconds_total", kCounter, "", "CPU time of the engine's process; packets cost none of it."},
     [](Series& out, const Seen& s) { out.add({}, s.reply.process.cpu_seconds); }},
    {{"weir_resident_memory_max_bytes", kGauge, "", "The most memory that the engine's process has had so far."},
     [](Series& out, const Seen& s) { out.add({}, s.reply.process.memory_max_bytes); }},
    {{"weir_confinement_lacks", kGauge, "process", "Limits that this machine does not let the process put on itself."},
     [](Series& out, const Seen& s) {
         out.add({"engine"}, std::uint64_t{s.reply.rights.lacks.size()});
         out.add({"compiler"}, std::uint64_t{s.reply.compiler.lacks.size()});
         for (const auto& door : s.reply.doors) out.add({door.name}, std::uint64_t{door.lacks.size()});
     }},
    {{"weir_process_ok", kGauge, "process", "1 where a process beside the engine is well, else 0."},
     [](Series& out, const Seen& s) {
         for (const auto& door : s.reply.doors) out.add({door.name}, flag(door.state == "ok"));
     }},
    {{"weir_process_restarts_total", kCounter, "process", "Times that such a process ended, and was started again."},
     [](Series& out, const Seen& s) {
         for (const auto& door : s.reply.doors) out.add({door.name}, door.restarts);
     }},
    // ---- the policy and its reloads ----
    {{"weir_policy_info", kGauge, "policy file sha256", "1; its labels say which policy is in force."},
     [](Series& out, const Seen& s) {
         const runtime::Origin& origin = s.engine.in_force.origin;
         out.add({s.policy, origin.file, sha256_of(origin)}, std::uint64_t{1});
     }},
    {{"weir_policy_rules", kGauge, "policy", "Rules of the policy in force."},
     [](Series& out, const Seen& s) { out.add({s.policy}, std::uint64_t{s.engine.rules.size()}); }},
    {{"weir_policy_loaded_timestamp_seconds", kGauge, "",
      "When the policy in force was loaded, in seconds since 1970."},
     [](Series& out, const Seen& s) { add_time(out, {}, s.engine.in_force.loaded_at); }},
    {{"weir_policy_unconfirmed", kGauge, "", "1 while the policy in force waits for a confirmation, else 0."},
     [](Series& out, const Seen& s) { out.add({}, flag(s.engine.in_force.confirm_within_ms.has_value())); }},
    {{"weir_policy_confirm_remaining_seconds", kGauge, "",
      "Time until an unconfirmed policy is rolled back; absent where none is."},
     [](Series& out, const Seen& s) {
         if (const auto left = s.engine.in_force.confirm_within_ms) out.add({}, seconds(static_cast<double>(*left)));
     }},
    {{"weir_observe", kGauge, "", "1 where the engine enforces no verdict (weir run --observe), else 0."},
     [](Series& out, const Seen& s) { out.add({}, flag(s.reply.observe)); }},
    {{"weir_generation", kGauge, "", "Generation in force: reloads raise it, a rollback goes back to an earlier one."},
     [](Series& out, const Seen& s) { out.add({}, std::uint64_t{s.engine.in_force.generation}); }},
    {{"weir_reloads_total", kCounter, "outcome", "Reloads by outcome: in_force, refused, withdrawn."},
     [](Series& out, const Seen& s) {
         out.add({"in_force"}, s.reply.reloads.in_force);
         out.add({"refused"}, s.reply.reload_failed);
         out.add({"withdrawn"}, s.reply.reloads.withdrawn);
     }},
    {{"weir_rollbacks_total", kCounter, "cause",
      "Rollbacks by cause: asked, or unconfirmed, when no confirmation came."},
     [](Series& out, const Seen& s) {
         out.add({"asked"}, s.reply.reloads.rolled_back);
         out.add({"unconfirmed"}, s.engine.auto_rollbacks);
     }},
    {{"weir_last_reload_successful", kGauge, "", "0 where the last reload was refused, else 1."},
     [](Series& out, const Seen& s) { out.add({}, flag(!s.reply.reloads.last_refused)); }},
    {{"weir_compile_seconds", kGauge, "", "How long the policy that was put in force last took to compile."},
     [](Series& out, const Seen& s) { out.add({}, seconds(s.reply.reloads.compile_ms)); }},
    {{"weir_load_seconds", kGauge, "", "How long its load into the kernel took; absent before the first reload."},
     [](Series& out, const Seen& s) {
         if (s.reply.reloads.in_force != 0) out.add({}, seconds(s.reply.reloads.load_ms));
     }},
    {{"weir_commit_seconds", kGauge, "", "How long its swap took; absent before the first reload."},
     [](Series& out, const Seen& s) {
         if (s.reply.reloads.in_force != 0) out.add({}, s.reply.reloads.commit_us / 1e6);
     }},
    // ---- interfaces ----
    {{"weir_interface_attached", kGauge, "interface mode",
      "1 where the kernel judges the interface's packets, else 0."},
     [](Series& out, const Seen& s) {
         for (const auto& one : s.engine.interfaces) out.add({one.name, mode_word(one.mode)}, flag(one.attached));
     }},
    {{"weir_interface_egress_attached", kGauge, "interface",
      "1 where packets on their way out are judged, too; absent where the policy does not ask for that."},
     [](Series& out, const Seen& s) {
         for (const auto& one : s.engine.interfaces)
             if (one.egress) out.add({one.name}, flag(*one.egress));
     }},
    {{"weir_interface_gaps_total", kCounter, "interface",
      "Times that the interface was without the policy, and got it back."},
     [](Series& out, const Seen& s) {
         for (const auto& one : s.engine.interfaces) out.add({one.name}, one.gaps);
     }},
    {{"weir_interface_last_gap_seconds", kGauge, "interface", "How long the last such gap was at most."},
     [](Series& out, const Seen& s) {
         for (const auto& one : s.engine.interfaces) out.add({one.name}, seconds(static_cast<double>(one.last_gap_ms)));
     }},
    {{"weir_last_problem_timestamp_seconds", kGauge, "",
      "When the engine last found its root program, slots or pins changed by others; absent where it never did."},
     [](Series& out, const Seen& s) {
         if (!s.engine.problems.empty()) add_time(out, {}, s.engine.problems.back().seen_at);
     }},
    // ---- packets ----
    {{"weir_rule_packets_total", kCounter, "policy rule verdict direction", "Packets that the rule matched."},
     add_rules<&CounterStatus::packets>},
    {{"weir_rule_bytes_total", kCounter, "policy rule verdict direction", "Bytes of packets that the rule matched."},
     add_rules<&CounterStatus::bytes>},
    {{"weir_default_packets_total", kCounter, "policy verdict direction", "Packets that no rule decided."},
     add_default<&CounterStatus::packets>},
    {{"weir_default_bytes_total", kCounter, "policy verdict direction", "Bytes of packets that no rule decided."},
     add_default<&CounterStatus::bytes>},
    {{"weir_malformed_packets_total", kCounter, "policy verdict", "Packets that contradict their own headers."},
     add_malformed<&CounterStatus::packets>},
    {{"weir_malformed_bytes_total", kCounter, "policy verdict", "Bytes of packets that contradict their own headers."},
     add_malformed<&CounterStatus::bytes>},
    {{"weir_answers_total", kCounter, "outcome",
      "Rejected packets that ask for an answer, by outcome: sent, dropped (beyond the limit), failed (no room)."},
     [](Series& out, const Seen& s) {
         out.add({"sent"}, s.engine.answers.sent);
         out.add({"dropped"}, s.engine.answers.dropped);
         out.add({"failed"}, s.engine.answers.failed);
     }},
    {{"weir_redirected_packets_total", kCounter, "outcome",
      "Redirected packets: sent, or dropped as the interface was missing."},
     [](Series& out, const Seen& s) {
         out.add({"sent"}, s.engine.redirects.sent);
         out.add({"dropped"}, s.engine.redirects.dropped);
     }},
    {{"weir_driver_lost_packets_total", kCounter, "kind",
      "Answers and redirected packets that count as sent, and that the driver says it lost."},
     [](Series& out, const Seen& s) {
         out.add({"answer"}, s.engine.answers.not_sent);
         out.add({"redirect"}, s.engine.redirects.not_sent);
     }},
    {{"weir_redirect_interface_present", kGauge, "interface",
      "1 where an interface that rules redirect to exists, else 0."},
     [](Series& out, const Seen& s) {
         for (const auto& one : s.engine.redirects.interfaces) out.add({one.name}, flag(one.is_there));
     }},
    // ---- alerts and sinks ----
    {{"weir_alert_matches_total", kCounter, "policy alert", "Times that the alert ran for a packet."},
     [](Series& out, const Seen& s) {
         for (const auto& alert : s.engine.alerts) out.add({s.policy, alert.name}, alert.matched);
     }},
    {{"weir_alert_events_total", kCounter, "policy alert outcome",
      "What became of the alert's events: delivered, suppressed by its throttle, lost."},
     [](Series& out, const Seen& s) {
         for (const auto& alert : s.engine.alerts) {
             out.add({s.policy, alert.name, "delivered"}, alert.delivered);
             out.add({s.policy, alert.name, "suppressed"}, alert.suppressed);
             out.add({s.policy, alert.name, "lost"}, alert.lost);
         }
     }},
    {{"weir_alert_pending_events", kGauge, "policy alert", "Events of the alert that wait to be delivered."},
     [](Series& out, const Seen& s) {
         for (const auto& alert : s.engine.alerts) out.add({s.policy, alert.name}, alert.pending);
     }},
    {{"weir_alert_escalations_total", kCounter, "policy alert sink outcome",
      "Copies of events that the alert escalated to a sink: delivered, lost."},
     [](Series& out, const Seen& s) {
         for (const auto& alert : s.engine.alerts)
             for (const auto& one : alert.escalations) {
                 out.add({s.policy, alert.name, one.sink, "delivered"}, one.delivered);
                 out.add({s.policy, alert.name, one.sink, "lost"}, one.lost);
             }
     }},
    {{"weir_alert_responses_total", kCounter, "policy alert outcome",
      "Changes of sets that events asked for: done, would (of observed rules), failed, lost."},
     [](Series& out, const Seen& s) {
         for (const auto& alert : s.engine.alerts) {
             if (!alert.responses) continue;
             out.add({s.policy, alert.name, "done"}, alert.responses->done);
             out.add({s.policy, alert.name, "would"}, alert.responses->would);
             out.add({s.policy, alert.name, "failed"}, alert.responses->failed);
             out.add({s.policy, alert.name, "lost"}, alert.responses->lost);
         }
     }},
    {{"weir_sink_offered_events_total", kCounter, "policy sink kind", "Events that the sink was to deliver."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks) out.add({s.policy, sink.name, sink.kind}, sink.offered);
     }},
    {{"weir_sink_events_total", kCounter, "policy sink kind outcome",
      "What became of the sink's events: delivered, lost."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks) {
             out.add({s.policy, sink.name, sink.kind, "delivered"}, sink.delivered);
             out.add({s.policy, sink.name, sink.kind, "lost"}, sink.lost);
         }
     }},
    {{"weir_sink_lost_events_total", kCounter, "policy sink kind reason",
      "The lost ones by reason; ring full: the kernel had no room for the event."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks) {
             if (!sink.lost_by.contains(kRingFull))
                 out.add({s.policy, sink.name, sink.kind, kRingFull}, std::uint64_t{0});
             for (const auto& [reason, events] : sink.lost_by)
                 out.add({s.policy, sink.name, sink.kind, reason}, events);
         }
     }},
    {{"weir_sink_pending_events", kGauge, "policy sink kind", "Events that wait for the sink, in memory and on disk."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks) out.add({s.policy, sink.name, sink.kind}, sink.pending);
     }},
    {{"weir_sink_spooled_events", kGauge, "policy sink kind",
      "Those of them that wait on disk, for a sink with a spool."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks)
             if (sink.spool) out.add({s.policy, sink.name, sink.kind}, sink.spooled);
     }},
    {{"weir_sink_spool_bytes", kGauge, "policy sink kind", "Bytes of the sink's spool on disk."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks)
             if (sink.spool) out.add({s.policy, sink.name, sink.kind}, sink.spool->bytes);
     }},
    {{"weir_sink_spool_max_bytes", kGauge, "policy sink kind", "How large the sink's spool may become."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks)
             if (sink.spool) out.add({s.policy, sink.name, sink.kind}, sink.spool->max_bytes);
     }},
    {{"weir_sink_ok", kGauge, "policy sink kind", "1 where the sink can deliver, as far as it knows, else 0."},
     [](Series& out, const Seen& s) {
         for (const auto& sink : s.engine.sinks) out.add({s.policy, sink.name, sink.kind}, flag(sink.state == "ok"));
     }},
    // ---- sets, state, flows, measures ----
    {{"weir_set_entries", kGauge, "policy set", "Entries of the set."},
     [](Series& out, const Seen& s) {
         for (const auto& set : s.engine.sets) out.add({s.policy, set.name}, set.entries);
     }},
    {{"weir_set_refused_total", kCounter, "policy set", "Entries that packets were to add, and that found no room."},
     [](Series& out, const Seen& s) {
         for (const auto& set : s.engine.sets) out.add({s.policy, set.name}, set.refused);
     }},
    {{"weir_sets_file_ok", kGauge, "",
      "1 where the file of sets (weir run --state) could be written the last time, else 0."},
     [](Series& out, const Seen& s) {
         if (const auto& file = s.engine.sets_file) out.add({}, flag(file->state.empty() || file->state == "ok"));
     }},
    {{"weir_sets_file_saved_timestamp_seconds", kGauge, "",
      "When it was written the last time, in seconds since 1970."},
     [](Series& out, const Seen& s) {
         if (s.engine.sets_file) add_time(out, {}, s.engine.sets_file->saved_at);
     }},
    {{"weir_state_keys", kGauge, "policy state", "Keys of a state term or throttle."},
     [](Series& out, const Seen& s) {
         for (const auto& term : s.engine.terms)
             if (term.keys) out.add({s.policy, term.name}, *term.keys);
     }},
    {{"weir_state_evicted_total", kCounter, "policy state",
      "Keys that others took the place of, as the table was full."},
     [](Series& out, const Seen& s) {
         for (const auto& term : s.engine.terms) out.add({s.policy, term.name}, term.evicted);
     }},
    {{"weir_state_refused_total", kCounter, "policy state",
      "Packets that could not be counted: their key found no place."},
     [](Series& out, const Seen& s) {
         for (const auto& term : s.engine.terms) out.add({s.policy, term.name}, term.refused);
     }},
    {{"weir_flows", kGauge, "policy", "Flows that the policy remembers."},
     [](Series& out, const Seen& s) {
         if (s.engine.flows && s.engine.flows->flows) out.add({s.policy}, *s.engine.flows->flows);
     }},
    {{"weir_flows_size", kGauge, "policy", "Flows that the table has room for."},
     [](Series& out, const Seen& s) {
         if (s.engine.flows) out.add({s.policy}, s.engine.flows->size);
     }},
    {{"weir_flows_evicted_total", kCounter, "policy", "Flows that others took the place of before they were over."},
     [](Series& out, const Seen& s) {
         if (s.engine.flows) out.add({s.policy}, s.engine.flows->evicted);
     }},
    {{"weir_flows_refused_total", kCounter, "policy", "Packets of new flows that found no place."},
     [](Series& out, const Seen& s) {
         if (s.engine.flows) out.add({s.policy}, s.engine.flows->refused);
     }},
    {{"weir_recorder_packets", kGauge, "policy", "Packets that the flight recorder has now, of all CPUs."},
     [](Series& out, const Seen& s) {
         if (!s.engine.recorder) return;
         std::uint64_t packets = 0;
         for (const std::uint64_t held : s.engine.recorder->held) packets += held;
         out.add({s.policy}, packets);
     }},
    {{"weir_recorder_memory_bytes", kGauge, "policy", "Kernel memory of the flight recorder."},
     [](Series& out, const Seen& s) {
         if (s.engine.recorder) out.add({s.policy}, s.engine.recorder->memory_bytes);
     }},
    {{"weir_measure", kHistogram, "policy measure unit",
      "Values of a measure, by the parts of its key; times in seconds."},
     [](Series& out, const Seen& s) {
         for (const auto& measure : s.engine.measures) add_measure(out, s.policy, measure);
     }},
    {{"weir_measure_keys", kGauge, "policy measure", "Keys of the measure; weir_measure has the 20 with most values."},
     [](Series& out, const Seen& s) {
         for (const auto& measure : s.engine.measures)
             out.add({s.policy, measure.name}, std::uint64_t{measure.keys.size()});
     }},
    {{"weir_measure_refused_total", kCounter, "policy measure", "Values of keys that found no place."},
     [](Series& out, const Seen& s) {
         for (const auto& measure : s.engine.measures) out.add({s.policy, measure.name}, measure.refused);
     }},
    // ---- a candidate (weir reload --shadow) ----
    {{"weir_shadow_running", kGauge, "", "1 while a candidate runs beside the policy in force, else 0."},
     [](Series& out, const Seen& s) { out.add({}, flag(s.engine.shadow.has_value())); }},
    {{"weir_shadow_packets_total", kCounter, "policy candidate", "Packets that both have judged."},
     [](Series& out, const Seen& s) {
         if (s.engine.shadow) out.add({s.policy, s.engine.shadow->policy}, s.engine.shadow->packets);
     }},
    {{"weir_shadow_disagreements_total", kCounter, "policy candidate", "Packets that the two gave different verdicts."},
     [](Series& out, const Seen& s) {
         if (s.engine.shadow) out.add({s.policy, s.engine.shadow->policy}, s.engine.shadow->disagreements);
     }},
    // ---- the network door ----
    {{"weir_http_responses_total", kCounter, "code", "Answers of the network door by HTTP status."},
     [](Series& out, const Seen& s) {
         if (s.door == nullptr) return;
         for (const auto& [code, answers] : s.door->responses) out.add({std::to_string(code)}, answers);
     }},
    {{"weir_http_connections", kGauge, "", "Open connections of the network door."},
     [](Series& out, const Seen& s) {
         if (s.door != nullptr) out.add({}, s.door->connections);
     }},
    {{"weir_http_refused_connections_total", kCounter, "", "Connections closed at once, as there were too many."},
     [](Series& out, const Seen& s) {
         if (s.door != nullptr) out.add({}, s.door->refused_connections);
     }},
    {{"weir_http_event_streams", kGauge, "", "Open streams of events."},
     [](Series& out, const Seen& s) {
         if (s.door != nullptr) out.add({}, s.door->streams);
     }},
    {{"weir_http_dropped_streams_total", kCounter, "",
      "Streams of events that were closed, as their reader was too slow."},
     [](Series& out, const Seen& s) {
         if (s.door != nullptr) out.add({}, s.door->dropped_streams);
     }},
    {{"weir_http_lost_events_total", kCounter, "",
      "Events that the door could not take from the engine in time: no stream has them."},
     [](Series& out, const Seen& s) {
         if (s.door != nullptr) out.add({}, s.door->lost_events);
     }},
};

}  // namespace

std::span<const MetricRow> metric_rows() {
    static const std::vector<MetricRow> rows = [] {
        std::vector<MetricRow> all;
        for (const Metric& metric : kMetrics) all.push_back(metric.row);
        return all;
    }();
    return rows;
}

std::string metrics_text(const StatusReply& status, const std::optional<DoorStatus>& door) {
    constexpr std::size_t kRuleBytes = 256;  // of its two lines, usually
    constexpr std::size_t kOtherBytes = 64 << 10;
    std::string text;
    text.reserve(kOtherBytes + status.engine.rules.size() * kRuleBytes);
    const Seen seen{status, status.engine, status.engine.in_force.policy, door ? &*door : nullptr};
    for (const Metric& metric : kMetrics) {
        Series series(text, metric.row);
        metric.write(series, seen);
    }
    return text;
}

}  // namespace weir::service::http

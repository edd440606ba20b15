// weir replay: what would a policy have done with a capture?
// Tested by tests/cli/answers_test.py with `"replay"`.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/local_net.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "compiler/policy/verdict.h"
#include "grammar/base/names.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/capture_writer.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/replay.h"
#include "tooling/judge/report.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kMostDifferences = 10;  // that are printed

struct ReplayArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::string capture{};
    std::string engine{};
    std::string out{};
    std::string interface{};
    std::vector<std::string> local{};
};

// Who judged, and whether those that did agree.
std::string judged_by(const tooling::Evaluators& evaluators, const tooling::ReplayCounts& counts) {
    std::string names;
    const std::vector<tooling::Evaluator>& judging = evaluators.judging();
    for (std::size_t i = 0; i < judging.size(); ++i)
        names += fmt::format("{}{}",
                             i == 0                    ? ""
                             : i + 1 == judging.size() ? " and "
                                                       : ", ",
                             tooling::evaluator_name(judging[i]));
    if (judging.size() == 1) return fmt::format("judged by the {} evaluator", names);
    const char* agreed = counts.differences != 0    ? ""
                         : counts.not_compared != 0 ? ": they agree as far as they can be compared"
                                                    : ": they agree";
    return fmt::format("judged by the {} evaluators{}", names, agreed);
}

// The table that people read.
void print_summary(const tooling::ReplayCounts& counts, const policy::TypedPolicy& policy,
                   const tooling::Evaluators& evaluators) {
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    const auto tinted = [&](std::uint32_t verdict) {
        const std::string word(verdict_name(verdict));
        return colour ? fmt::format("\x1b[{}m{}\x1b[0m", verdict == 0 ? 32 : 31, word) : word;
    };
    std::size_t width = policy.has_egress() ? 14 : 9;
    for (const policy::Rule& rule : policy.rules) width = std::max(width, rule.name.size());
    for (const policy::Alert& alert : policy.alerts) width = std::max(width, alert.name.size());
    put("{}  {:>10}  {:>10}  {}\n", padded("rule", width), "matched", "decided", "verdict");
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const policy::Rule& rule = policy.rules[i];
        const std::string verdict =
            !rule.verdict ? "" : (rule.observe ? "would " : "") + tinted(policy::verdict_number(rule.verdict->kind));
        put("{}  {:>10}  {:>10}  {}\n", padded(rule.name, width), counts.matched[i], counts.decided[i], verdict);
    }
    put("{}  {:>10}  {:>10}  {}\n", padded("default", width), "", counts.by_default,
        tinted(policy::verdict_number(policy.default_verdict.kind)));
    put("{}  {:>10}  {:>10}  {}\n", padded("malformed", width), "", counts.by_malformed,
        tinted(policy::verdict_number(policy.malformed_verdict.kind)));
    if (policy.has_egress())
        put("{}  {:>10}  {:>10}  {}\n", padded("default egress", width), "", counts.by_egress,
            tinted(policy::verdict_number(policy.last_verdict(packet::Direction::kOut, false).kind)));
    if (!policy.alerts.empty()) put("\n{}  {:>10}\n", padded("alert", width), "times");
    for (std::size_t i = 0; i < policy.alerts.size(); ++i)
        put("{}  {:>10}\n", padded(policy.alerts[i].name, width), counts.alerts[i]);
    if (counts.escalated != 0)
        put("\n{} escalated to another sink\n",
            counts.escalated == 1 ? "1 event was" : fmt::format("{} events were", counts.escalated));
    put("\n{} packets, {} bytes", counts.packets, counts.bytes);
    if (policy.has_egress()) put(", {} on their way out", counts.outgoing);
    for (std::uint32_t verdict = 0; verdict < 4; ++verdict)
        if (counts.verdicts[verdict] != 0) put(", {} {}", counts.verdicts[verdict], tinted(verdict));
    put("; {}\n", judged_by(evaluators, counts));
}

// What of the capture is not as people may think.
void print_notes(const tooling::CaptureFacts& facts, const tooling::Evaluators& evaluators,
                 const policy::TypedPolicy& policy, const tooling::ReplayWhere& where) {
    if (policy.has_egress() && facts.frames_with_direction == 0 && where.local.empty() && facts.frames != 0)
        say_note(
            "the capture does not say which way packets went: all are judged as if they came in (`--local NET` names "
            "the host's own addresses)");
    if (facts.cut_frames != 0)
        say_note(fmt::format("{} of {} frames were captured short: rules see only the bytes that are there",
                             facts.cut_frames, facts.frames));
    if (evaluators.has(tooling::Evaluator::kKernel) && !tooling::kernel_takes(facts, policy))
        say_note(tooling::without_kernel(evaluators));
}

int replay(const ReplayArguments& arguments) {
    end_on_interrupt();
    if (const int wrong = refuse_repeated_stdin({arguments.file, arguments.capture}); wrong != kOk) return wrong;
    const tooling::LoadedPolicy loaded = load_policy(arguments.file, arguments.options);
    if (!loaded.compiled) return loaded.status;
    tooling::ReplayWhere where{arguments.interface, {}};
    for (const std::string& net : arguments.local) where.local.push_back(*local_net(net));
    std::optional<Progress> preparing(std::in_place, "compiling " + arguments.file);
    auto evaluators = tooling::Evaluators::create(*loaded.compiled, arguments.engine);
    if (!evaluators) return preparing.reset(), say_error(evaluators.error());
    preparing.emplace("reading " + arguments.capture);
    auto capture = tooling::Capture::open(arguments.capture);
    if (!capture) return preparing.reset(), say_error(capture.error());
    // All of it is read before anything is printed or written.
    auto facts = capture->facts();
    preparing.reset();
    if (!facts) return say_error(facts.error());
    tooling::CaptureWriter annotated;
    if (!arguments.out.empty())
        if (Status opened = annotated.open(arguments.out, tooling::CaptureWriter::Appears::kWhole); !opened)
            return say_error(opened.error());

    const policy::TypedPolicy& policy = loaded.compiled->policy;
    tooling::ReplayCounts counts(policy);
    const bool prints_packets = arguments.options.format == "json" && isatty(STDOUT_FILENO) == 1;
    Progress progress("packets", facts->frames);
    const Status replayed = tooling::replay(
        *capture, *facts, *evaluators,
        [&](const tooling::ReplayedPacket& packet) -> Status {
            counts.add(packet);
            const tooling::Evaluators::Answer& answer = packet.answer;
            const bool speaks = !answer.difference.empty() || counts.not_compared == 1;
            if (speaks || prints_packets) progress.hide();
            if (!answer.difference.empty() && counts.differences <= kMostDifferences)
                put(stderr, "packet {}: the evaluators differ: {}\n", packet.number, printable(answer.difference));
            if (counts.not_compared == 1 && !packet.is_compared)
                say_note(fmt::format("packet {}: {}", packet.number, tooling::kNotCompared));
            if (arguments.options.format == "json")
                std::fputs(tooling::json_line(packet.number, packet.direction, answer.judged, policy).c_str(), stdout);
            progress.step(packet.number);
            if (arguments.out.empty()) return Done{};
            return annotated.write(packet.frame, tooling::describe(answer.judged, policy));
        },
        where);
    progress.finish();
    if (!replayed) return say_error(replayed.error());
    if (!arguments.out.empty())
        if (Status closed = annotated.close(); !closed) return say_error(closed.error());
    print_notes(*facts, *evaluators, policy, where);
    if (arguments.options.format != "json") print_summary(counts, policy, *evaluators);
    if (counts.differences == 0) return kOk;
    put(stderr, "weir: the evaluators differ on {} of {} packets: this is a bug of weir, please report it\n",
        counts.differences, counts.packets);
    return kPolicyFault;
}

}  // namespace

void add_replay(CLI::App& app, int& status) {
    static ReplayArguments arguments;
    CLI::App* command = app.add_subcommand("replay", "runs a capture through a policy");
    command->footer(
        "The capture's time stamps are the clock. `--format json` writes one object for each packet:\n"
        R"(  {"packet":1,"direction":"in","verdict":"drop","rule":"telnet","matched":["telnet"],"alerts":["telnet"]})");
    command->add_option("FILE", arguments.file, "policy; - is standard input")->required();
    command
        ->add_option("PCAP", arguments.capture,
                     "pcap or pcapng with Ethernet frames, also compressed with gzip; - is standard input")
        ->required();
    add_engine_option(*command, arguments.engine);
    command
        ->add_option("--out", arguments.out, "write the packets to a pcapng file, each with its verdict as a comment")
        ->type_name("F.pcapng");
    add_capture_options(*command, arguments.interface, arguments.local);
    add_policy_options(*command, arguments.options);
    add_memory_option(*command, arguments.options);
    command->callback([&status] { status = replay(arguments); });
}

}  // namespace weir::cli

// weir replay: what would a policy have done with a capture?
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/evaluators.h"

namespace weir::cli {
namespace {

struct ReplayArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::string capture{};
    std::string engine{};
    std::string out{};
};

std::string json_line(std::uint64_t number, const tooling::Judged& judged, const policy::TypedPolicy& policy) {
    nlohmann::ordered_json line;
    line["packet"] = number;
    line["verdict"] = tooling::verdict_name(judged.verdict);
    if (judged.by == tooling::Judged::By::kRule)
        line["rule"] = policy.rules[judged.rule].name;
    else if (judged.by == tooling::Judged::By::kMalformed)
        line["rule"] = "malformed";
    else
        line["rule"] = nullptr;
    line["matched"] = nlohmann::ordered_json::array();
    for (const std::uint32_t rule : judged.matched) line["matched"].push_back(policy.rules[rule].name);
    line["alerts"] = nlohmann::ordered_json::array();
    for (const std::uint32_t alert : judged.alerts) line["alerts"].push_back(policy.alerts[alert].name);
    return line.dump() + "\n";
}

// The table people read: the counters that the capture would have left.
class Summary {
public:
    explicit Summary(const policy::TypedPolicy& policy)
        : policy_(policy),
          matched_(policy.rules.size()),
          decided_(policy.rules.size()),
          alerts_(policy.alerts.size()) {}

    void add(const tooling::Judged& judged, std::size_t bytes) {
        ++packets_;
        bytes_ += bytes;
        for (const std::uint32_t rule : judged.matched) ++matched_[rule];
        for (const std::uint32_t alert : judged.alerts) ++alerts_[alert];
        if (judged.by == tooling::Judged::By::kRule)
            ++decided_[judged.rule];
        else
            ++(judged.by == tooling::Judged::By::kMalformed ? malformed_ : default_);
        ++verdicts_[judged.verdict];
    }

    void print(const std::string& engine) const {
        const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
        const auto tinted = [&](std::uint32_t verdict) {
            const std::string word(tooling::verdict_name(verdict));
            return colour ? fmt::format("\x1b[{}m{}\x1b[0m", verdict == 0 ? 32 : 31, word) : word;
        };
        std::size_t width = 9;
        for (const policy::Rule& rule : policy_.rules) width = std::max(width, rule.name.size());
        for (const policy::Alert& alert : policy_.alerts) width = std::max(width, alert.name.size());
        fmt::print("{}  {:>10}  {:>10}  {}\n", padded("rule", width), "matched", "decided", "verdict");
        for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
            const policy::Rule& rule = policy_.rules[i];
            const std::string verdict =
                !rule.verdict ? ""
                              : (rule.observe ? "would " : "") + tinted(static_cast<std::uint32_t>(rule.verdict->kind));
            fmt::print("{}  {:>10}  {:>10}  {}\n", padded(rule.name, width), matched_[i], decided_[i], verdict);
        }
        fmt::print("{}  {:>10}  {:>10}  {}\n", padded("default", width), "", default_,
                   tinted(static_cast<std::uint32_t>(policy_.default_verdict.kind)));
        fmt::print("{}  {:>10}  {:>10}  {}\n", padded("malformed", width), "", malformed_,
                   tinted(static_cast<std::uint32_t>(policy_.malformed_verdict.kind)));
        if (!policy_.alerts.empty()) fmt::print("\n{}  {:>10}\n", padded("alert", width), "times");
        for (std::size_t i = 0; i < policy_.alerts.size(); ++i)
            fmt::print("{}  {:>10}\n", padded(policy_.alerts[i].name, width), alerts_[i]);
        fmt::print("\n{} packets, {} bytes", packets_, bytes_);
        for (std::uint32_t verdict = 0; verdict < 4; ++verdict)
            if (verdicts_[verdict] != 0) fmt::print(", {} {}", verdicts_[verdict], tinted(verdict));
        fmt::print("; judged by {}\n",
                   engine == "all" ? "all evaluators, which agree" : fmt::format("the {} evaluator", engine));
    }

private:
    const policy::TypedPolicy& policy_;
    std::uint64_t packets_ = 0, bytes_ = 0, default_ = 0, malformed_ = 0;
    std::vector<std::uint64_t> matched_, decided_, alerts_;
    std::uint64_t verdicts_[4] = {};
};

int replay(const ReplayArguments& arguments) {
    const tooling::LoadedPolicy loaded = load_policy(arguments.file, arguments.options);
    if (!loaded.compiled) return loaded.status;
    auto engines = tooling::Evaluators::create(*loaded.compiled, arguments.engine);
    if (!engines) return say_error(engines.error());
    tooling::CaptureWriter annotated;
    if (!arguments.out.empty())
        if (Status opened = annotated.open(arguments.out); !opened) return say_error(opened.error());

    const policy::TypedPolicy& policy = loaded.compiled->policy;
    Summary summary(policy);
    Progress progress("packets");
    std::uint64_t number = 0, differences = 0;
    Status judged_all{Done{}};
    const Status read =
        tooling::read_capture(arguments.capture, [&](std::span<const std::uint8_t> frame, std::uint64_t time_ns) {
            std::string difference;
            auto judged = engines->judge(frame, time_ns, difference);
            ++number;
            if (!judged) {
                judged_all = judged.error();
                return false;
            }
            if (!difference.empty() && ++differences <= 10)
                fmt::print(stderr, "packet {}: the evaluators differ: {}\n", number, difference);
            if (arguments.options.format == "json")
                std::fputs(json_line(number, *judged, policy).c_str(), stdout);
            else
                summary.add(*judged, frame.size());
            if (!arguments.out.empty()) {
                judged_all = annotated.write(frame, time_ns, tooling::describe(*judged, policy));
                if (!judged_all) return false;
            }
            progress.step(number);
            return true;
        });
    progress.finish();
    if (!judged_all) return say_error(judged_all.error());
    if (!read) return say_error(read.error());
    if (!arguments.out.empty())
        if (Status closed = annotated.close(); !closed) return say_error(closed.error());
    if (engines->judged_natively() != 0)
        fmt::print(stderr,
                   "note: the kernel refuses test runs of {} frame{} (under 14 bytes, or too long): judged by "
                   "the native evaluator\n",
                   engines->judged_natively(), engines->judged_natively() == 1 ? "" : "s");
    if (arguments.options.format != "json") summary.print(engines->name());
    if (differences == 0) return kOk;
    fmt::print(stderr, "weir: the evaluators differ on {} of {} packets: this is a bug of weir, please report it\n",
               differences, number);
    return kPolicyFault;
}

}  // namespace

void add_replay(CLI::App& app, int& status) {
    static ReplayArguments arguments;
    CLI::App* command = app.add_subcommand("replay", "runs a capture through a policy");
    command->footer(
        "The capture's time stamps are the clock. `--format json` writes one object for each packet:\n"
        R"(  {"packet":1,"verdict":"drop","rule":"telnet","matched":["telnet"],"alerts":["telnet"]})");
    command->add_option("FILE", arguments.file, "policy; - is standard input")->required();
    command->add_option("PCAP", arguments.capture, "pcap or pcapng with Ethernet frames")->required();
    add_engine_option(*command, arguments.engine);
    command
        ->add_option("--out", arguments.out, "write the packets to a pcapng file, each with its verdict as a comment")
        ->type_name("F.pcapng");
    add_policy_options(*command, arguments.options);
    command->callback([&status] { status = replay(arguments); });
}

}  // namespace weir::cli

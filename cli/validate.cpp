// weir check --validate: does the compiled program do what the policy says?
// Tested by tests/cli/validate_test.py with `--validate`.
#include "cli/validate.h"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/progress.h"
#include "cli/terminal.h"
#include "service/duration.h"
#include "tooling/judge/capture_writer.h"
#include "tooling/judge/validate.h"

namespace weir::cli {
namespace {

using tooling::ValidationDifference;
using tooling::ValidationReport;

constexpr std::size_t kMostNames = 8;  // of rules, in a line for people

std::string joined(const std::vector<tooling::Evaluator>& evaluators) {
    std::string names;
    for (std::size_t i = 0; i < evaluators.size(); ++i)
        names += fmt::format("{}{}",
                             i == 0                       ? ""
                             : i + 1 == evaluators.size() ? " and "
                                                          : ", ",
                             tooling::evaluator_name(evaluators[i]));
    return names;
}

// The oracle, which says what the policy means, first.
Result<tooling::Evaluators> evaluators_of(const Compiled& compiled) {
    using tooling::Evaluator;
    tooling::Evaluators evaluators(compiled);
    for (const Evaluator one : {Evaluator::kOracle, Evaluator::kNative, Evaluator::kKernel}) {
        if (one == Evaluator::kKernel && !tooling::kernel_is_allowed()) continue;
        if (Status added = evaluators.add(one); !added) return added.error();
    }
    return evaluators;
}

std::vector<bool> rules_without_packets(const tooling::LoadedPolicy& loaded) {
    const std::vector<policy::Rule>& rules = loaded.compiled->policy.rules;
    std::vector<bool> never(rules.size());
    for (const Diagnostic& one : loaded.diagnostics.all()) {
        if (one.code != Code::W401 && one.code != Code::W403) continue;
        for (std::size_t i = 0; i < rules.size(); ++i)
            if (rules[i].name == one.rule) never[i] = true;
    }
    return never;
}

// "edge.rules.differs.pcapng", "edge.rules.differs-2.pcapng"; of `out` the same with the number before its end.
std::string capture_name(const std::string& out, const std::string& file, std::size_t number) {
    std::string name = out;
    if (name.empty()) name = (file == "-" ? std::string("stdin") : file) + ".differs.pcapng";
    if (number == 0) return name;
    const std::size_t slash = name.rfind('/'), dot = name.rfind('.');
    const bool has_end = dot != std::string::npos && (slash == std::string::npos || dot > slash);
    return name.insert(has_end ? dot : name.size(), fmt::format("-{}", number + 1));
}

Status write_capture(const std::string& path, const ValidationDifference& difference) {
    tooling::CaptureWriter writer;
    if (Status opened = writer.open(path, tooling::CaptureWriter::Appears::kWhole); !opened) return opened;
    for (std::size_t i = 0; i < difference.shown.size(); ++i) {
        const tooling::ShownPacket& one = difference.shown[i];
        const tooling::CapturedFrame frame{one.frame, static_cast<std::uint32_t>(one.frame.size()), one.time_ns,
                                           one.interface, one.direction};
        const bool is_last = i + 1 == difference.shown.size();
        if (Status written = writer.write(frame, is_last ? difference.answers : "before it"); !written) return written;
    }
    return writer.close();
}

nlohmann::ordered_json names_of(const std::vector<std::uint32_t>& rules, const policy::TypedPolicy& policy) {
    auto names = nlohmann::ordered_json::array();
    for (const std::uint32_t rule : rules) names.push_back(policy.rules[rule].name);
    return names;
}

std::string as_json(const ValidationReport& report, const ValidateArguments& arguments, const std::string& file,
                    const policy::TypedPolicy& policy, const std::vector<std::string>& captures) {
    const auto tried = [](const tooling::Tried& one) {
        return nlohmann::ordered_json{{"tried", one.done}, {"all", one.all}};
    };
    auto evaluators = nlohmann::ordered_json::array(), differences = nlohmann::ordered_json::array();
    for (const tooling::Evaluator one : report.evaluators) evaluators.push_back(tooling::evaluator_name(one));
    for (std::size_t i = 0; i < report.differences.size(); ++i) {
        const ValidationDifference& one = report.differences[i];
        nlohmann::ordered_json line{{"rule", nullptr},
                                    {"packet", tooling::text_of(one.shown.back())},
                                    {"packets", one.shown.size()},
                                    {"answers", one.answers},
                                    {"aimed_at", one.aimed_at},
                                    {"pcap", captures[i]}};
        if (one.rule != ValidationDifference::kNoRule) line["rule"] = policy.rules[one.rule].name;
        differences.push_back(std::move(line));
    }
    nlohmann::ordered_json json{{"file", file},
                                {"evaluators", evaluators},
                                {"seed", arguments.seed},
                                {"packets", report.frames},
                                {"rules", tried(report.rules)},
                                {"shadowed", names_of(report.shadowed, policy)},
                                {"not_reached", names_of(report.unreached, policy)},
                                {"boundaries", tried(report.boundaries)},
                                {"sampled_comparisons", report.sampled},
                                {"neighbours", report.neighbours},
                                {"overlaps", tried(report.pairs)},
                                {"terms", tried(report.terms)},
                                {"sequences", report.sequences},
                                {"not_in_kernel", report.not_in_kernel},
                                {"stopped", nullptr},
                                {"different_packets", report.different_frames},
                                {"differences", differences}};
    if (!report.stopped.empty()) json["stopped"] = report.stopped;
    return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string some_names(const std::vector<std::uint32_t>& rules, const policy::TypedPolicy& policy) {
    std::string names;
    for (std::size_t i = 0; i < std::min(rules.size(), kMostNames); ++i)
        names += fmt::format("{}{}", i == 0 ? "" : ", ", printable(policy.rules[rules[i]].name));
    return rules.size() > kMostNames ? fmt::format("{} and {} more", names, rules.size() - kMostNames) : names;
}

std::string as_text(const ValidationReport& report, const ValidateArguments& arguments, const std::string& file,
                    const policy::TypedPolicy& policy) {
    std::string text = fmt::format(
        "{}: {} packets through {}: {}\n", printable(file), report.frames, joined(report.evaluators),
        report.different_frames == 0 ? "the same answers" : fmt::format("{} differ", report.different_frames));
    text += fmt::format("  {} of {} rules were given a packet that meets them\n", report.rules.done, report.rules.all);
    if (!report.shadowed.empty())
        text += fmt::format("    no packet can reach: {} (W401, W403)\n", some_names(report.shadowed, policy));
    if (!report.unreached.empty())
        text += fmt::format("    none was found for: {}\n", some_names(report.unreached, policy));
    text += fmt::format("  {} of {} boundaries of comparisons, {} pairs of neighbouring classes\n",
                        report.boundaries.done, report.boundaries.all, report.neighbours);
    if (report.sampled != 0)
        text += fmt::format("    of {} comparisons with many ranges or entries only some of them\n", report.sampled);
    if (report.pairs.all != 0)
        text += fmt::format("  {} of {} pairs of rules were met by one packet\n", report.pairs.done, report.pairs.all);
    if (report.terms.all != 0 || report.sequences != 0)
        text += fmt::format("  {} of {} state terms and throttles within their limit and beyond it; {} sequences\n",
                            report.terms.done, report.terms.all, report.sequences);
    if (report.not_in_kernel != 0)
        text += fmt::format("  {} packets were left out: the kernel takes no test run of them\n", report.not_in_kernel);
    if (!report.stopped.empty()) text += fmt::format("  stopped {}\n", report.stopped);
    return text + fmt::format("  these are tests, and no proof; seed {}\n", arguments.seed);
}

}  // namespace

void add_validate_options(CLI::App& command, ValidateArguments& arguments) {
    CLI::Option* wanted = command.add_flag(
        "--validate", arguments.is_wanted,
        "also try the compiled program: packets at each rule and boundary must have one answer of the\n"
        "oracle, the native evaluator and, if allowed, the kernel");
    command
        .add_option("--pcap-out", arguments.pcap_out,
                    "of --validate: where a packet with several answers is written; default: beside FILE")
        ->type_name("PCAPNG")
        ->needs(wanted);
    command.add_option("--seed", arguments.seed, "of --validate: other packets")->needs(wanted);
    command.add_option("--frames", arguments.frames, "of --validate: packets at most")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
        ->needs(wanted);
    command
        .add_option_function<std::string>(
            "--time", [&arguments](const std::string& text) { arguments.time_ms = *service::parse_duration_ms(text); },
            "of --validate: how long it may take; default: 1m")
        ->type_name("DURATION")
        ->check([](const std::string& text) {
            return service::parse_duration_ms(text) ? std::string()
                                                    : "`" + text + "` is not a duration such as 30s or 5m";
        })
        ->needs(wanted);
}

int validate_policy(const ValidateArguments& arguments, const tooling::LoadedPolicy& loaded, const std::string& file,
                    const std::string& format, PolicyFiles& files) {
    const Compiled& compiled = *loaded.compiled;
    Progress compiling("compiling " + file);
    auto evaluators = evaluators_of(compiled);
    compiling.finish();
    if (!evaluators) return say_error(evaluators.error());
    Progress progress("packets");
    tooling::ValidateOptions options{.seed = arguments.seed,
                                     .frames = arguments.frames,
                                     .time = std::chrono::milliseconds(arguments.time_ms),
                                     .never = rules_without_packets(loaded)};
    options.step = [&](std::uint64_t done) { progress.step(done); };
    const auto report = tooling::validate(compiled, *evaluators, options);
    progress.finish();
    if (!report) return say_error(report.error());
    std::vector<std::string> captures;
    Diagnostics said;
    for (const ValidationDifference& one : report->differences) {
        captures.push_back(capture_name(arguments.pcap_out, file, captures.size()));
        if (Status written = write_capture(captures.back(), one); !written) return say_error(written.error());
        said.add(tooling::diagnostic_of(one, compiled.policy, captures.back()));
    }
    files.say(loaded, std::move(said));
    if (format == "json") std::fputs(as_json(*report, arguments, file, compiled.policy, captures).c_str(), stdout);
    if (format == "human" && !is_quiet())
        std::fputs(as_text(*report, arguments, file, compiled.policy).c_str(), stdout);
    return report->different_frames == 0 ? kOk : kPolicyFault;
}

}  // namespace weir::cli

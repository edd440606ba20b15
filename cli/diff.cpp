// weir diff: which packets two policies judge otherwise.
// Tested by tests/cli/diff_test.py with `"diff"`.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

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
#include "grammar/github.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/capture_writer.h"
#include "tooling/judge/change_report.h"
#include "tooling/judge/policy_changes.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostForPeople = 50;  // classes that a terminal or a pull request shows

struct DiffArguments {
    tooling::PolicyOptions options{};
    std::string before{}, after{};
    std::string capture{};
    std::string engine{};
    std::string interface{};
    std::vector<std::string> local{};
    std::string pcap_out{};
};

bool is_for_people(const std::string& format) { return format == "human" || format == "markdown"; }

// Each witness is a packet, its comment what changes for it, behind those that have to come first.
Status write_witnesses(const std::string& path, const tooling::PolicyChanges& changes) {
    tooling::CaptureWriter out;
    if (Status opened = out.open(path, tooling::CaptureWriter::Appears::kWhole); !opened) return opened;
    std::uint64_t time_ns = 0;
    for (const tooling::ChangedClass& one : changes.classes) {
        if (!one.witness) continue;
        const tooling::Script script = tooling::script_of(*one.witness);
        const std::string comment = fmt::format("{}: {} before, {} now", one.packets.text,
                                                tooling::outcome_text(one.before), tooling::outcome_text(one.after));
        for (std::size_t i = 0; i < script.size(); ++i) {
            tooling::CapturedFrame frame;
            frame.time_ns = time_ns += script[i].after_ns;
            frame.bytes = script[i].frame;
            frame.original_bytes = static_cast<std::uint32_t>(script[i].frame.size());
            frame.interface = script[i].interface;
            frame.direction = script[i].direction;
            const bool is_last = i + 1 == script.size();
            const std::string said = is_last ? comment : "comes before an example";
            if (Status written = out.write(frame, said); !written) return written;
        }
    }
    return out.close();
}

Status count_captured(const DiffArguments& arguments, tooling::PolicyChanges& changes, const Compiled& before,
                      const Compiled& after) {
    auto capture = tooling::Capture::open(arguments.capture);
    if (!capture) return capture.error();
    tooling::ReplayWhere where{arguments.interface, {}};
    for (const std::string& net : arguments.local) where.local.push_back(*local_net(net));
    return tooling::count_captured(changes, before, after, *capture, arguments.engine, where);
}

void print(const DiffArguments& arguments, const tooling::PolicyChanges& changes, const tooling::LoadedPolicy& after,
           PolicyFiles& files) {
    const std::string& format = arguments.options.format;
    if (format == "json") {
        for (const tooling::ChangedClass& one : changes.classes) std::fputs(tooling::json_line(one).c_str(), stdout);
        std::fputs(tooling::json_summary(changes).c_str(), stdout);
    } else if (format == "markdown") {
        std::fputs(tooling::markdown_text(changes, arguments.before, arguments.after, kMostForPeople).c_str(), stdout);
    } else if (format == "human") {
        std::fputs(tooling::human_text(changes, kMostForPeople, colour_of(STDOUT_FILENO)).c_str(), stdout);
    } else {
        for (SarifFinding& found : tooling::findings(changes, after.compiled->policy, after.sources)) {
            if (format == "github")
                std::fputs(
                    github_line({"warning", found.file, {found.line, 1}, {found.line, 1}, "weir diff", found.message})
                        .c_str(),
                    stdout);
            else
                files.add(std::move(found));
        }
    }
}

int diff(const DiffArguments& arguments) {
    end_on_interrupt();
    if (const int wrong = refuse_repeated_stdin({arguments.before, arguments.after, arguments.capture}); wrong != kOk)
        return wrong;
    PolicyFiles files(arguments.options);
    const tooling::LoadedPolicy& before = files.load(arguments.before, tooling::Depth::kMeaning);
    const tooling::LoadedPolicy& after = files.load(arguments.after, tooling::Depth::kMeaning);
    if (!before.compiled || !after.compiled) return files.write_sarif(), std::max(before.status, after.status);
    Progress progress("comparing " + arguments.before + " and " + arguments.after);
    tooling::PolicyChanges changes = tooling::compare_policies(
        *before.compiled, *after.compiled,
        is_for_people(arguments.options.format) && arguments.pcap_out.empty() ? kMostForPeople : ~std::size_t{0});
    const Status counted = arguments.capture.empty()
                               ? Status(Done{})
                               : count_captured(arguments, changes, *before.compiled, *after.compiled);
    progress.finish();
    if (!counted) return say_error(counted.error());
    if (!arguments.pcap_out.empty())
        if (Status written = write_witnesses(arguments.pcap_out, changes); !written) return say_error(written.error());
    print(arguments, changes, after, files);
    files.write_sarif();
    return changes.any() ? kPolicyFault : kOk;
}

}  // namespace

void add_diff(CLI::App& app, int& status) {
    static DiffArguments arguments;
    CLI::App* command = app.add_subcommand("diff", "says which packets two policies judge otherwise");
    command->footer(
        "Each class of packets that get another verdict, deciding rule or alert is a condition of the language, with\n"
        "an example that the reference evaluator has judged under both policies:\n"
        "    drop by telnet, alert telnet -> pass by default\n"
        "        packets: tcp.dport == 23\n"
        "        example: tcp 192.0.2.1:49152 -> 192.0.2.2:23\n"
        "Status 0 if nothing differs, 1 if anything does. `--format markdown` is a comment on a pull request:\n"
        "    git show main:edge.rules | weir diff - edge.rules --format markdown");
    command->add_option("OLD", arguments.before, "policy; - is standard input")->required();
    command->add_option("NEW", arguments.after, "the policy that takes its place")->required();
    command->add_option("--pcap", arguments.capture, "also count the packets of a capture that change")
        ->type_name("PCAP");
    command
        ->add_option("--pcap-out", arguments.pcap_out,
                     "write the examples to a pcapng file, each with what changes as its comment")
        ->type_name("F.pcapng");
    add_engine_option(*command, arguments.engine);
    add_capture_options(*command, arguments.interface, arguments.local);
    add_policy_options(*command, arguments.options, tooling::FormatsOf::kChanges);
    add_memory_option(*command, arguments.options);
    command->callback([&status] { status = diff(arguments); });
}

}  // namespace weir::cli

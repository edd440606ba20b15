// weir check: checks a policy.
// Tested by tests/cli/answers_test.py with `"check"`.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/budget.h"
#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/validate.h"
#include "compiler/codegen/manifest.h"
#include "runtime/engine/program.h"
#include "runtime/sinks/make.h"
#include "runtime/sinks/probe.h"
#include "tooling/files/fixes.h"
#include "tooling/files/output_file.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/policy_changes.h"

namespace weir::cli {
namespace {

struct CheckArguments {
    tooling::PolicyOptions options{};
    std::vector<std::string> files{};
    bool load = false;
    bool fix = false;
    bool sinks = false;
    std::string against{};
    ValidateArguments validate{};
    BudgetArguments budget{};
};

// Compiles the policy and runs the kernel's verifier. Nothing stays in the kernel.
int load_in_kernel(const Compiled& compiled, const std::string& file) {
    Progress progress("loading " + file);
    const auto object = compile(compiled, {});
    if (!object) return progress.finish(), say_error(object.error());
    auto program = runtime::Program::load(*object, {});
    progress.finish();
    if (!program) {
        Error said = program.error();
        said.message = file + ": " + said.message;
        return say_error(said);
    }
    return kOk;
}

// What a reload would forget. Returns a status.
int say_forgotten(const CheckArguments& arguments, const Compiled& compiled, PolicyFiles& files) {
    const tooling::LoadedPolicy& old = files.load(arguments.against, tooling::Depth::kMeaning);
    if (!old.compiled) return old.status;
    const tooling::StateChange change = tooling::state_change(*old.compiled, compiled);
    for (const std::string& identity : change.ended)
        put(stderr, "note: a reload forgets the state of `{}`\n", printable(identity));  // the result
    for (const std::string& identity : change.begun) say_note(fmt::format("`{}` starts empty", identity));
    return kOk;
}

// Tries each sink of the policy, one after another. Returns a status.
int try_sinks(const CheckArguments& arguments, const Compiled& compiled, const std::string& file) {
    const bpf::Manifest manifest = codegen::make_manifest(compiled, {});
    int status = kOk;
    for (const bpf::SinkInfo& sink : manifest.sinks) {
        const std::string_view kind = sink_kind_name(sink.kind);
        if (sink.kind == SinkKind::kExec) {
            say_note(fmt::format("sink {} is not tried: only weir run --allow-exec=DIR runs programs", sink.name));
            continue;
        }
        Progress progress(fmt::format("trying sink {}", sink.name));
        const runtime::SinkProbe probe = runtime::probe_sink(sink, manifest.policy);
        progress.finish();
        if (!probe.is_delivered) status = kWorldFault;
        if (arguments.options.format == "json") {
            const nlohmann::ordered_json line{{"file", file},
                                              {"sink", sink.name},
                                              {"kind", kind},
                                              {"ok", probe.is_delivered},
                                              {"state", probe.state}};
            put("{}\n", line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
        } else if (!probe.is_delivered) {
            say_error(
                Error{fmt::format("{}: sink {} ({}) does not deliver: {}", file, sink.name, kind, probe.state), {}, 0});
        } else if (!is_quiet() && arguments.options.format == "human") {
            put("{}: sink {} ({}) delivers\n", printable(file), printable(sink.name), kind);
        }
    }
    return status;
}

std::string counted(std::size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// What was replaced, and what is left.
void say_fixed(const CheckArguments& arguments, const std::string& file, const tooling::FixedPolicy& fixed) {
    const Diagnostics& left = fixed.left.diagnostics;
    std::FILE* const out = file == "-" ? stderr : stdout;  // "-": standard output is the text
    if (arguments.options.format == "json") {
        const nlohmann::ordered_json line{
            {"file", file}, {"fixed", fixed.applied.size()}, {"errors", left.errors()}, {"warnings", left.warnings()}};
        put(out, "{}\n", line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    }
    if (arguments.options.format != "human" || fixed.applied.empty()) return;
    if (!is_quiet())
        for (const tooling::AppliedFix& one : fixed.applied)
            put(out, "{}:{}: {}: {}\n", printable(file), one.line, code_name(one.code),
                one.before.empty() ? fmt::format("inserted `{}`", printable(one.after))
                : one.after.empty()
                    ? fmt::format("removed `{}`", printable(one.before))
                    : fmt::format("replaced `{}` with `{}`", printable(one.before), printable(one.after)));
    put(out, "{}: {} applied, {} and {} left\n", printable(file),
        fixed.applied.size() == 1 ? "1 fix" : fmt::format("{} fixes", fixed.applied.size()),
        counted(left.errors(), "error"), counted(left.warnings(), "warning"));
    std::fflush(out);
}

// Nothing is written where nothing was fixed, or where somebody else wrote the file meanwhile.
Status write_fixed(const std::string& file, const std::string& before, const tooling::FixedPolicy& fixed) {
    if (file == "-") {
        std::fputs(fixed.text.c_str(), stdout);
        return Done{};
    }
    if (fixed.applied.empty()) return Done{};
    const auto now = tooling::read_file(file);
    if (!now || *now != before) return Error{file + " changed while it was checked", "run it again", 0};
    return tooling::write_whole(file, fixed.text);
}

// --fix: what is left of `file`, with the fixes in it.
const tooling::LoadedPolicy& fix(const CheckArguments& arguments, const std::string& file, PolicyFiles& files) {
    Progress progress("fixing " + file);
    auto text = tooling::read_file(file);
    tooling::FixedPolicy fixed;
    fixed.left.status = kWorldFault;
    if (!text) {
        fixed.left.unreadable = text.error();
        progress.finish();
        return files.take(std::move(fixed.left));
    }
    fixed = tooling::apply_fixes(file == "-" ? "<stdin>" : shown_path(file, arguments.options), *text,
                                 tooling::files_of(arguments.options), arguments.options);
    progress.finish();
    if (Status written = write_fixed(file, *text, fixed); !written) {
        fixed.left.unreadable = written.error();
        fixed.left.compiled.reset();
        fixed.left.status = kWorldFault;
        return files.take(std::move(fixed.left));
    }
    say_fixed(arguments, file, fixed);
    return files.take(std::move(fixed.left));
}

// Rules whose logic was too much for the bounds: nothing is said of them, which does not mean that they are right.
void say_unjudged(const CheckArguments& arguments, const std::string& file, const std::vector<std::string>& rules) {
    if (arguments.options.format == "json") {
        const nlohmann::ordered_json line{{"file", file}, {"unjudged", rules}};
        put(stderr, "{}\n", line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
        return;
    }
    constexpr std::size_t kMaxNames = 8;
    std::string names;
    for (std::size_t i = 0; i < std::min(rules.size(), kMaxNames); ++i)
        names += fmt::format("{}`{}`", i == 0 ? "" : ", ", rules[i]);
    if (rules.size() > kMaxNames) names += fmt::format(" and {} more", rules.size() - kMaxNames);
    say_note(fmt::format("{}: the logic of {} is too large to judge: {}", file, counted(rules.size(), "rule"), names));
}

int check_file(const CheckArguments& arguments, const std::string& file, PolicyFiles& files) {
    const tooling::LoadedPolicy& loaded =
        arguments.fix ? fix(arguments, file, files) : files.load(file, tooling::Depth::kLint);
    int status = loaded.status;
    if (loaded.compiled && arguments.load) status = load_in_kernel(*loaded.compiled, file);
    if (loaded.compiled && status == kOk && !arguments.against.empty())
        status = say_forgotten(arguments, *loaded.compiled, files);
    if (loaded.compiled && status == kOk && arguments.sinks) status = try_sinks(arguments, *loaded.compiled, file);
    if (loaded.compiled && status == kOk && arguments.validate.is_wanted)
        status = validate_policy(arguments.validate, loaded, file, arguments.options.format, files);
    if (loaded.compiled && status == kOk && arguments.budget.any())
        status = check_budget(arguments.budget, loaded, file, arguments.options.format, files);
    if (!loaded.unjudged.empty()) say_unjudged(arguments, file, loaded.unjudged);
    if (status == kOk && arguments.options.format == "human" && !is_quiet())
        put(arguments.fix && file == "-" ? stderr : stdout, "{}: ok: {}, {}{}\n", printable(file),
            counted(loaded.compiled->policy.rules.size(), "rule"),
            counted(loaded.compiled->policy.tests.size(), "test"), arguments.load ? ", and the kernel accepts it" : "");
    return status;
}

int check(const CheckArguments& arguments) {
    end_on_interrupt();
    const bool text_and_document =
        arguments.fix && tooling::is_document(arguments.options.format) && reads_stdin(arguments.files);
    if (text_and_document)
        return say_usage("`check --fix -` writes the text to standard output: no document fits there");
    if (!arguments.validate.pcap_out.empty() && arguments.files.size() > 1)
        return say_usage("`--pcap-out` is for one policy; without it each has captures beside it");
    if (const int wrong = refuse_repeated_stdin(arguments.files); wrong != kOk) return wrong;
    int status = kOk;
    PolicyFiles files(arguments.options);
    for (const std::string& file : arguments.files) status = std::max(status, check_file(arguments, file, files));
    files.write_sarif();
    return status;
}

}  // namespace

void add_check(CLI::App& app, int& status) {
    static CheckArguments arguments;
    CLI::App* command = app.add_subcommand("check", "checks policies: syntax, names, types, limits, rule logic");
    command->footer("Diagnostics go to standard error. `weir explain CODE` explains one.");
    command->add_option("FILE", arguments.files, "policies; - is standard input")->required();
    add_policy_options(*command, arguments.options);
    add_memory_option(*command, arguments.options);
    command
        ->add_option("--against", arguments.against,
                     "the policy that FILE will replace: report the state that a reload forgets")
        ->type_name("OLD");
    command->add_flag("--load", arguments.load, "also compile it and run the kernel's verifier (needs CAP_BPF)");
    command->add_flag("--sinks", arguments.sinks,
                      "also try each sink: open or connect, authenticate, and send one event that says it is a test");
    command->add_flag("--fix", arguments.fix,
                      "apply the fixes that are certain to the files; of - the fixed text goes to standard output");
    add_validate_options(*command, arguments.validate);
    add_budget_options(*command, arguments.budget);
    command->callback([&status] { status = check(arguments); });
}

}  // namespace weir::cli

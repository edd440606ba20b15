// weir check: checks a policy.
// Tested by tests/cli/answers_test.py with `"check"`.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "compiler/codegen/state_tables.h"
#include "runtime/engine/program.h"
#include "runtime/state/state_maps.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {
namespace {

struct CheckArguments {
    tooling::PolicyOptions options{};
    std::vector<std::string> files{};
    bool load = false;
    std::string against{};
};

// Compiles the policy and runs the kernel's verifier. Nothing stays in the kernel.
int load_in_kernel(const Compiled& compiled, const std::string& file) {
    const auto object = compile(compiled, {});
    if (!object) return say_error(object.error());
    auto program = runtime::Program::load(*object, {});
    if (!program) {
        Error said = program.error();
        said.message = file + ": " + said.message;
        return say_error(said);
    }
    return kOk;
}

std::vector<bpf::StateMap> state_of(const Compiled& compiled) {
    codegen::StateTables tables(compiled.policy);
    tables.set_decision(compiled.decision);
    bpf::Object object;
    tables.write(compiled.policy, object);
    return std::move(object.state);
}

// What a reload would forget. Returns a status.
int say_forgotten(const CheckArguments& arguments, const Compiled& compiled, PolicyFiles& files) {
    const tooling::LoadedPolicy& old = files.load(arguments.against, tooling::Depth::kMeaning);
    if (!old.compiled) return old.status;
    const runtime::StateMaps::Change change = runtime::StateMaps::change(state_of(*old.compiled), state_of(compiled));
    for (const std::string& identity : change.ended)
        fmt::print(stderr, "note: a reload forgets the state of `{}`\n", printable(identity));
    for (const std::string& identity : change.begun)
        fmt::print(stderr, "note: `{}` starts empty\n", printable(identity));
    return kOk;
}

int check(const CheckArguments& arguments) {
    int status = kOk;
    PolicyFiles files(arguments.options);
    for (const std::string& file : arguments.files) {
        const tooling::LoadedPolicy& loaded = files.load(file, tooling::Depth::kLint);
        int one = loaded.status;
        if (loaded.compiled && arguments.load) one = load_in_kernel(*loaded.compiled, file);
        if (loaded.compiled && one == kOk && !arguments.against.empty())
            one = say_forgotten(arguments, *loaded.compiled, files);
        if (!loaded.linted)
            fmt::print(stderr,
                       "note: {}: rule logic is too large to check completely: some shadowed or redundant rules may be "
                       "missing\n",
                       printable(file));
        if (one == kOk && arguments.options.format == "human")
            fmt::print("{}: ok: {} rule{}, {} test{}{}\n", printable(file), loaded.compiled->policy.rules.size(),
                       loaded.compiled->policy.rules.size() == 1 ? "" : "s", loaded.compiled->policy.tests.size(),
                       loaded.compiled->policy.tests.size() == 1 ? "" : "s",
                       arguments.load ? ", and the kernel accepts it" : "");
        status = std::max(status, one);
    }
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
    command->callback([&status] { status = check(arguments); });
}

}  // namespace weir::cli

// Tested by tests/cli/answers_test.py with `"--format"`.
#include "cli/options.h"

namespace weir::cli {

void add_policy_options(CLI::App& command, tooling::PolicyOptions& options) {
    command.add_option("--format", options.format, "format of diagnostics and results: human, json, sarif or github")
        ->check(CLI::IsMember({"human", "json", "sarif", "github"}))
        ->capture_default_str();
    command.add_option("-I,--include", options.include_dirs, "also search this folder for imports and set files")
        ->type_name("DIR")
        ->allow_extra_args(false);
    command
        .add_option_function<std::string>(
            "--deny", [&options](const std::string&) { options.deny_warnings = true; },
            "`--deny warnings`: treat warnings as errors")
        ->check(CLI::IsMember({"warnings"}));
}

void add_name_option(CLI::App& command, std::string& name) {
    command.add_option("--name", name, "name of the engine, if several run");
}

void add_engine_option(CLI::App& command, std::string& engine) {
    command
        .add_option(
            "--engine", engine,
            "evaluator: kernel (BPF_PROG_TEST_RUN, needs CAP_BPF), native (compiled for this CPU), oracle (the\n"
            "reference), all (they must agree); default: kernel if allowed, else native")
        ->check(CLI::IsMember({"kernel", "native", "oracle", "all"}));
}

}  // namespace weir::cli

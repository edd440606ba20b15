#include "cli/options.h"

namespace weir::cli {

void add_policy_options(CLI::App& command, tooling::PolicyOptions& options) {
    command
        .add_option("--format", options.format, "how diagnostics and results are written: human, json, sarif or github")
        ->check(CLI::IsMember({"human", "json", "sarif", "github"}))
        ->capture_default_str();
    command
        .add_option("-I,--include", options.include_dirs,
                    "folder in which imports and set files are looked for, after the file's own")
        ->type_name("DIR")
        ->allow_extra_args(false);
    command
        .add_option_function<std::string>(
            "--deny", [&options](const std::string&) { options.deny_warnings = true; },
            "`--deny warnings`: warnings count as errors")
        ->check(CLI::IsMember({"warnings"}));
}

void add_name_option(CLI::App& command, std::string& name) {
    command.add_option("--name", name, "which engine, where several run");
}

void add_engine_option(CLI::App& command, std::string& engine) {
    command
        .add_option(
            "--engine", engine,
            "who judges: kernel (BPF_PROG_TEST_RUN, needs CAP_BPF), native (compiled for this CPU), oracle (the\n"
            "reference), all (must agree); default: kernel where allowed, else native")
        ->check(CLI::IsMember({"kernel", "native", "oracle", "all"}));
}

}  // namespace weir::cli

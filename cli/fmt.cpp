// weir fmt: the one canonical layout.
// Tested by tests/cli/answers_test.py with `"fmt"`.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "grammar/parser.h"
#include "grammar/print.h"
#include "tooling/files/output_file.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {
namespace {

struct FmtArguments {
    tooling::PolicyOptions options{};
    std::vector<std::string> files{};
    bool check = false;
};

int format_one(const FmtArguments& arguments, const std::string& file) {
    auto text = tooling::read_file(file);
    if (!text) return say_error(text.error());
    Sources sources;
    Diagnostics diagnostics;
    const std::uint32_t root = sources.add(file == "-" ? "<stdin>" : file, std::move(*text));
    const ast::Policy policy = parse(sources, root, diagnostics);
    if (diagnostics.has_errors()) {
        std::fputs(
            render(sources, diagnostics, tooling::diagnostic_format(arguments.options.format), colour_of(STDERR_FILENO))
                .c_str(),
            stderr);
        return kPolicyFault;
    }
    const std::string formatted = format(sources, policy);
    const bool differs = formatted != sources.text(root);
    if (arguments.check) {
        if (differs) fmt::print("{}: not in the canonical layout: run `weir fmt`\n", printable(sources.name(root)));
        return differs ? kPolicyFault : kOk;
    }
    if (file == "-") {
        std::fputs(formatted.c_str(), stdout);
        return kOk;
    }
    if (!differs) return kOk;
    if (Status written = tooling::write_whole(file, formatted); !written) return say_error(written.error());
    fmt::print("{}: formatted\n", printable(file));
    return kOk;
}

int format_all(const FmtArguments& arguments) {
    int status = kOk;
    for (const std::string& file : arguments.files) status = std::max(status, format_one(arguments, file));
    return status;
}

}  // namespace

void add_fmt(CLI::App& app, int& status) {
    static FmtArguments arguments;
    CLI::App* command = app.add_subcommand("fmt", "rewrites policies in the canonical layout; comments stay");
    command->footer(
        "Files are rewritten in place, completely or not at all. - reads standard input and writes standard output.");
    command->add_option("FILE", arguments.files, "policies; - is standard input")->required();
    command->add_flag("--check", arguments.check, "change nothing; status 1 if a file is not in the canonical layout");
    command->add_option("--format", arguments.options.format, "format of diagnostics: human, json, sarif or github")
        ->check(CLI::IsMember({"human", "json", "sarif", "github"}))
        ->capture_default_str();
    command->callback([&status] { status = format_all(arguments); });
}

}  // namespace weir::cli

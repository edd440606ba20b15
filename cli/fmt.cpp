// weir fmt: the one canonical layout.
// Tested by tests/cli/answers_test.py with `"fmt"`.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "grammar/github.h"
#include "grammar/parser.h"
#include "grammar/print.h"
#include "tooling/files/line_diff.h"
#include "tooling/files/output_file.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {
namespace {

struct FmtArguments {
    tooling::PolicyOptions options{};
    std::vector<std::string> files{};
    bool check = false;
    bool diff = false;
};

// A diff is data: as it is for programs; on a terminal in colour and without control characters.
void print_diff(const std::string& diff) {
    if (isatty(STDOUT_FILENO) != 1) {
        std::fwrite(diff.data(), 1, diff.size(), stdout);
        return;
    }
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    for (std::string_view rest = diff; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const char* tint = line.starts_with('-')   ? "\x1b[31m"
                           : line.starts_with('+') ? "\x1b[32m"
                           : line.starts_with('@') ? "\x1b[36m"
                                                   : "";
        put("{}{}{}\n", colour ? tint : "", printable(line), colour && *tint != '\0' ? "\x1b[0m" : "");
    }
}

// --check, in the format asked for.
void say_differs(const FmtArguments& arguments, const std::string& name, std::uint32_t line, PolicyFiles& files) {
    const std::string sentence = "not in the canonical layout: run `weir fmt`";
    if (tooling::is_document(arguments.options.format)) {
        files.add({"layout", "a file is not in the canonical layout", sentence, name, line});
    } else if (arguments.options.format == "github") {
        std::fputs(github_line({"error", name, {line, 1}, {line, 1}, "layout", sentence}).c_str(), stdout);
    } else if (arguments.options.format == "json") {
        const nlohmann::ordered_json object{{"file", name}, {"canonical", false}, {"line", line}};
        put("{}\n", object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    } else {
        put("{}: {}\n", printable(name), sentence);
    }
}

int report(const FmtArguments& arguments, const std::string& name, const std::string& before, const std::string& after,
           PolicyFiles& files) {
    if (arguments.diff) print_diff(tooling::unified_diff(name, before, after));
    if (arguments.check) say_differs(arguments, name, tooling::first_changed_line(before, after), files);
    return kPolicyFault;
}

int format_one(const FmtArguments& arguments, const std::string& file, PolicyFiles& files) {
    auto text = tooling::read_file(file);
    if (!text) return say_error(text.error());
    const std::string name = file == "-" ? "<stdin>" : shown_path(file, arguments.options);
    tooling::LoadedPolicy parsed;
    const std::uint32_t root = parsed.sources.add(name, *text);
    const ast::Policy policy = parse(parsed.sources, root, parsed.diagnostics);
    if (parsed.diagnostics.has_errors()) return files.take(std::move(parsed)), kPolicyFault;
    const std::string formatted = format(parsed.sources, policy);
    const bool differs = formatted != parsed.sources.text(root);  // a byte order mark makes no difference
    if (arguments.check || arguments.diff) return differs ? report(arguments, name, *text, formatted, files) : int{kOk};
    if (file == "-") {
        std::fputs(formatted.c_str(), stdout);
        return kOk;
    }
    if (!differs) return kOk;
    if (Status written = tooling::write_whole(file, formatted); !written) return say_error(written.error());
    if (!is_quiet()) put("{}: formatted\n", printable(file));
    std::fflush(stdout);  // Ctrl-C leaves no file changed that was not named
    return kOk;
}

int format_all(const FmtArguments& arguments) {
    end_on_interrupt();
    const bool writes_text = arguments.diff || (!arguments.check && reads_stdin(arguments.files));
    if (writes_text && tooling::is_document(arguments.options.format))
        return say_usage("standard output is the text: a document needs `fmt --check`");
    if (const int wrong = refuse_repeated_stdin(arguments.files); wrong != kOk) return wrong;
    PolicyFiles files(arguments.options);
    int status = kOk;
    for (const std::string& file : arguments.files) status = std::max(status, format_one(arguments, file, files));
    files.write_sarif();
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
    command->add_flag("--diff", arguments.diff,
                      "change nothing; print what would change as a unified diff; status 1 if any");
    add_format_option(*command, arguments.options.format, tooling::FormatsOf::kPolicies, "diagnostics");
    command->callback([&status] { status = format_all(arguments); });
}

}  // namespace weir::cli

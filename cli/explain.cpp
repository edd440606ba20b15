// weir explain: explains a diagnostic.
// Tested by tests/cli/answers_test.py with `"explain"`.
#include <unistd.h>

#include <cctype>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "grammar/diagnostic.h"

// docs/diagnostics.md, embedded by the build.
extern "C" const char weir_template_diagnostics_begin[];
extern "C" const char weir_template_diagnostics_end[];

namespace weir::cli {
namespace {

// The section "## E201…" up to the next section. Empty if there is none; the house test checks that there is one.
std::string_view section(std::string_view page, std::string_view code) {
    const std::string heading = fmt::format("\n## {}", code);
    const std::size_t begin = page.find(heading);
    if (begin == std::string_view::npos) return {};
    const std::size_t end = page.find("\n## ", begin + heading.size());
    return page.substr(begin + 1, end == std::string_view::npos ? end : end - begin);
}

// The text without Markdown: headings are bold, fences are removed, their content is indented.
void print_section(std::string_view text) {
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    bool code = false;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (line.starts_with("```")) {
            code = !code;
            continue;
        }
        if (!code && line.starts_with("## "))
            fmt::print("{}{}{}\n", colour ? "\x1b[1m" : "", line.substr(3), colour ? "\x1b[0m" : "");
        else
            fmt::print("{}{}\n", code && !line.empty() ? "    " : "", line);
    }
}

int explain(std::string word) {
    for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const auto code = find_code(word);
    if (!code) {
        fmt::print(stderr, "weir: unknown diagnostic `{}`: codes look like E201 and W401\n", printable(word));
        return kUsage;
    }
    const std::string_view page(
        weir_template_diagnostics_begin,
        static_cast<std::size_t>(weir_template_diagnostics_end - weir_template_diagnostics_begin));
    const std::string_view text = section(page, code_name(*code));
    if (text.empty())
        fmt::print("{}: {}\n", code_name(*code), code_title(*code));
    else
        print_section(text);
    return kOk;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
    static std::string code;
    CLI::App* command = app.add_subcommand("explain", "explains a diagnostic, and how to fix it");
    command->add_option("CODE", code, "E201, W401 …")->required();
    command->callback([&status] { status = explain(code); });
}

}  // namespace weir::cli

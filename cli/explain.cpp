// weir explain: explains a diagnostic, or why a packet gets its verdict.
// Tested by tests/cli/answers_test.py with `"explain"`.
#include <unistd.h>

#include <cctype>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/explain_packet.h"
#include "cli/local_net.h"
#include "cli/options.h"
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

// A link of Markdown is of no use on a terminal: what it leads to is written out, as a command or as a page of docs/.
std::string reference(std::string_view shown, std::string_view target) {
    if (target.starts_with("http")) return fmt::format("{} ({})", shown, target);
    std::string code(target.substr(0, target.find('-')));  // "#e521-tables-too-large-together"
    for (char& c : code) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (code.starts_with('#') && find_code(code.substr(1)))
        return fmt::format("{} (weir explain {})", shown, code.substr(1));
    if (target.starts_with('#')) return std::string(shown);
    if (shown == target) return fmt::format("docs/{}", target);
    return fmt::format("{} (docs/{})", shown, target);
}

std::string without_links(std::string_view line) {
    std::string out;
    for (;;) {
        const std::size_t middle = line.find("](");
        const std::size_t begin = middle == std::string_view::npos ? middle : line.rfind('[', middle);
        const std::size_t end = middle == std::string_view::npos ? middle : line.find(')', middle);
        if (begin == std::string_view::npos || end == std::string_view::npos) return out.append(line);
        out.append(line.substr(0, begin));
        out += reference(line.substr(begin + 1, middle - begin - 1), line.substr(middle + 2, end - middle - 2));
        line.remove_prefix(end + 1);
    }
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
            put("{}{}{}\n", colour ? "\x1b[1m" : "", line.substr(3), colour ? "\x1b[0m" : "");
        else
            put("{}{}\n", code && !line.empty() ? "    " : "", code ? std::string(line) : without_links(line));
    }
}

int explain_code(std::string word) {
    for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const auto code = find_code(word);
    if (!code) {
        put(stderr, "weir: unknown diagnostic `{}`: codes look like E201 and W401\n", printable(word));
        if (word.find_first_of("./") != std::string::npos)
            put(stderr, "      of a policy, `--packet` or `--pcap` names the packet to explain\n");
        return kUsage;
    }
    const std::string_view page(
        weir_template_diagnostics_begin,
        static_cast<std::size_t>(weir_template_diagnostics_end - weir_template_diagnostics_begin));
    const std::string_view text = section(page, code_name(*code));
    if (text.empty())
        put("{}: {}\n", code_name(*code), code_title(*code));
    else
        print_section(text);
    return kOk;
}

int explain(const ExplainArguments& arguments) {
    const bool has_capture = !arguments.capture.empty(), has_packet = !arguments.packet.empty();
    if (!has_capture && !has_packet && arguments.frame == 0) return explain_code(arguments.subject);
    const char* wrong = nullptr;
    if (has_capture && has_packet) wrong = "`--packet` and `--pcap` both name a packet: give one of them";
    if (!has_capture && arguments.frame != 0) wrong = "`--frame` is the number of a frame of `--pcap F`";
    if (has_capture && arguments.frame == 0) wrong = "`--pcap F` wants `--frame N`, which counts from 1";
    if (wrong == nullptr) return explain_packet(arguments);
    put(stderr, "weir: {}\n", wrong);
    return kUsage;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
    static ExplainArguments arguments;
    CLI::App* command = app.add_subcommand("explain", "explains a diagnostic, or why a packet gets its verdict");
    command->footer(
        "    weir explain W401\n"
        "    weir explain edge.rules --packet \"tcp 198.51.100.7:4000 -> 192.0.2.1:22 syn\"");
    command->add_option("CODE", arguments.subject, "E201, W401 …; or a policy's file, - is standard input")->required();
    command->add_option("--packet", arguments.packet, "the packet, written as in a step of a test")
        ->type_name("PACKET");
    command->add_option("--pcap", arguments.capture, "a capture: the packet is its frame --frame")->type_name("F");
    command
        ->add_option("--frame", arguments.frame, "number of the frame, from 1; the frames before it leave their state")
        ->type_name("N");
    add_engine_option(*command, arguments.engine);
    add_capture_options(*command, arguments.interface, arguments.local);
    add_policy_options(*command, arguments.options);
    command->callback([&status] { status = explain(arguments); });
}

}  // namespace weir::cli

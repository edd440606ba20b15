// Tested by tests/cli/answers_test.py with `"--format"`.
#include "cli/options.h"

#include <charconv>
#include <optional>
#include <string_view>

namespace weir::cli {

void add_format_option(CLI::App& command, std::string& format, tooling::FormatsOf what, const std::string& of_what) {
    command.add_option("--format", format, "format of " + of_what + ": " + tooling::format_words_text(what))
        ->check(CLI::IsMember(tooling::format_words(what)))
        ->capture_default_str();
}

void add_policy_options(CLI::App& command, tooling::PolicyOptions& options, tooling::FormatsOf what) {
    add_format_option(command, options.format, what, "diagnostics and results");
    command.add_option("-I,--include", options.include_dirs, "also search this folder for imports and set files")
        ->type_name("DIR")
        ->allow_extra_args(false);
    command
        .add_option_function<std::string>(
            "--deny", [&options](const std::string&) { options.deny_warnings = true; },
            "`--deny warnings`: treat warnings as errors")
        ->check(CLI::IsMember({"warnings"}));
}

std::optional<std::uint64_t> parse_size(const std::string& text) {
    constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
        {"KB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}};
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc()) return std::nullopt;
    for (const auto& [unit, bytes] : kUnits)
        if (unit == end && number != 0 && number <= ~std::uint64_t{0} / bytes) return number * bytes;
    return std::nullopt;
}

void add_memory_option(CLI::App& command, tooling::PolicyOptions& options) {
    command
        .add_option_function<std::string>(
            "--memory", [&options](const std::string& text) { options.table_bytes = *parse_size(text); },
            "kernel memory that the policy's sets, state terms and throttles may take together; default: 1GB")
        ->type_name("SIZE")
        ->check([](const std::string& text) {
            return parse_size(text) ? std::string() : "`" + text + "` is not a size such as 500MB or 4GB";
        });
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

// Tested by tests/unit/tooling/import_test.cpp with `hashlimit`.
#include <fmt/format.h>

#include "tooling/import/iptables_match.h"

namespace weir::tooling::imports {
namespace {

void refuse(RuleState& state, std::string reason) { state.rule.when.unsaid.push_back(std::move(reason)); }

std::string option_of(const RuleState& state, const std::string& name, const std::string& otherwise) {
    const auto found = state.options.find(name);
    return found == state.options.end() ? otherwise : found->second;
}

// "5/min" of "5/min", "5/minute", "5" (a second).
std::optional<std::string> rate_of(const std::string& text) {
    const std::size_t slash = text.find('/');
    return slash == std::string::npos ? rate_text(text, "second")
                                      : rate_text(text.substr(0, slash), text.substr(slash + 1));
}

void add_plain_limit(RuleState& state) {
    const auto rate = rate_of(option_of(state, "--limit", ""));
    const auto burst = parse_number(option_of(state, "--limit-burst", "5"));
    if (!rate || !burst || *burst == 0) return refuse(state, "a limit is said as N/second, minute, hour or day");
    state.rule.when.terms.push_back(fmt::format("rate() <= {} burst {}", *rate, *burst));
}

// "srcip" with its mask, "dstport".
std::optional<std::string> key_of(RuleState& state, std::string_view word) {
    const bool is_source = word.starts_with("src");
    if (word == "srcport" || word == "dstport") return is_source ? "port.src" : "port.dst";
    if (word != "srcip" && word != "dstip") return std::nullopt;
    const char* field = is_source ? "ip.src" : "ip.dst";
    const auto mask = parse_number(option_of(state, is_source ? "--hashlimit-srcmask" : "--hashlimit-dstmask", "128"));
    const std::uint64_t width = state.scope.version == 4 ? 32 : 128;
    if (!mask || *mask == 0) return std::nullopt;
    if (*mask >= width) return field;
    return width == 32 ? fmt::format("{}/{}", field, *mask) : fmt::format("{}/32/{}", field, *mask);
}

void add_hashlimit(RuleState& state) {
    const bool is_above = state.options.contains("--hashlimit-above");
    std::string value = is_above ? state.options["--hashlimit-above"]
                                 : option_of(state, "--hashlimit-upto", option_of(state, "--hashlimit", ""));
    const auto rate = rate_of(value);
    const auto burst = parse_number(option_of(state, "--hashlimit-burst", "5"));
    if (!rate || !burst || *burst == 0) return refuse(state, "a limit is said as N/second, minute, hour or day");
    if (state.scope.hashlimits[option_of(state, "--hashlimit-name", "")] > 1)
        return refuse(state, "several rules share the table of a hashlimit: here each rule has a table of its own");
    std::vector<std::string> keys;
    if (const std::string mode = option_of(state, "--hashlimit-mode", ""); !mode.empty()) {
        for (const std::string_view word : split(mode, ',')) {
            const auto key = key_of(state, word);
            if (!key) return refuse(state, fmt::format("hashlimit by `{}`", word));
            keys.push_back(*key);
        }
    }
    const auto size = parse_number(option_of(state, "--hashlimit-htable-max", ""));
    const std::string table = size && *size > 0 && *size <= (1u << 20) ? fmt::format(" size {}", *size) : std::string();
    state.rule.when.terms.push_back(
        fmt::format("rate({}) {} {} burst {}{}", fmt::join(keys, ", "), is_above ? ">" : "<=", *rate, *burst, table));
}

}  // namespace

void add_limit(RuleState& state) {
    if (state.options.contains("--limit")) add_plain_limit(state);
    if (state.options.contains("--hashlimit-upto") || state.options.contains("--hashlimit-above") ||
        state.options.contains("--hashlimit"))
        add_hashlimit(state);
}

}  // namespace weir::tooling::imports

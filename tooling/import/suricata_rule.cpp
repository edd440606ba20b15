// Tested by tests/unit/tooling/import_suricata_test.cpp with `import_suricata`.
#include "tooling/import/suricata_rule.h"

#include <algorithm>
#include <utility>

namespace weir::tooling::imports {
namespace {

std::string trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// Seven words before the parenthesis; a list in brackets may have blanks.
std::vector<std::string> header_words(std::string_view head) {
    std::vector<std::string> words;
    std::string word;
    int depth = 0;
    for (const char c : head) {
        depth += c == '[' ? 1 : c == ']' ? -1 : 0;
        if (c != ' ' && c != '\t') {
            word += c;
        } else if (depth <= 0 && !word.empty()) {
            words.push_back(std::exchange(word, {}));
        }
    }
    if (!word.empty()) words.push_back(word);
    return words;
}

// "name:value; name; …" with `\;` and quotes.
std::vector<SuricataOption> options_of(std::string_view text) {
    std::vector<SuricataOption> options;
    std::string one;
    bool is_quoted = false;
    const auto finish = [&] {
        const std::string option = trimmed(one);
        one.clear();
        if (option.empty()) return;
        const std::size_t colon = option.find(':');
        options.push_back({trimmed(option.substr(0, colon)),
                           colon == std::string::npos ? std::string() : trimmed(option.substr(colon + 1))});
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            one += text[i];
            one += text[++i];
            continue;
        }
        if (text[i] == '"') is_quoted = !is_quoted;
        if (text[i] == ';' && !is_quoted)
            finish();
        else
            one += text[i];
    }
    finish();
    return options;
}

}  // namespace

const std::string* SuricataRule::find(std::string_view name) const {
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const SuricataOption& one) { return one.name == name; });
    return found == options.end() ? nullptr : &found->value;
}

std::optional<SuricataRule> parse_suricata(std::string_view line, std::string& why, std::size_t& offset) {
    const std::size_t open = line.find('('), close = line.rfind(')');
    offset = 0;
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return why = "a rule has its options in parentheses", std::nullopt;
    const std::vector<std::string> words = header_words(line.substr(0, open));
    static constexpr std::string_view kActions[] = {"alert",     "pass",      "drop",      "reject",
                                                    "rejectsrc", "rejectdst", "rejectboth"};
    if (words.empty() || std::find(std::begin(kActions), std::end(kActions), words.front()) == std::end(kActions))
        return why = "a rule begins with alert, pass, drop or reject", std::nullopt;
    if (words.size() != 7 || (words[4] != "->" && words[4] != "<>"))
        return why = "a rule has ACTION PROTOCOL SOURCE PORT -> TARGET PORT before its options", std::nullopt;
    SuricataRule rule;
    rule.action = words[0];
    rule.protocol = words[1];
    rule.source = words[2];
    rule.source_port = words[3];
    rule.direction = words[4];
    rule.target = words[5];
    rule.target_port = words[6];
    rule.options = options_of(line.substr(open + 1, close - open - 1));
    return rule;
}

}  // namespace weir::tooling::imports

// Tested by tests/unit/tooling/import_test.cpp with `iptables`.
#include "tooling/import/iptables_save.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

namespace weir::tooling::imports {
namespace {

constexpr std::size_t kMostErrors = 20;  // of one file: it is of another kind

class Reader {
public:
    Reader(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics)
        : sources_(sources), file_(file), diagnostics_(diagnostics) {}

    SavedFile run() {
        const std::string_view text = sources_.text(file_);
        std::uint32_t number = 1;
        for (std::size_t begin = 0; begin < text.size() && diagnostics_.errors() < kMostErrors; ++number) {
            const std::size_t end = std::min(text.find('\n', begin), text.size());
            std::string_view line = text.substr(begin, end - begin);
            if (line.ends_with('\r')) line.remove_suffix(1);
            at_ = {file_, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(begin + line.size())};
            place_ = fmt::format("{}:{}", sources_.name(file_), number);
            take(line);
            begin = end + 1;
        }
        if (saved_.tables.empty() && !diagnostics_.has_errors()) {
            at_ = {file_, 0, static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), 1))};
            wrong(at_, "this has no table, as `*filter`");
        }
        return std::move(saved_);
    }

private:
    void wrong(Span at, std::string message) {
        diagnostics_.add({Code::E601,
                          at,
                          std::move(message),
                          {},
                          "`weir import iptables` reads what iptables-save, ip6tables-save and `ipset save` write",
                          {},
                          {},
                          {},
                          {}});
    }

    void take(std::string_view line) {
        if (line.find_first_not_of(" \t") == std::string_view::npos) return;
        if (line.starts_with('#')) {
            if (line.find("ip6tables-save") != std::string_view::npos) saved_.version = 6;
            return;
        }
        if (line.starts_with('*')) {
            saved_.tables.push_back({std::string(line.substr(1, line.find_last_not_of(" \t"))), {}, {}});
            return;
        }
        if (line == "COMMIT") return is_open() ? void(0) : wrong(at_, "COMMIT without a table");
        if (!is_open()) return wrong(at_, "expected a table, as `*filter`");
        std::vector<Word> words = words_of(line, at_, diagnostics_);
        if (words.empty()) return;
        if (words.front().text.starts_with('[') && words.size() > 1) words.erase(words.begin());  // counters
        if (words.front().text.starts_with(':')) return take_chain(words);
        take_command(line, words);
    }

    bool is_open() const { return !saved_.tables.empty(); }

    void take_chain(const std::vector<Word>& words) {
        if (words.size() < 2) return wrong(words.front().span, "a chain needs a policy, as `:INPUT DROP [0:0]`");
        saved_.tables.back().chains.push_back(
            {words[0].text.substr(1), words[1].text, {place_, words[0].text + " " + words[1].text, at_}});
    }

    void take_command(std::string_view line, std::vector<Word>& words) {
        const std::string command = words.front().text;
        SavedTable& table = saved_.tables.back();
        if (words.size() < 2) return wrong(words.front().span, fmt::format("`{}` needs a chain", one_word(command)));
        const std::string chain = words[1].text;
        if (command == "-A" || command == "--append") {
            SavedRule rule{{place_, std::string(line), at_}, chain, {}};
            rule.words.assign(words.begin() + 2, words.end());
            if (names_ip6(rule.words)) saved_.version = 6;
            table.rules.push_back(std::move(rule));
        } else if (command == "-N" || command == "--new-chain") {
            table.chains.push_back({chain, "-", {place_, std::string(line), at_}});
        } else if ((command == "-P" || command == "--policy") && words.size() >= 3) {
            table.chains.push_back({chain, words[2].text, {place_, std::string(line), at_}});
        } else {
            wrong(words.front().span, fmt::format("`{}` is not a command of iptables-save", one_word(command)));
        }
    }

    static std::string one_word(const std::string& text) { return text.substr(0, 40); }

    // A file without its first comment.
    static bool names_ip6(const std::vector<Word>& words) {
        for (std::size_t i = 0; i < words.size(); ++i) {
            const std::string& word = words[i].text;
            if (word == "ipv6-icmp" || word == "icmpv6" || word == "--icmpv6-type" || word.starts_with("icmp6-"))
                return true;
            const bool takes_address = word == "-s" || word == "-d" || word == "--source" || word == "--destination";
            if (takes_address && i + 1 < words.size() && words[i + 1].text.find(':') != std::string::npos) return true;
        }
        return false;
    }

    const Sources& sources_;
    std::uint32_t file_;
    Diagnostics& diagnostics_;
    Span at_{};
    std::string place_{};
    SavedFile saved_{};
};

}  // namespace

std::vector<Word> words_of(std::string_view line, Span at, Diagnostics& diagnostics) {
    std::vector<Word> words;
    std::size_t i = 0;
    while (true) {
        while (i < line.size() && (line[i] == ' ' || line[i] == '\t')) ++i;
        if (i >= line.size()) return words;
        Word word;
        const std::size_t begin = i;
        char quote = '\0';
        for (; i < line.size(); ++i) {
            const char c = line[i];
            if (quote == '\0' && (c == ' ' || c == '\t')) break;
            if (c == quote || (quote == '\0' && (c == '"' || c == '\''))) {
                quote = quote == '\0' ? c : '\0';
            } else if (c == '\\' && quote == '"' && i + 1 < line.size()) {
                word.text += line[++i];
            } else {
                word.text += c;
            }
        }
        word.span = {at.file, at.begin + static_cast<std::uint32_t>(begin), at.begin + static_cast<std::uint32_t>(i)};
        if (quote != '\0')
            diagnostics.add(
                {Code::E601, word.span, "a quote that does not end", {}, "close the quote", {}, {}, {}, {}});
        words.push_back(std::move(word));
    }
}

bool is_ipset(std::string_view text) {
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view line = text.substr(begin, end - begin);
        if (!line.empty() && line.front() != '#') return line.starts_with("create ") || line.starts_with("add ");
        begin = end + 1;
    }
    return false;
}

SavedFile parse_iptables(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics) {
    return Reader(sources, file, diagnostics).run();
}

}  // namespace weir::tooling::imports

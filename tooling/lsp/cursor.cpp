// Tested by tests/unit/tooling/lsp_cursor_test.cpp.
#include "tooling/lsp/cursor.h"

#include <algorithm>
#include <array>

#include "grammar/reserved.h"

namespace weir::tooling::lsp {
namespace {

template <std::size_t Size>
bool is_one_of(std::string_view text, const std::array<std::string_view, Size>& words_) {
    return std::find(words_.begin(), words_.end(), text) != words_.end();
}
constexpr std::array<std::string_view, 6> kComparisons{"==", "!=", "<", "<=", ">", ">="};
constexpr std::array<std::string_view, 3> kSearches{"contains", "starts_with", "ends_with"};
constexpr std::array<std::string_view, 6> kTerms{"rate", "byterate", "count", "distinct", "share", "surge"};

class Finder {
public:
    Finder(std::string_view text, std::uint32_t offset) : text_(text.substr(0, offset)) {
        at_.begin = offset;
        tokens_ = lex(text_);
    }

    Cursor run() {
        if (!tokens_.empty() && take_last_word()) return at_;
        const std::size_t begin = item_begin();
        item_.assign(tokens_.begin() + static_cast<std::ptrdiff_t>(begin), tokens_.end());
        if (item_.empty() || is_behind_item()) {
            at_.where = kTop;
        } else {
            find();
        }
        return at_;
    }

private:
    // The word that is being written is no token of those before. True: within a comment or a string, which is all.
    bool take_last_word() {
        const Token last = tokens_.back();
        if (last.kind == Lexeme::kComment && last.end == text_.size()) return true;
        if (last.kind == Lexeme::kString && last.is_open && last.end == text_.size()) return within_string(last), true;
        if (last.kind != Lexeme::kWord || last.end != text_.size()) return false;
        at_.begin = last.begin;
        at_.prefix = last.in(text_);
        tokens_.pop_back();
        return false;
    }

    void within_string(const Token& string) {
        const std::string_view before = tokens_.size() > 1 ? tokens_[tokens_.size() - 2].in(text_) : std::string_view();
        std::string_view inside = text_.substr(string.begin + 1);
        if (before == "message") {
            const std::size_t hole = inside.rfind('{');
            if (hole == std::string_view::npos || inside.find('}', hole) != std::string_view::npos) return;
            inside.remove_prefix(hole + 1);
            at_.names = kHoles;
        } else if (before == "import" || before == "from") {
            at_.names = kFiles;
        } else {
            return;
        }
        at_.prefix = inside;
        at_.begin = static_cast<std::uint32_t>(text_.size() - inside.size());
    }

    std::string_view word(std::size_t i) const { return item_[i].in(text_); }
    std::string_view back(std::size_t i) const { return i < item_.size() ? word(item_.size() - 1 - i) : ""; }
    bool is_first_of_line(const Token& token) const {
        const std::size_t line = text_.substr(0, token.begin).rfind('\n') + 1;
        return text_.substr(line, token.begin - line).find_first_not_of(" \t") == std::string_view::npos;
    }
    bool is_at_margin(const Token& token) const { return token.begin == 0 || text_[token.begin - 1] == '\n'; }

    // Of the item that the place is in: braces may be missing, so the margin counts as well.
    std::size_t item_begin() {
        for (std::size_t i = tokens_.size(); i-- > 0;) {
            const Token& token = tokens_[i];
            if (token.kind != Lexeme::kWord || !begins_item(token.in(text_)) || !is_first_of_line(token)) continue;
            if (is_at_margin(token) || token.depth == 0) return i;
        }
        return tokens_.size();
    }

    std::uint32_t depth() const {
        std::uint32_t depth = 0;
        for (const Token& token : item_) {
            const std::string_view sign = token.in(text_);
            if (token.kind != Lexeme::kSign) continue;
            if (sign == "(" || sign == "[" || sign == "{") ++depth;
            if ((sign == ")" || sign == "]" || sign == "}") && depth > 0) --depth;
        }
        return depth;
    }
    bool begins_line() const {
        const std::size_t line = text_.substr(0, at_.begin).rfind('\n') + 1;
        return text_.substr(line, at_.begin - line).find_first_not_of(" \t") == std::string_view::npos;
    }
    bool goes_on() const {
        constexpr std::array<std::string_view, 8> kGoOn{"=", "and", "or", "not", ",", "in", ":", "egress"};
        return is_one_of(back(0), kGoOn) || is_one_of(back(0), kComparisons) || is_one_of(back(0), kSearches);
    }
    bool is_behind_item() const {
        if (depth() != 0) return false;
        const bool has_block = word(0) == "rule" || word(0) == "alert" || word(0) == "test" || word(0) == "sink";
        if (has_block && (back(0) == "}" || back(0) == ")")) return true;
        return begins_line() && !goes_on();
    }

    // The last word of the item that is one of these, from the front; the item's size where there is none.
    template <std::size_t Size>
    std::size_t last_of(const std::array<std::string_view, Size>& words_) const {
        for (std::size_t i = item_.size(); i-- > 0;)
            if (item_[i].kind != Lexeme::kString && is_one_of(word(i), words_)) return i;
        return item_.size();
    }

    void find() {
        const std::string_view item = word(0);
        if (item == "default") at_.where = item_.size() == 1 ? kVerdict | kDefault : kVerdict;
        if (item == "malformed") at_.where = kVerdict;
        if (item == "let" && last_of(std::array<std::string_view, 1>{"="}) != item_.size()) find_condition();
        if (item == "set") find_set();
        if (item == "rule" && depth() != 0) find_rule();
        if (item == "alert" && depth() != 0) find_alert();
        if (item == "sink") find_sink();
        if (item == "test" && depth() != 0) find_test();
    }

    void find_set() {
        const bool is_type =
            back(0) == ":" || back(0).ends_with(':') || (depth() != 0 && word(item_.size() - 1) != "{");
        const bool has_entries = last_of(std::array<std::string_view, 1>{"="}) != item_.size();
        if (has_entries)
            at_.names = kLets;
        else if (item_.size() > 1 && is_type)
            at_.where = kSetType;
        else if (item_.size() > 2 && (back(0) == "size" || back(0) == "ttl"))
            at_.names = kLets;
        else if (item_.size() > 2)
            at_.where = kSetClause;
    }

    void find_rule() {
        const std::size_t at = last_of(std::array<std::string_view, 2>{"when", "then"});
        if (at == item_.size())
            at_.where = back(0) == "note" ? 0u : static_cast<std::uint32_t>(kRule);
        else if (word(at) == "when")
            find_condition();
        else
            find_action();
    }

    void find_action() {
        constexpr std::array<std::string_view, 3> kBegins{"then", ",", "{"};
        const std::string_view last = back(0);
        if (is_one_of(last, kBegins))
            at_.where = kAction;
        else if (last == "alert")
            at_.names = kAlerts;
        else if (last == "to" || last == "from")
            at_.names = kSets;
        else if (last == "add" || last == "remove" || last == "measure" || last == "by" || last == "per")
            at_.names = kFields;
        else if (last == "for" || last == "before" || last == "size")
            at_.names = kLets;
        else if (last == "(")
            at_.names = kFields;
        else
            find_after_action();
    }
    void find_after_action() {
        const std::size_t at = last_of(std::array<std::string_view, 9>{"alert", "add", "remove", "capture", "measure",
                                                                       "pass", "drop", "reject", "redirect"});
        const std::string_view action = at == item_.size() ? "" : word(at);
        if (action == "measure") at_.where = kMeasure;
        if (action == "alert" || action == "add" || action == "remove" || action == "capture") at_.where = kAfterAction;
    }

    void find_alert() {
        const std::string_view last = back(0);
        const std::size_t at = last_of(
            std::array<std::string_view, 7>{"severity", "message", "throttle", "to", "escalate", "respond", "per"});
        const std::string_view clause = at == item_.size() ? "" : word(at);
        if (depth() > 1) return find_action();
        if (last == "severity")
            at_.where = kSeverity;
        else if (last == "per" || (last == "," && clause == "per"))
            at_.names = kFields;
        else if (last == "to" || (last == "," && clause == "to"))
            at_.names = kSinks;
        else if (last == "throttle" || last == "every" || last == "within")
            at_.names = kLets;
        else if (last != "message")
            at_.where = kAlertClause;
    }

    void find_sink() {
        if (back(0) == "=") {
            at_.names = kSinkKinds;
        } else if (depth() != 0 && item_.size() > 3) {
            at_.names = kSinkOptions;
            at_.sink_kind = word(3);
        }
    }

    void find_test() {
        const std::string_view last = back(0);
        std::size_t line = item_.size();  // first token of the step, which nearly always has a line of its own
        while (line > 0 && !is_first_of_line(item_[line - 1])) --line;
        const std::size_t yields = last_of(std::array<std::string_view, 1>{"=>"});
        if (last == "expect")
            at_.names = kSets;
        else if (last == "=>")
            at_.where = kVerdict | kOutcome;
        else if (begins_line() || last == "{" || last == "x" || last == "out")
            at_.where = kStep;
        else if (yields != item_.size() && yields + 1 >= line && last == "by")
            at_.names = kRules;
        else if (yields != item_.size() && yields + 1 >= line && last == "alert")
            at_.names = kAlerts;
        else if (yields != item_.size() && yields + 1 >= line)
            at_.where = last == "," ? kVerdict | kOutcome : kAfterVerdict;
        else if (last == "type" || last == "op" || last == "dscp")
            at_.field = packet::find_field(last == "op" ? "arp.op" : last == "dscp" ? "ip.dscp" : "icmp.type");
        else if (last != "on" && last != "payload" && last != "->")
            at_.where = kPacket;
    }

    // ---- conditions ----

    // Of the token at `i`, the field that is compared there: `icmp.type ==`, `ip.proto not in {`.
    std::optional<packet::FieldId> compared_before(std::size_t i) const {
        while (i > 0 && (word(i) == "in" || word(i) == "not" || is_one_of(word(i), kComparisons))) --i;
        return packet::find_field(word(i));
    }
    // The bracket that the place is in.
    std::optional<std::size_t> open_bracket() const {
        std::uint32_t closed = 0;
        for (std::size_t i = item_.size(); i-- > 0;) {
            if (item_[i].kind != Lexeme::kSign) continue;
            const std::string_view sign = word(i);
            if (sign == ")" || sign == "]" || sign == "}") ++closed;
            if (sign != "(" && sign != "[" && sign != "{") continue;
            if (closed == 0) return i;
            --closed;
        }
        return std::nullopt;
    }

    void find_condition() {
        const std::string_view last = back(0);
        const std::optional<std::size_t> open = open_bracket();
        const bool in_set = open && word(*open) == "{" && *open > 2;
        const bool in_term = open && *open > 0 && word(*open) == "(" && is_one_of(word(*open - 1), kTerms);
        if (in_set && (last == "{" || last == ",")) {
            at_.field = compared_before(*open - 1);
            at_.names = kLets;
        } else if (last == "when" || last == "=" || last == "and" || last == "or" || last == "not" || last == "(" ||
                   last == "," || last == "by") {
            at_.where = in_term ? kArgument : kOperand;
            if (in_term && word(*open - 1) == "share" && last == "(") at_.where = kOperand;
            at_.names = kFields | kLets;
        } else if (is_one_of(last, kComparisons)) {
            at_.field = compared_before(item_.size() - 1);
            at_.where = kValue;
            at_.names = kLets | kFields;
        } else if (last == "in") {
            at_.names = kLets | kSets;
        } else if (is_one_of(last, kSearches)) {
            at_.where = kText;
            at_.names = kLets;
        } else if (last == "burst" || last == "size" || last == "of" || last == "floor") {
            at_.names = kLets;
        } else if (!in_set) {
            at_.where = kAfterOperand;
        }
    }

    std::string_view text_;
    std::vector<Token> tokens_{};
    std::vector<Token> item_{};
    Cursor at_{};
};

}  // namespace

Cursor cursor_at(std::string_view text, std::uint32_t offset) { return Finder(text, offset).run(); }

}  // namespace weir::tooling::lsp

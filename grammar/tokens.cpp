// Tested by tests/unit/grammar/format_test.cpp with `formatted`.
#include "grammar/tokens.h"

#include <algorithm>
#include <string>

namespace weir {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '/';
}

// Places where the characters alone do not determine how a text is split or spaced.
struct Places {
    std::vector<std::uint32_t> callers;    // words that the `(` or `[` after them belongs to
    std::vector<std::uint32_t> set_names;  // their ends: a colon is a token of its own there
    std::vector<std::uint32_t> frames;     // hex "…" as a packet
    std::vector<Span> packets;
};

void add_packets(const ast::Test& test, Places& places) {
    for (const ast::Step& step : test.steps) {
        const auto* send = std::get_if<ast::SendStep>(&step.node);
        if (send == nullptr) continue;
        if (send->packet.protocol.text == "hex") places.frames.push_back(send->packet.span.begin);
        places.packets.push_back(send->packet.span);
    }
}

Places places_of(const ast::Policy& policy) {
    Places places;
    for (const ast::Expr& expr : policy.exprs)
        if (std::holds_alternative<ast::Call>(expr.node) || std::holds_alternative<ast::Length>(expr.node) ||
            std::holds_alternative<ast::StateRef>(expr.node) || std::holds_alternative<ast::Slice>(expr.node))
            places.callers.push_back(expr.span.begin);
    for (const ast::Item& item : policy.items) {
        if (const auto* let = std::get_if<ast::Let>(&item)) {
            if (let->is_function) places.callers.push_back(let->name.span.begin);
        } else if (const auto* sink = std::get_if<ast::Sink>(&item)) {
            places.callers.push_back(sink->kind.span.begin);
        } else if (const auto* set = std::get_if<ast::Set>(&item)) {
            places.set_names.push_back(set->name.span.end);
        } else if (const auto* test = std::get_if<ast::Test>(&item)) {
            add_packets(*test, places);
        }
    }
    std::sort(places.callers.begin(), places.callers.end());
    return places;  // the others are already in text order
}

bool holds(const std::vector<std::uint32_t>& sorted, std::uint32_t value) {
    return std::binary_search(sorted.begin(), sorted.end(), value);
}

class Lexer {
public:
    Lexer(std::string_view text, const ast::Policy& policy)
        : text_(text), policy_(policy), places_(places_of(policy)) {}

    Tokens read();

private:
    void skip_space(Token& token);
    std::uint32_t token_end(std::uint32_t at) const;
    std::uint32_t string_end(std::uint32_t at) const;
    bool is_glued(const Token& token) const;
    bool at(std::uint32_t place, char c) const { return place < text_.size() && text_[place] == c; }

    std::string_view text_;
    const ast::Policy& policy_;
    Places places_;
    Tokens tokens_;
    std::uint32_t place_ = 0;
    std::size_t next_packet_ = 0;
};

// Space and comments up to the next token.
void Lexer::skip_space(Token& token) {
    token.first_comment = static_cast<std::uint32_t>(tokens_.comments.size());
    unsigned lines = place_ == 0 ? 1 : 0;  // ended since the last token or comment
    while (place_ < text_.size()) {
        const char c = text_[place_];
        if (is_space(c)) {
            lines += c == '\n' ? 1 : 0;
            ++place_;
        } else if (c == '#') {
            std::uint32_t end = policy_.comments[tokens_.comments.size()].span.end;
            const std::uint32_t begin = place_;
            place_ = end;
            while (is_space(text_[end - 1])) --end;
            tokens_.comments.push_back({begin, end, lines > 0, lines > 1});
            lines = 0;
        } else {
            break;
        }
    }
    token.comment_count = static_cast<std::uint32_t>(tokens_.comments.size()) - token.first_comment;
    token.line_start = lines > 0;
    token.blank_before = lines > 1;
}

std::uint32_t Lexer::string_end(std::uint32_t at_quote) const {
    std::uint32_t end = at_quote + 1;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    return end + 1;
}

std::uint32_t Lexer::token_end(std::uint32_t begin) const {
    if (at(begin, '"')) return string_end(begin);
    if (!tokens_.all.empty() && at(begin, ':') && holds(places_.set_names, tokens_.all.back().end)) return begin + 1;
    std::uint32_t end = begin;
    while (end < text_.size() && is_word(text_[end])) {
        ++end;
        if (at(end, ':') && holds(places_.set_names, end)) return end;
    }
    if (end - begin == 3 && text_.substr(begin, 3) == "hex" && at(end, '"') && !holds(places_.frames, begin))
        return string_end(end);
    if (end != begin && at(end, '%')) ++end;  // 5%
    if (end != begin) return end;
    constexpr std::string_view kSigns[] = {"==", "!=", "<=", ">=", "->", "=>"};
    for (const std::string_view sign : kSigns)
        if (text_.substr(begin).starts_with(sign)) return begin + 2;
    return begin + 1;
}

bool Lexer::is_glued(const Token& token) const {
    if (tokens_.all.empty()) return false;
    const Token& before = tokens_.all.back();
    const char c = text_[token.begin], last = text_[before.end - 1];
    const bool sign_before = before.end - before.begin == 1;
    if (c == ',' || c == ')' || c == ']') return true;
    if (sign_before && (last == '(' || last == '[')) return true;
    if (c == '(' || c == '[') {
        return holds(places_.callers, before.begin) ||
               text_.substr(before.begin, before.end - before.begin) == "redirect";
    }
    if (!token.in_packet) return false;
    if (c == '{') return last == ':';  // 192.0.2.1:{1..30}
    if (c == '}' || (sign_before && last == '{')) return true;
    return c == ':' && sign_before && last == ']' && before.end == token.begin;  // [2001:db8::1]:22
}

Tokens Lexer::read() {
    std::uint16_t depth = 0;
    for (;;) {
        Token token;
        skip_space(token);
        token.begin = token.end = place_;
        if (place_ >= text_.size()) {
            tokens_.all.push_back(token);
            return std::move(tokens_);
        }
        token.end = place_ = std::min(token_end(token.begin), static_cast<std::uint32_t>(text_.size()));
        const std::vector<Span>& packets = places_.packets;
        while (next_packet_ < packets.size() && packets[next_packet_].end <= token.begin) ++next_packet_;
        token.in_packet = next_packet_ < packets.size() && packets[next_packet_].begin <= token.begin;
        const char c = text_[token.begin];
        if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
        token.depth = depth;
        if (c == '(' || c == '[' || c == '{') ++depth;
        token.glued = is_glued(token);
        tokens_.all.push_back(token);
    }
}

}  // namespace

Span item_span(const ast::Item& item) {
    return std::visit([](const auto& node) { return node.span; }, item);
}

Tokens tokenize(const Sources& sources, const ast::Policy& policy) {
    return Lexer(sources.text(policy.file), policy).read();
}

}  // namespace weir

// Tested by tests/unit/tooling/lsp_text_test.cpp.
#include "tooling/lsp/lexer.h"

#include <algorithm>

namespace weir::tooling::lsp {
namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '/' || c == '%';
}

std::size_t string_end(std::string_view text, std::size_t quote, bool& is_open) {
    std::size_t at = quote + 1;
    while (at < text.size() && text[at] != '"' && text[at] != '\n')
        at += text[at] == '\\' && at + 1 < text.size() && text[at + 1] != '\n' ? 2 : 1;
    is_open = at >= text.size() || text[at] != '"';
    return std::min(is_open ? at : at + 1, text.size());
}

std::size_t sign_end(std::string_view text, std::size_t at) {
    constexpr std::string_view kSigns[] = {"==", "!=", "<=", ">=", "->", "=>"};
    for (const std::string_view sign : kSigns)
        if (text.substr(at).starts_with(sign)) return at + sign.size();
    return at + 1;
}

}  // namespace

std::vector<Token> lex(std::string_view text) {
    std::vector<Token> tokens;
    std::uint32_t depth = 0;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            ++at;
            continue;
        }
        Token token{Lexeme::kSign, static_cast<std::uint32_t>(at), 0, depth, false};
        if (c == '#') {
            token.kind = Lexeme::kComment;
            at = std::min(text.find('\n', at), text.size());
            while (at > token.begin + 1 && text[at - 1] == '\r') --at;
        } else if (c == '"') {
            token.kind = Lexeme::kString;
            at = string_end(text, at, token.is_open);
        } else if (is_word(c)) {
            token.kind = Lexeme::kWord;
            while (at < text.size() && is_word(text[at])) ++at;
        } else {
            at = sign_end(text, at);
        }
        if (c == '(' || c == '[' || c == '{') ++depth;
        if (c == ')' || c == ']' || c == '}') token.depth = depth = depth == 0 ? 0 : depth - 1;
        token.end = static_cast<std::uint32_t>(at);
        tokens.push_back(token);
    }
    return tokens;
}

}  // namespace weir::tooling::lsp

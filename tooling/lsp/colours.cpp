// Tested by tests/lsp/client_test.py with `"textDocument/semanticTokens/full"`.
#include "tooling/lsp/colours.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "compiler/packet/fields.h"
#include "grammar/reserved.h"
#include "tooling/lsp/docs.h"
#include "tooling/lsp/lexer.h"

namespace weir::tooling::lsp {
namespace {

constexpr const char* kTypes[] = {"keyword",  "variable", "function", "struct",  "event",    "class",     "parameter",
                                  "property", "string",   "number",   "comment", "operator", "enumMember"};
enum Type : std::uint32_t {
    kKeyword,
    kVariable,
    kFunction,
    kStruct,
    kEvent,
    kClass,
    kParameterType,
    kProperty,
    kStringType,
    kNumber,
    kCommentType,
    kOperatorType,
    kEnumMember
};
constexpr const char* kModifiers[] = {"declaration"};

class Painter {
public:
    explicit Painter(const ParsedFile& file) : file_(file), text_(file.text.all()) {
        for (const Mark& mark : file.marks)
            if (mark.kind != MarkKind::kUse) kinds_[{mark.space, mark.name}] = mark.kind;
    }

    Json run() {
        for (const Token& token : lex(text_)) paint(token);
        return {{"data", std::move(data_)}};
    }

private:
    void paint(const Token& token) {
        if (token.kind == Lexeme::kComment) return put(token, kCommentType, 0);
        if (token.kind == Lexeme::kString) return put(token, kStringType, 0);
        if (token.kind == Lexeme::kSign) return paint_sign(token);
        while (next_ < file_.marks.size() && file_.marks[next_].span.end <= token.begin) ++next_;
        // A mark of a whole condition may begin at the same place: the one that is this word counts.
        for (std::size_t i = next_; i < file_.marks.size() && file_.marks[i].span.begin <= token.begin; ++i)
            if (file_.marks[i].span.begin == token.begin && paint_mark(token, file_.marks[i])) return;
        const std::string_view word = token.in(text_);
        if (find_reserved(word) != nullptr) return put(token, kKeyword, 0);
        if (packet::find_field(word.substr(0, word.find('/')))) return put(token, kProperty, 0);
        if (std::isdigit(static_cast<unsigned char>(word[0])) != 0 || word.find(':') != std::string_view::npos)
            return put(token, kNumber, 0);
        if (find_word(word) != nullptr) put(token, kKeyword, 0);
    }
    void paint_sign(const Token& token) {
        constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">=", "&", "->", "=>", "="};
        const std::string_view sign = token.in(text_);
        if (std::find(std::begin(kOperators), std::end(kOperators), sign) != std::end(kOperators))
            put(token, kOperatorType, 0);
    }
    bool paint_mark(const Token& token, const Mark& mark) {
        const std::uint32_t modifiers = mark.kind == MarkKind::kUse ? 0 : 1;
        if (mark.space == Space::kRule) return put(token, kClass, modifiers), true;
        if (mark.space == Space::kAlert) return put(token, kEvent, modifiers), true;
        if (mark.space == Space::kSink) return put(token, kStruct, modifiers), true;
        if (mark.space == Space::kParameter) return put(token, kParameterType, modifiers), true;
        if (packet::find_field(mark.name)) return put(token, kProperty, 0), true;
        const auto known = kinds_.find({mark.space, mark.name});
        const MarkKind kind = known == kinds_.end() ? MarkKind::kUse : known->second;
        if (kind == MarkKind::kSet) return put(token, kStruct, modifiers), true;
        if (kind == MarkKind::kFunction) return put(token, kFunction, modifiers), true;
        if (kind == MarkKind::kLet) return put(token, kVariable, modifiers), true;
        // Declared in another file, or the name of a value.
        return put(token, is_value(mark.name) ? kEnumMember : kVariable, 0), true;
    }
    static bool is_value(std::string_view name) {
        for (const packet::Field& field : packet::fields())
            if (!value_doc(field.id, name).empty()) return true;
        return false;
    }
    void put(const Token& token, Type type, std::uint32_t modifiers) {
        const Place begin = file_.text.place(token.begin), end = file_.text.place(token.end);
        if (begin.line != end.line || end.character <= begin.character) return;
        const bool same_line = begin.line == last_.line;
        for (const std::uint32_t number :
             {begin.line - last_.line, same_line ? begin.character - last_.character : begin.character,
              end.character - begin.character, static_cast<std::uint32_t>(type), modifiers})
            data_.push_back(number);
        last_ = begin;
    }

    const ParsedFile& file_;
    std::string_view text_;
    std::map<std::pair<Space, std::string>, MarkKind> kinds_{};
    std::size_t next_ = 0;
    Place last_{};
    Json data_ = Json::array();
};

}  // namespace

Json token_types() { return Json(kTypes); }
Json token_modifiers() { return Json(kModifiers); }
Json colours(const ParsedFile& file) { return Painter(file).run(); }

}  // namespace weir::tooling::lsp

// Tested by tests/lsp/client_test.py with `"textDocument/hover"`.
#include "tooling/lsp/hover.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "tooling/lsp/cursor.h"
#include "tooling/lsp/frames.h"

namespace weir::tooling::lsp {
namespace {

constexpr std::size_t kMostText = 2'000;  // bytes of a declaration or of a value
constexpr int kMostLets = 16;             // within one another

struct LiteralType {
    std::string_view operator()(const Integer&) const { return "integer"; }
    std::string_view operator()(const IntegerRange&) const { return "range of integers"; }
    std::string_view operator()(const Boolean&) const { return "bool"; }
    std::string_view operator()(const Duration&) const { return "duration"; }
    std::string_view operator()(const Rate&) const { return "rate"; }
    std::string_view operator()(const ByteSize&) const { return "size"; }
    std::string_view operator()(const ByteRate&) const { return "byte rate"; }
    std::string_view operator()(const IpAddress&) const { return "address"; }
    std::string_view operator()(const IpPrefix&) const { return "prefix"; }
    std::string_view operator()(const IpRange&) const { return "range of addresses"; }
    std::string_view operator()(const MacAddress&) const { return "MAC address"; }
    std::string_view operator()(const weir::Text&) const { return "string"; }
    std::string_view operator()(const HexBytes&) const { return "bytes"; }
    std::string_view operator()(const MacPrefix&) const { return "prefix of MAC addresses"; }
    std::string_view operator()(const Share&) const { return "share"; }
};

// Of a let's value; a name has the type of what it names, which is looked up by who asks.
std::string_view type_of(const ast::Expr& expr) {
    if (const auto* literal = std::get_if<ast::Literal>(&expr.node)) return std::visit(LiteralType{}, literal->value);
    if (std::holds_alternative<ast::SetLiteral>(expr.node)) return "set";
    if (std::holds_alternative<ast::Path>(expr.node)) return {};
    return "condition";
}

class Hover {
public:
    Hover(Library& library, const Document& document, const PolicyFindings* findings, const CountersOf& counters)
        : library_(library), document_(document), findings_(findings), counters_(counters) {}

    Json run(Place place) {
        const ParsedFile* file = library_.parsed(document_.path);
        if (file == nullptr) return nullptr;
        const std::uint32_t offset = document_.text.offset(place);
        if (const Mark* mark = mark_at(file->marks, offset); mark != nullptr) {
            if (const auto declared = library_.declaration(*file, *mark))
                return answer(text_of(*declared), document_.text.range(mark->span.begin, mark->span.end));
        }
        return of_word(offset);
    }

private:
    static Json answer(const std::string& text, Range range) {
        if (text.empty()) return nullptr;
        return {{"contents", {{"kind", "markdown"}, {"value", text}}}, {"range", json_of(range)}};
    }

    // No name of the policy: a field, the name of a value, a word of the language, a kind of sink.
    Json of_word(std::uint32_t offset) {
        const std::vector<Token> tokens = lex(document_.text.all());
        const auto token = std::find_if(tokens.begin(), tokens.end(), [&](const Token& one) {
            return offset >= one.begin && offset <= one.end && one.kind == Lexeme::kWord;
        });
        if (token == tokens.end()) return nullptr;
        const std::string_view word = token->in(document_.text.all());
        const Range range = document_.text.range(token->begin, token->end);
        const Cursor cursor = cursor_at(document_.text.all(), token->begin);
        if (cursor.field) {
            if (const std::string value = value_doc(*cursor.field, word); !value.empty()) return answer(value, range);
        }
        const std::string_view bare = word.substr(0, word.find('/'));  // `ip.src/24`
        const auto field = packet::find_field(bare);
        const bool is_word = cursor.where != 0 && (cursor.names & kFields) == 0;
        if (field && !is_word) return answer(field_doc(*field), range);
        if ((cursor.names & kSinkKinds) != 0)
            for (std::size_t i = 0; i < std::size(kSinkKindNames); ++i)
                if (kSinkKindNames[i] == word) return answer(sink_doc(static_cast<SinkKind>(i)), range);
        const Word* best = nullptr;
        for (const Word& one : words())
            if (one.text == word && (best == nullptr || (one.where & cursor.where) != 0)) best = &one;
        if (best != nullptr) return answer(fmt::format("**{}**\n\n{}", word, best->doc), range);
        return field ? answer(field_doc(*field), range) : nullptr;
    }

    static std::string code(std::string_view text) {
        std::string shown(text.substr(0, kMostText));
        if (text.size() > kMostText) shown += "…";
        return fmt::format("```rules\n{}\n```", shown);
    }

    // The value with the names of lets in it replaced, as text.
    std::string resolved_value(const ParsedFile& file, Span span, int depth) {
        std::string out;
        std::uint32_t at = span.begin;
        for (const Mark& mark : file.marks) {
            if (mark.span.begin < at || mark.span.end > span.end || mark.kind != MarkKind::kUse) continue;
            const auto declared =
                mark.space == Space::kValue && depth < kMostLets ? library_.declaration(file, mark) : std::nullopt;
            const ast::Let* let = declared && declared->mark->kind == MarkKind::kLet ? let_of(*declared) : nullptr;
            if (let == nullptr) continue;
            const ast::Expr& value = declared->file->policy.expr(let->value);
            const std::string inner = resolved_value(*declared->file, value.span, depth + 1);
            const bool is_compound = type_of(value) == "condition";
            out.append(file.sources.text(Span{0, at, mark.span.begin}));
            out += is_compound ? "(" + inner + ")" : inner;
            at = mark.span.end;
            if (out.size() > kMostText) break;
        }
        if (out.size() <= kMostText) out.append(file.sources.text(Span{0, at, std::max(at, span.end)}));
        return out;
    }
    static const ast::Let* let_of(const Library::Declaration& declared) {
        for (const ast::Item& item : declared.file->policy.items)
            if (const auto* let = std::get_if<ast::Let>(&item); let != nullptr && let->name.span == declared.mark->span)
                return let;
        return nullptr;
    }

    std::string text_of(const Library::Declaration& declared) {
        if (declared.mark->kind == MarkKind::kParameter) return fmt::format("**{}**: a parameter", declared.mark->name);
        std::string text;
        for (const ast::Item& item : declared.file->policy.items) {
            const Span span = std::visit([](const auto& node) { return node.span; }, item);
            if (span.begin > declared.mark->span.begin || span.end < declared.mark->span.end) continue;
            text = code(declared.file->sources.text(span));
            if (const auto* let = std::get_if<ast::Let>(&item)) text += of_let(*declared.file, *let);
            if (const auto* rule = std::get_if<ast::Rule>(&item)) text += of_rule(*rule);
            if (const auto* set = std::get_if<ast::Set>(&item)) text += of_set(*set);
        }
        return text + counted(*declared.mark);
    }
    std::string of_let(const ParsedFile& file, const ast::Let& let) {
        if (let.is_function)
            return fmt::format("\n\na function of {}", let.parameters.size() == 1
                                                           ? "1 parameter"
                                                           : fmt::format("{} parameters", let.parameters.size()));
        const ast::Expr& value = file.policy.expr(let.value);
        const std::string whole = resolved_value(file, value.span, 0);
        const std::string_view type = type_of(value);
        std::string text = type.empty() ? std::string() : fmt::format("\n\n{}", type);
        if (whole != file.sources.text(value.span)) text += "\n\nis\n" + code(whole);
        return text;
    }
    std::string of_rule(const ast::Rule& rule) {
        std::string text;
        if (rule.note) text += "\n\n" + *rule.note;
        const auto known = findings_ == nullptr ? std::map<std::string, RuleCost>::const_iterator()
                                                : findings_->rules.find(rule.name.text);
        if (findings_ == nullptr || known == findings_->rules.end()) return text;
        const RuleCost& cost = known->second;
        // ir/code_size.h: a comparison is 8 to 25 instructions.
        text += cost.comparisons == 0
                    ? "\n\nCost: decided by a tree together with others; no code of its own."
                    : fmt::format("\n\nCost: {} comparison{}, {} to {} instructions.", cost.comparisons,
                                  cost.comparisons == 1 ? "" : "s", 8 * cost.comparisons, 25 * cost.comparisons);
        if (cost.memory_bytes != 0) text += fmt::format(" State: {} KB.", (cost.memory_bytes + 999) / 1000);
        return text;
    }
    std::string of_set(const ast::Set& set) {
        if (findings_ == nullptr) return {};
        std::string text;
        if (const auto known = findings_->set_entries.find(set.name.text); known != findings_->set_entries.end())
            text += fmt::format("\n\n{} entries of the policy", known->second);
        if (const auto known = findings_->set_bytes.find(set.name.text); known != findings_->set_bytes.end())
            text += fmt::format("; {} KB in the kernel", (known->second + 999) / 1000);
        return text;
    }

    std::string counted(const Mark& mark) {
        const auto counters = counters_ ? counters_(document_.path) : std::nullopt;
        if (!counters) return {};
        const std::map<std::string, std::string>* table = mark.kind == MarkKind::kRule    ? &counters->rules
                                                          : mark.kind == MarkKind::kSet   ? &counters->sets
                                                          : mark.kind == MarkKind::kAlert ? &counters->alerts
                                                          : mark.kind == MarkKind::kSink  ? &counters->sinks
                                                                                          : nullptr;
        if (table == nullptr) return {};
        const auto found = table->find(mark.name);
        return found == table->end() ? "" : fmt::format("\n\nEngine {}: {}.", counters->engine, found->second);
    }

    Library& library_;
    const Document& document_;
    const PolicyFindings* findings_;
    const CountersOf& counters_;
};

}  // namespace

Json hover(Library& library, const Document& document, Place place, const PolicyFindings* findings,
           const CountersOf& counters) {
    return Hover(library, document, findings, counters).run(place);
}

}  // namespace weir::tooling::lsp

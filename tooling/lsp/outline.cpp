// Tested by tests/lsp/client_test.py with `"textDocument/documentSymbol"`.
#include "tooling/lsp/outline.h"

#include <fmt/format.h>

namespace weir::tooling::lsp {
namespace {

// SymbolKind of the protocol.
enum Kind {
    kFile = 1,
    kModule = 2,
    kMethod = 6,
    kFunction = 12,
    kVariable = 13,
    kConstant = 14,
    kArray = 18,
    kEvent = 24,
    kOperator = 25,
    kStruct = 23
};

struct Symbol {
    std::string name{};
    std::string detail{};
    Kind kind = kVariable;
    Span span{};
    Span name_span{};
};

class Symbols {
public:
    explicit Symbols(const ParsedFile& file) : file_(file) {}
    Json run() {
        for (const ast::Item& item : file_.policy.items) std::visit([this](const auto& node) { add(node); }, item);
        return std::move(out_);
    }

private:
    void put(const Symbol& symbol) {
        // An editor refuses an empty name and a selection outside of the range.
        const bool is_inside = symbol.name_span.begin >= symbol.span.begin && symbol.name_span.end <= symbol.span.end;
        if (symbol.name.empty()) return;
        out_.push_back({{"name", symbol.name},
                        {"detail", symbol.detail},
                        {"kind", symbol.kind},
                        {"range", json_of(file_.range(symbol.span))},
                        {"selectionRange", json_of(file_.range(is_inside ? symbol.name_span : symbol.span))}});
    }
    void put(const ast::Name& name, std::string detail, Kind kind, Span span) {
        put(Symbol{name.text, std::move(detail), kind, span, name.span});
    }
    template <typename Node>
    void add(const Node&) {}
    void add(const ast::Import& import) { put({import.path, "import", kModule, import.span, import.path_span}); }
    void add(const ast::Let& let) { put(let.name, "let", let.is_function ? kFunction : kConstant, let.span); }
    void add(const ast::Set& set) { put(set.name, "set", kArray, set.span); }
    void add(const ast::Rule& rule) {
        put(rule.name, rule.direction == ast::Direction::kOut ? "rule, egress" : "rule", kOperator, rule.span);
    }
    void add(const ast::Alert& alert) { put(alert.name, "alert", kEvent, alert.span); }
    void add(const ast::Sink& sink) { put(sink.name, "sink " + sink.kind.text, kStruct, sink.span); }
    void add(const ast::Test& test) { put({test.name, "test", kMethod, test.span, test.name_span}); }

    const ParsedFile& file_;
    Json out_ = Json::array();
};

}  // namespace

Json symbols(const ParsedFile& file) { return Symbols(file).run(); }

Json folds(const ParsedFile& file) {
    Json out = Json::array();
    const auto add = [&](Span span, const char* kind) {
        const Range range = file.range(span);
        if (range.begin.line == range.end.line) return;
        Json fold{{"startLine", range.begin.line}, {"endLine", range.end.line}};
        if (kind != nullptr) fold["kind"] = kind;
        out.push_back(std::move(fold));
    };
    for (const ast::Item& item : file.policy.items)
        add(std::visit([](const auto& node) { return node.span; }, item), nullptr);
    const std::vector<ast::Comment>& comments = file.policy.comments;
    for (std::size_t first = 0; first < comments.size();) {  // comments of adjacent lines
        std::size_t last = first;
        while (last + 1 < comments.size() && file.text.place(comments[last + 1].span.begin).line ==
                                                 file.text.place(comments[last].span.begin).line + 1)
            ++last;
        add({0, comments[first].span.begin, comments[last].span.end}, "comment");
        first = last + 1;
    }
    return out;
}

Json lenses(const ParsedFile& file) {
    Json out = Json::array();
    std::size_t tests = 0;
    Span first{};
    for (const ast::Item& item : file.policy.items) {
        const auto* test = std::get_if<ast::Test>(&item);
        if (test == nullptr) continue;
        if (tests++ == 0) first = test->span;
        out.push_back(
            {{"range", json_of(file.range(test->name_span))},
             {"command",
              {{"title", "Run test"}, {"command", kRunTest}, {"arguments", Json::array({file.uri, test->name})}}}});
    }
    if (tests > 1)
        out.push_back({{"range", json_of(file.range({0, first.begin, first.begin}))},
                       {"command",
                        {{"title", fmt::format("Run all {} tests", tests)},
                         {"command", kRunTest},
                         {"arguments", Json::array({file.uri})}}}});
    return out;
}

}  // namespace weir::tooling::lsp

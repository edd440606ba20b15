// A text through the parser, with what the tests ask of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "grammar/parser.h"
#include "grammar/print.h"

namespace weir {

struct Parsed {
    explicit Parsed(std::string text) : file(sources.add("test.rules", std::move(text))) {
        policy = parse(sources, file, diagnostics);
    }

    std::string codes() const {  // "E101 E303", in the order of the text
        std::string all;
        for (const Diagnostic& diagnostic : diagnostics.all())
            all.append(all.empty() ? "" : " ").append(code_name(diagnostic.code));
        return all;
    }
    std::string_view text(Span span) const { return sources.text(span); }
    std::string_view text(ast::ExprId id) const { return text(policy.expr(id).span); }
    std::string formatted() const { return format(sources, policy); }
    std::string dumped() const { return dump(sources, policy); }
    // The tree without the places of its nodes.
    std::string shape() const {
        std::string all;
        const std::string tree = dumped();
        for (std::size_t at = 0; at < tree.size();) {
            const std::size_t end = tree.find('\n', at);
            const std::string_view line = std::string_view(tree).substr(at, end - at);
            all.append(line.substr(0, line.rfind(" <"))).append("\n");
            at = end + 1;
        }
        return all;
    }
    std::vector<std::string> comments() const {  // without space at their ends
        std::vector<std::string> all;
        for (const ast::Comment& comment : policy.comments) {
            std::string_view written = text(comment.span);
            written.remove_suffix(written.size() - 1 - written.find_last_not_of(" \t\r\v\f"));
            all.emplace_back(written);
        }
        return all;
    }
    template <typename Item>
    const Item& item(std::size_t index) const {
        return std::get<Item>(policy.items.at(index));
    }
    template <typename Node>
    const Node& node(ast::ExprId id) const {
        return std::get<Node>(policy.expr(id).node);
    }

    Sources sources;
    std::uint32_t file;
    Diagnostics diagnostics;
    ast::Policy policy;
};

// The text with its fixes applied.
inline std::string fixed(const Parsed& parsed) {
    std::string text = parsed.sources.text(parsed.file);
    std::vector<Fix> fixes;
    for (const Diagnostic& diagnostic : parsed.diagnostics.all())
        if (diagnostic.fix) fixes.push_back(*diagnostic.fix);
    std::sort(fixes.begin(), fixes.end(), [](const Fix& a, const Fix& b) { return a.span.begin > b.span.begin; });
    for (const Fix& fix : fixes) text.replace(fix.span.begin, fix.span.end - fix.span.begin, fix.replacement);
    return text;
}

}  // namespace weir

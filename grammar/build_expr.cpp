// Tested by tests/unit/grammar/parser_test.cpp with `Parsed`.
#include "grammar/build_expr.h"

#include <algorithm>

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "grammar/literal.h"
#include "grammar/parser.h"

namespace weir {

using syntax::Kind;
using syntax::Node;

namespace {

struct StateWord {
    std::string_view text;
    ast::StateKind kind;
};
constexpr StateWord kStateWords[] = {{"rate", ast::StateKind::kRate},   {"byterate", ast::StateKind::kByteRate},
                                     {"count", ast::StateKind::kCount}, {"distinct", ast::StateKind::kDistinct},
                                     {"share", ast::StateKind::kShare}, {"surge", ast::StateKind::kSurge}};

struct Sign {
    std::string_view text;
    ast::Comparison op;
};
constexpr Sign kSigns[] = {{"==", ast::Comparison::kEq},
                           {"!=", ast::Comparison::kNe},
                           {"<", ast::Comparison::kLt},
                           {"<=", ast::Comparison::kLe},
                           {">", ast::Comparison::kGt},
                           {">=", ast::Comparison::kGe},
                           {"in", ast::Comparison::kIn},
                           {"contains", ast::Comparison::kContains},
                           {"starts_with", ast::Comparison::kStartsWith},
                           {"ends_with", ast::Comparison::kEndsWith}};
constexpr Sign kNocaseSigns[] = {{"contains", ast::Comparison::kContainsNocase},
                                 {"starts_with", ast::Comparison::kStartsWithNocase},
                                 {"ends_with", ast::Comparison::kEndsWithNocase}};

// The term `rate(…)` and the like that this node is, or null.
const Node* as_state_call(const Node& node, std::string_view first_word) {
    const bool known = std::any_of(std::begin(kStateWords), std::end(kStateWords),
                                   [&](const StateWord& word) { return word.text == first_word; });
    return known && node.children.size() == 2 && node.children[1].kind == Kind::kCall ? &node : nullptr;
}

// tcp.flags == S, tcp.flags == SYN
bool is_flags_in_letters(std::string_view left, std::string_view right) {
    const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    return left.starts_with("tcp.flags") && !right.empty() && std::all_of(right.begin(), right.end(), capital);
}

}  // namespace

void ExprBuilder::say(Code code, Span where, std::string message, std::string help) {
    diagnostics_.add({.code = code, .span = where, .message = std::move(message), .help = std::move(help)});
}

ast::ExprId ExprBuilder::add(Span where, decltype(ast::Expr::node) node) {
    policy_.exprs.push_back({where, std::move(node)});
    return static_cast<ast::ExprId>(policy_.exprs.size() - 1);
}

ast::Name ExprBuilder::name(const Node& node) {
    const std::string_view written = text(node);
    if (written.size() > kMaxNameBytes) {
        say(Code::E504, span(node), fmt::format("this name has {} bytes", written.size()),
            fmt::format("a name has at most {} bytes", kMaxNameBytes));
    } else if (!is_name(written)) {
        std::string small(written);
        for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '.' ? '_' : c;
        while (small.ends_with(':')) small.pop_back();
        Diagnostic wrong{.code = Code::E105,
                         .span = span(node),
                         .message = fmt::format("`{}` is not a name", written),
                         .help = "a name consists of a-z, 0-9 and _, and does not start with a digit"};
        if (is_name(small)) wrong.fix = Fix{span(node), small};
        policy_.lost_names.push_back(std::move(small));  // as it is called elsewhere, perhaps
        diagnostics_.add(std::move(wrong));
    }
    return {std::string(written), span(node)};
}

std::string ExprBuilder::string(const Node& node) {
    return parse_string(text(node), span(node), diagnostics_).value_or("");
}

ast::Literal ExprBuilder::literal(const Node& node) {
    if (node.kind == Kind::kString) return {Text{string(node)}};
    if (node.kind == Kind::kHex) return {HexBytes{parse_hex(text(node), span(node), diagnostics_).value_or("")}};
    const auto value = parse_literal(text(node), span(node), diagnostics_);
    return {value.value_or(Integer{})};
}

ast::Given ExprBuilder::given(const Node& node) {
    const std::string_view written = text(node);
    const bool is_let = node.kind == Kind::kWord && written != "true" && written != "false" && is_path(written);
    if (is_let) return {{}, std::string(written), span(node)};
    return {literal(node).value, {}, span(node)};
}

ast::Given ExprBuilder::given_integer(const Node& node, std::string_view what) {
    if (ast::Given named = given(node); !named.let.empty()) return named;
    return {Integer{integer(node, what).value_or(1)}, {}, span(node)};
}

std::optional<std::uint64_t> ExprBuilder::integer(const Node& node, std::string_view what) {
    const auto value = parse_literal(text(node), span(node), diagnostics_);
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<Integer>(&*value)) return number->value;
    say(Code::E109, span(node), fmt::format("{} must be a number, not `{}`", what, text(node)));
    return std::nullopt;
}

template <typename Wanted>
ast::ExprId ExprBuilder::operands(const Node& node) {
    if (node.children.size() == 1) return expr(node.children.front());
    Wanted wanted;
    for (const Node& child : node.children) wanted.operands.push_back(expr(child));
    return add(span(node), std::move(wanted));
}

ast::ExprId ExprBuilder::negated(const Node& node) {
    ast::ExprId id = expr(node.children.back());
    if (node.children.size() - 1 > kMaxNesting) {  // the last child is the negated operand
        say(Code::E501, span(node.children[kMaxNesting]), fmt::format("more than {} `not`s in a row", kMaxNesting),
            "two of them cancel out");
        return id;
    }
    for (std::size_t i = node.children.size() - 1; i-- > 0;)
        id = add({policy_.file, node.children[i].begin, node.end}, ast::Not{id});
    return id;
}

std::optional<ast::Comparison> ExprBuilder::comparator(const Node& node) const {
    const std::string_view written = text(node);
    for (const Sign& sign : kSigns)
        if (sign.text == written) return sign.op;
    if (written.ends_with("nocase"))
        for (const Sign& sign : kNocaseSigns)
            if (written.starts_with(sign.text)) return sign.op;
    return ast::Comparison::kNotIn;  // `not in`, however far apart
}

ast::ExprId ExprBuilder::comparison(const Node& node) {
    const Node& left = node.children.front();
    if (left.kind == Kind::kTerm && as_state_call(left, text(left.children.front()))) return state_term(node, left);
    for (std::size_t i = 3; i < node.children.size(); ++i)
        say(Code::E109, span(node.children[i]),
            fmt::format("`{}` is only allowed in a state term", text(node.children[i])),
            "`rate(…)`, `byterate(…)`, `count(…)`, `distinct(…)`, `share(…)` and `surge(…)` accept it");
    const auto op = comparator(node.children[1]);
    if (is_flags_in_letters(text(left), text(node.children[2]))) {
        say(Code::E301, span(node.children[2]),
            fmt::format("`{}` is neither a name nor a value", text(node.children[2])),
            "each flag is a condition: `tcp.syn and not tcp.ack`");
        return add(span(node), ast::Path{});
    }
    const ast::ExprId lhs = expr(left), rhs = expr(node.children[2]);
    return add(span(node), ast::Compare{lhs, *op, span(node.children[1]), rhs});
}

// `of N` of a share, `floor N` of a surge.
void ExprBuilder::least(const Node& argument, ast::StateTerm& state) {
    const bool is_of = argument.kind == Kind::kOfNumber;
    if (state.kind != (is_of ? ast::StateKind::kShare : ast::StateKind::kSurge))
        say(Code::E109, span(argument),
            fmt::format("`{}` is only allowed in `{}`", text(argument), is_of ? "share(…)" : "surge(…)"));
    else if (state.least)
        say(Code::E108, span(argument), "this number is given twice", "remove one of the two");
    state.least = given_integer(argument.children[0], "a number of packets");
}

// rate(KEY…) > LIMIT [burst B] [size N], and the other state terms.
ast::ExprId ExprBuilder::state_term(const Node& node, const Node& call_term) {
    ast::StateTerm state{};
    const std::string_view word_text = text(call_term.children[0]);
    for (const StateWord& word : kStateWords)
        if (word.text == word_text) state.kind = word.kind;
    const bool has_value = state.kind == ast::StateKind::kDistinct || state.kind == ast::StateKind::kShare;
    for (const Node& argument : call_term.children[1].children) {
        if (argument.kind == Kind::kInDuration) {
            if (state.window) say(Code::E108, span(argument), "duplicate window");
            state.window = given(argument.children[0]);
        } else if (argument.kind == Kind::kByKey) {
            state.keys.push_back(expr(argument.children[0]));
        } else if (argument.kind == Kind::kOfNumber || argument.kind == Kind::kFloorNumber) {
            least(argument, state);
        } else if (has_value && !state.value) {
            state.value = expr(argument);
        } else {
            if (has_value && state.keys.empty()) {
                const Span place = span(argument);
                diagnostics_.add({.code = Code::E334,
                                  .span = place,
                                  .message = "`by` is missing before the key",
                                  .help = state.kind == ast::StateKind::kShare
                                              ? "`share(tcp.syn, by ip.src, in 10s, of 50)` counts for each source"
                                              : "`distinct(tcp.dport, by ip.src, in 10s)` counts the ports of each "
                                                "source",
                                  .fix = Fix{{place.file, place.begin, place.begin}, "by "}});
            }
            state.keys.push_back(expr(argument));
        }
    }
    state.op_span = state.limit_span = span(node);
    if (node.children.size() >= 3) {
        state.op = *comparator(node.children[1]);
        state.op_span = span(node.children[1]);
        const Node* limit = &node.children[2];
        while (!limit->children.empty()) limit = &limit->children[0];
        state.limit_span = span(node.children[2]);
        state.limit = given(*limit);
    }
    for (std::size_t i = 3; i < node.children.size(); ++i) {
        const Node& extra = node.children[i];
        if (extra.kind == Kind::kBurst)
            state.burst = given(extra.children[0]);
        else
            state.size = given_integer(extra.children[0], "a size");
    }
    policy_.state_terms.push_back(std::move(state));
    return add(span(node), ast::StateRef{static_cast<std::uint32_t>(policy_.state_terms.size() - 1)});
}

ast::ExprId ExprBuilder::masked(const Node& node) {
    const ast::ExprId inner = expr(node.children[0]);
    if (node.children.size() == 1) return inner;
    const Node& mask = node.children[1].children[0];
    const auto value = parse_literal_quiet(text(mask));
    if (value && std::holds_alternative<IpAddress>(*value)) {
        say(Code::E109, span(mask), fmt::format("a mask must be a number, not `{}`", text(mask)),
            "addresses have prefixes: `ip.src in 10.0.0.0/8`, and as a key `rate(ip.src/24) > 100/s`");
        return add(span(node), ast::Path{});
    }
    return add(span(node), ast::Masked{inner, integer(mask, "a mask").value_or(0)});
}

ast::ExprId ExprBuilder::paren(const Node& node) {
    if (node.children.size() == 1) return expr(node.children[0]);
    ast::Tuple tuple;
    for (const Node& child : node.children) tuple.elements.push_back(expr(child));
    return add(span(node), std::move(tuple));
}

ast::ExprId ExprBuilder::set_literal(const Node& node) {
    if (node.children.size() > kMaxSetElements) {
        say(Code::E503, span(node), fmt::format("this set has {} elements", node.children.size()),
            fmt::format(
                "a set in a policy has at most {}; put the elements into a file: `set NAME : TYPE from \"FILE\"`",
                kMaxSetElements));
        return add(span(node), ast::SetLiteral{});
    }
    if (policy_.exprs.size() + node.children.size() > kMaxValues) {
        say(Code::E503, span(node), fmt::format("the file has more than {} values and names up to here", kMaxValues),
            "put the elements into a file: `set NAME : TYPE from \"FILE\"`");
        return add(span(node), ast::SetLiteral{});
    }
    ast::SetLiteral set;
    set.elements.reserve(node.children.size());
    for (const Node& child : node.children) set.elements.push_back(expr(child));
    return add(span(node), std::move(set));
}

ast::ExprId ExprBuilder::word(const Node& node) {
    const std::string_view written = text(node);
    if (written != "true" && written != "false" && is_path(written))
        return add(span(node), ast::Path{std::string(written)});
    if (const std::size_t slash = written.find('/');
        slash != std::string_view::npos && is_path(written.substr(0, slash)))
        return cut(node);
    auto value = parse_literal(written, span(node), diagnostics_);
    return value ? add(span(node), ast::Literal{std::move(*value)}) : add(span(node), ast::Path{});
}

// FIELD/BITS, FIELD/BITS/BITS
ast::ExprId ExprBuilder::cut(const Node& node) {
    const std::string_view written = text(node);
    const auto place = [&](std::size_t begin, std::size_t end) {
        return Span{policy_.file, node.begin + static_cast<std::uint32_t>(begin),
                    node.begin + static_cast<std::uint32_t>(end)};
    };
    const std::size_t slash = written.find('/');
    ast::Cut cut{{std::string(written.substr(0, slash)), place(0, slash)}, {}, {}};
    std::vector<ast::Cut::Bits> bits;
    for (std::size_t at = slash; at < written.size();) {
        const std::size_t end = std::min(written.find('/', at + 1), written.size());
        const std::string_view digits = written.substr(at + 1, end - at - 1);
        const auto value = parse_literal_quiet(digits);
        const auto* number = value ? std::get_if<Integer>(&*value) : nullptr;
        if (number == nullptr || bits.size() == 2) {
            say(Code::E340, place(at, end),
                number == nullptr ? fmt::format("`/{}` is not a number of bits", digits)
                                  : fmt::format("`{}` has more than two numbers of bits", written),
                "write the bits of IPv4, then those of IPv6: `ip.src/24`, `ip.src/24/64`");
            return add(span(node), ast::Path{std::move(cut.field.text)});
        }
        bits.push_back({number->value, place(at, end)});
        at = end;
    }
    cut.ip4 = bits.front();
    if (bits.size() == 2) cut.ip6 = bits.back();
    return add(span(node), std::move(cut));
}

ast::ExprId ExprBuilder::term(const Node& node) {
    if (node.children.size() == 1) return word(node.children[0]);
    return node.children[1].kind == Kind::kCall ? call(node) : slice(node);
}

ast::ExprId ExprBuilder::call(const Node& node) {
    const std::pmr::vector<Node>& arguments = node.children[1].children;
    if (as_state_call(node, text(node.children[0]))) return state_term(node, node);
    for (const Node& argument : arguments)
        if (argument.kind == Kind::kInDuration || argument.kind == Kind::kByKey || argument.kind == Kind::kOfNumber ||
            argument.kind == Kind::kFloorNumber)
            say(Code::E109, span(argument), fmt::format("`{}` is only allowed in a state term", text(argument)));
    if (text(node.children[0]) == "len" && arguments.size() == 1)
        return add(span(node), ast::Length{expr(arguments[0])});
    ast::Call called{name(node.children[0]), {}};
    for (const Node& argument : arguments) called.arguments.push_back(expr(argument));
    return add(span(node), std::move(called));
}

// payload[OFFSET:LENGTH]
ast::ExprId ExprBuilder::slice(const Node& node) {
    const Node& bounds = node.children[1].children[0];
    const std::string_view written = text(bounds);
    const std::size_t colon = written.find(':');
    Node offset = bounds, length = bounds;
    offset.end = bounds.begin + static_cast<std::uint32_t>(std::min(colon, written.size()));
    length.begin = std::min(bounds.end, offset.end + 1);
    if (colon == std::string_view::npos || offset.begin == offset.end || length.begin == length.end) {
        say(Code::E109, span(bounds), fmt::format("`[{}]` is not a slice", written),
            "write the offset and the number of bytes: payload[2:4]");
        return add(span(node), ast::Path{});
    }
    const auto from = integer(offset, "an offset"), bytes = integer(length, "a length");
    const Node& field = node.children[0];
    return add(span(node), ast::Slice{{std::string(text(field)), span(field)}, from.value_or(0), bytes.value_or(0)});
}

ast::ExprId ExprBuilder::expr(const Node& node) {
    switch (node.kind) {
        case Kind::kCondition: return operands<ast::Or>(node);
        case Kind::kOrOperand: return operands<ast::And>(node);
        case Kind::kAndOperand: return negated(node);
        case Kind::kComparison: return comparison(node);
        case Kind::kMasked: return masked(node);
        case Kind::kParen: return paren(node);
        case Kind::kSetLiteral: return set_literal(node);
        case Kind::kTerm: return term(node);
        case Kind::kInDuration:
        case Kind::kOfNumber:
        case Kind::kFloorNumber:
        case Kind::kByKey: return expr(node.children[0]);
        case Kind::kWord: return word(node);
        case Kind::kString:
        case Kind::kHex: return add(span(node), literal(node));
        default: break;
    }
    // Parentheses around one operand have the operand's own node.
    WEIR_CHECK(node.children.size() == 1);
    return expr(node.children[0]);
}

}  // namespace weir

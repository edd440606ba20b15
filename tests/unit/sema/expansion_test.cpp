// What functions and named sets expand to, counted by the expressions that are made: what is refused is refused early,
// and what is the same is made once.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "compiler/compiler.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/expansion.h"
#include "grammar/parser.h"

namespace weir {
namespace {

struct Made {
    std::size_t exprs = 0, sets = 0, elements = 0;
    Diagnostics diagnostics;
    bool has(Code code) const {
        for (const Diagnostic& d : diagnostics.all())
            if (d.code == code) return true;
        return false;
    }
};

// The conditions of all rules, whatever is wrong with them.
Made check(const std::string& text) {
    Made made;
    Sources sources;
    const std::uint32_t root = sources.add("test.rules", text);
    const std::vector<ast::Policy> policies = sema::parse_all(sources, root, {}, made.diagnostics);
    REQUIRE(!made.diagnostics.has_errors());
    const auto items = sema::items_in_order(policies);
    const sema::Names names = sema::collect_names(policies, items, made.diagnostics);
    policy::TypedPolicy typed;
    sema::ConditionChecker conditions(sources, names, typed, made.diagnostics);
    for (const sema::PlacedItem& placed : items) {
        const auto* rule = std::get_if<ast::Rule>(placed.item);
        if (rule == nullptr) continue;
        conditions.set_rule(rule->name.text);
        const policy::ExprId id = conditions.condition({placed.policy, nullptr, true}, rule->condition);
        conditions.take_condition(id, rule->span);
    }
    made.exprs = typed.exprs.size();
    made.sets = typed.sets.size();
    for (const policy::Expr& expr : typed.exprs)
        if (const auto* in = std::get_if<policy::NumberIn>(&expr.node)) made.elements += in->ranges.size();
    return made;
}

// `levels` functions, each of which calls the one before as `body` says, with {0} for its name.
std::string tower(int levels, const std::string& parameters, const std::string& first, const std::string& body) {
    std::string text = fmt::format("let f0({}) = {}\n", parameters, first);
    for (int i = 1; i < levels; ++i)
        text += fmt::format("let f{}({}) = {}\n", i, parameters,
                            fmt::format(fmt::runtime(body), fmt::format("f{}", i - 1)));
    return text;
}

}  // namespace

TEST_CASE("functions that double are counted, not expanded") {
    const std::string one = tower(40, "a", "a == 1", "{0}(a) and {0}(a)");
    const std::string turned = tower(40, "a, b", "a == b", "{0}(a, b) or {0}(b, a)");
    const std::string negated = tower(40, "a", "a == 1", "not {0}(a) and not {0}(a)");
    const std::string wrong = tower(40, "a", "a == \"x\"", "{0}(a) and {0}(a)");
    // Arguments that are never the same again: 3^39 calls, all of them different.
    const std::string values =
        tower(40, "a, b, c, d, e, f, g", "a == b",
              "{0}(b, c, d, e, f, g, a) or {0}(b, a, d, c, f, e, g) or {0}(g, f, e, d, c, b, a)");
    const std::pair<const std::string*, const char*> cases[] = {{&one, "f39(tcp.dport)"},
                                                                {&turned, "f39(tcp.sport, tcp.dport)"},
                                                                {&negated, "f39(tcp.dport)"},
                                                                {&wrong, "f39(tcp.dport)"},
                                                                {&values, "f39(tcp.sport, 1, 2, 3, 4, 5, 6)"}};
    for (const auto& [functions, call] : cases) {
        const Made made = check(*functions + "rule r { when " + call + " then drop }\n");
        INFO(call);
        CHECK(made.diagnostics.has_errors());
        CHECK(made.exprs < 4 * sema::kMaxExprs);
        CHECK(made.diagnostics.errors() < 100);
    }
}

TEST_CASE("the same call is expanded once, in whatever rules it stands") {
    std::string text = "let f(a, b) = a == b or a == 1 or a == 2 or a == 3\n";
    for (int i = 0; i < 1000; ++i) text += fmt::format("rule r{} {{ when f(tcp.dport, {}) then drop }}\n", i, i % 4);
    const Made made = check(text);
    CHECK(!made.diagnostics.has_errors());
    CHECK(made.exprs <= 4 * 8);
}

TEST_CASE("a condition may have so many comparisons, and no more") {
    const std::string text = tower(2, "a", "a == 1 or a == 3", "{0}(a)");
    std::string condition = "f1(tcp.dport)";
    for (std::uint32_t i = 1; i < sema::kMaxExprs / 4; ++i) condition += " or f1(tcp.dport)";
    CHECK(!check(text + "rule r { when " + condition + " then drop }\n").has(Code::E506));
    CHECK(check(text + "rule r { when " + condition + " or " + condition + " then drop }\n").has(Code::E506));
}

TEST_CASE("a comparison with a named set is made once") {
    std::string text = "let ports = { 1";
    for (int i = 1; i < 5000; ++i) text += fmt::format(", {}", 1 + 3 * i);
    text += " }\nlet same = { ports }\n";
    for (int i = 0; i < 2000; ++i)
        text += fmt::format("rule r{} {{ when tcp.{}port in {} then drop }}\n", i, i % 2 != 0 ? "s" : "d",
                            i % 3 != 0 ? "ports" : "same");
    const Made made = check(text);
    CHECK(!made.diagnostics.has_errors());
    CHECK(made.elements <= 4 * 5000);
}

TEST_CASE("tuples of a name are one set, however many rules compare with them") {
    std::string text = "let pairs = { (10.0.0.1, 1)";
    for (int i = 1; i < 100; ++i) text += fmt::format(", (10.0.0.1, {})", 1 + i);
    text += " }\n";
    for (int i = 0; i < 500; ++i)
        text += fmt::format("rule r{} {{ when (ip.src, tcp.dport) in pairs then drop }}\n", i);
    const Made made = check(text);
    CHECK(!made.diagnostics.has_errors());
    CHECK(made.sets == 1);
    CHECK(made.exprs < 10);
}

TEST_CASE("tuples of single values are a table in a function, too, however many") {
    std::string text = "let in_pairs(a) = (a, tcp.dport) in { (10.0.0.1, 1)";
    for (int i = 1; i < 65536; ++i) text += fmt::format(", (10.0.0.1, {})", i);
    const Made made = check(text + " }\nrule r { when in_pairs(ip.src) or in_pairs(ip.dst) then drop }\n");
    CHECK(!made.diagnostics.has_errors());
    CHECK(made.sets == 2);
    CHECK(made.exprs < 10);
}

TEST_CASE("sets that double are counted, not copied") {
    std::string text = "let s0 = { 80, 443 }\n";
    for (int i = 1; i < 40; ++i) text += fmt::format("let s{} = {{ s{}, s{} }}\n", i, i - 1, i - 1);
    const Made made = check(text + "rule r { when tcp.dport in s39 then drop }\n");
    CHECK(made.has(Code::E503));
    CHECK(made.elements == 0);
}

TEST_CASE("literals together copy so many elements, and no more") {
    std::string text = "let s = { 0";
    for (std::size_t i = 1; i + 1 < kMaxSetElements; ++i) text += fmt::format(", {}", i);
    text += " }\n";
    const std::size_t copies = sema::kMaxElementsTogether / kMaxSetElements;
    for (std::size_t i = 0; i < copies + 2; ++i)
        text += fmt::format("let t{} = {{ s, {} }}\nrule r{} {{ when tcp.dport in t{} then drop }}\n", i, i, i, i);
    CHECK(check(text).has(Code::E503));
}

}  // namespace weir

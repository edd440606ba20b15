// Tested by tests/golden/lint_test.cpp.
#include "compiler/sema/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/policy/reads.h"
#include "compiler/sema/check_items.h"
#include "compiler/sema/check_tests.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/names.h"
#include "compiler/sema/paths.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxRules = 131'072;             // language.md, limits
constexpr std::size_t kMaxIfaces = 32;                 // bits of weir_packet.iface_matches
constexpr std::uint64_t kMaxThrottleKeys = 4'000'000;  // docs/limits.md
constexpr std::uint64_t kMaxFlows = 4'000'000;         // likewise

template <typename Item, typename Do>
void each(const std::vector<PlacedItem>& items, Do act) {
    for (const PlacedItem& placed : items)
        if (const auto* item = std::get_if<Item>(placed.item)) act(*placed.policy, *item);
}

// `default`, `malformed` and `default egress`, one each.
void check_defaults(const std::vector<PlacedItem>& items, ItemChecker& checker, policy::TypedPolicy& typed,
                    Diagnostics& diagnostics) {
    constexpr std::string_view kWords[] = {"default", "malformed", "default egress"};
    const ast::DefaultVerdict* seen[std::size(kWords)] = {};
    each<ast::DefaultVerdict>(items, [&](const ast::Policy&, const ast::DefaultVerdict& written) {
        const auto number = static_cast<std::size_t>(written.of);
        const ast::DefaultVerdict*& first = seen[number];
        if (first != nullptr) {
            diagnostics.add({.code = Code::E214,
                             .span = written.span,
                             .message = fmt::format("duplicate `{}`", kWords[number]),
                             .help = "keep one of the two",
                             .notes = {{first->span, "first given here"}}});
            return;
        }
        first = &written;
        if (written.of == ast::VerdictOf::kEgress) {
            if (auto fault = egress_fault(written.verdict, written.verdict_span)) diagnostics.add(std::move(*fault));
            typed.default_egress = written.verdict;
            typed.default_egress_span = written.span;
            return;
        }
        (written.of == ast::VerdictOf::kMalformed ? typed.malformed_verdict : typed.default_verdict) =
            checker.default_verdict(written);
        if (written.of == ast::VerdictOf::kDefault) typed.default_span = written.span;
    });
    if (seen[static_cast<std::size_t>(ast::VerdictOf::kMalformed)] == nullptr)
        typed.malformed_verdict = typed.default_verdict;
    // What is malformed gets no answer.
    if (typed.malformed_verdict.kind == policy::VerdictKind::kReject)
        typed.malformed_verdict = {policy::VerdictKind::kDrop, {}};
}

// `throttles size N`, at most once.
void check_throttles_size(const std::vector<PlacedItem>& items, ConditionChecker& conditions,
                          policy::TypedPolicy& typed, Diagnostics& diagnostics) {
    const ast::ThrottlesSize* first = nullptr;
    each<ast::ThrottlesSize>(items, [&](const ast::Policy&, const ast::ThrottlesSize& written) {
        const std::uint64_t size = conditions.given_integer(written.size).value_or(1);
        if (first != nullptr)
            diagnostics.add({.code = Code::E214,
                             .span = written.span,
                             .message = "a second `throttles`",
                             .notes = {{first->span, "the first one stands here"}}});
        else if (size == 0 || size > kMaxThrottleKeys)
            diagnostics.add({.code = Code::E338,
                             .span = written.size_span,
                             .message = fmt::format("throttles of {} keys", size),
                             .help = fmt::format("they keep 1 to {} keys", kMaxThrottleKeys)});
        first = first == nullptr ? &written : first;
        typed.throttles_size = size;
    });
}

// `flows size N`, at most once.
void check_flows_size(const std::vector<PlacedItem>& items, ConditionChecker& conditions, policy::TypedPolicy& typed,
                      Diagnostics& diagnostics) {
    const ast::FlowsSize* first = nullptr;
    each<ast::FlowsSize>(items, [&](const ast::Policy&, const ast::FlowsSize& written) {
        const std::uint64_t size = conditions.given_integer(written.size).value_or(1);
        if (first != nullptr)
            diagnostics.add({.code = Code::E214,
                             .span = written.span,
                             .message = "a second `flows`",
                             .notes = {{first->span, "the first one stands here"}}});
        else if (size == 0 || size > kMaxFlows)
            diagnostics.add({.code = Code::E371,
                             .span = written.size_span,
                             .message = fmt::format("a table of {} flows", size),
                             .help = fmt::format("1 to {} flows are remembered", kMaxFlows)});
        first = first == nullptr ? &written : first;
        typed.flows_size = size;
        typed.flows_span = written.span;
    });
}

// Which fields of flows rules read, of whichever direction.
void check_flows(policy::TypedPolicy& typed, Diagnostics& diagnostics) {
    typed.reads_flows = (policy::fields_read(typed).needs() & WEIR_NEED_FLOWS) != 0;
    const bool is_sized = typed.flows_span.end != 0;
    if (is_sized && !typed.reads_flows)
        diagnostics.add({.code = Code::W456,
                         .span = typed.flows_span,
                         .message = "no rule reads a field of flows",
                         .label = "unused",
                         .help = "flows are remembered where a rule names one of `flow.…`, `tcp.is_retransmit`, "
                                 "`http.latency`"});
    if (!is_sized && !typed.rules.empty()) typed.flows_span = typed.rules.front().span;
}

// Conditions on the interface share a word of bits.
void check_ifaces(const policy::TypedPolicy& typed, Diagnostics& diagnostics) {
    std::vector<std::pair<policy::BytesOp, std::string>> seen;
    for (const policy::Expr& expr : typed.exprs) {
        const auto* match = std::get_if<policy::IfaceMatch>(&expr.node);
        if (match == nullptr) continue;
        const std::pair<policy::BytesOp, std::string> key{match->op, match->text};
        if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
        seen.push_back(key);
        if (seen.size() == kMaxIfaces + 1)
            diagnostics.add({.code = Code::E512,
                             .span = expr.span,
                             .message = fmt::format("more than {} different conditions on `iface`", kMaxIfaces),
                             .help = "use `starts_with`, or run one policy for each interface"});
    }
}

std::string policy_name(const Sources& sources, const ast::Policy& root) {
    if (root.name) return root.name->text;
    const std::string& path = sources.name(root.file);
    const std::string leaf = path.substr(folder_of(path).size());
    return leaf.substr(0, leaf.find('.') == 0 ? std::string::npos : leaf.find('.'));
}

}  // namespace

std::optional<policy::TypedPolicy> check(const Sources& sources, const std::vector<ast::Policy>& policies,
                                         const Files& files, Diagnostics& diagnostics) {
    if (policies.empty()) return std::nullopt;
    const std::vector<PlacedItem> items = items_in_order(policies);
    const Names names = collect_names(policies, items, diagnostics);
    policy::TypedPolicy typed;
    typed.name = policy_name(sources, policies.back());
    ConditionChecker conditions(sources, names, typed, diagnostics);
    ItemChecker checker(sources, names, files, conditions, typed);

    each<ast::Set>(items, [&](const ast::Policy&, const ast::Set& set) { checker.set(set); });
    std::size_t set_number = 0;
    each<ast::Set>(
        items, [&](const ast::Policy& policy, const ast::Set& set) { checker.set_entries(policy, set, set_number++); });
    each<ast::Sink>(items, [&](const ast::Policy&, const ast::Sink& sink) { checker.sink(sink); });
    each<ast::Alert>(items, [&](const ast::Policy& policy, const ast::Alert& alert) { checker.alert(policy, alert); });
    check_defaults(items, checker, typed, diagnostics);
    check_throttles_size(items, conditions, typed, diagnostics);
    check_flows_size(items, conditions, typed, diagnostics);
    each<ast::Record>(items, [&](const ast::Policy&, const ast::Record& record) { checker.record(record); });
    each<ast::Let>(items,
                   [&](const ast::Policy& policy, const ast::Let& let) { conditions.check_let({&policy, &let}); });
    std::size_t rules = 0;
    each<ast::Rule>(items, [&](const ast::Policy& policy, const ast::Rule& rule) {
        if (++rules <= kMaxRules) return checker.rule(policy, rule);
        if (rules == kMaxRules + 1)
            diagnostics.add({.code = Code::E505,
                             .span = rule.name.span,
                             .message = fmt::format("more than {} rules", kMaxRules),
                             .help = "put the values that they have in common into sets"});
    });
    check_ifaces(typed, diagnostics);
    checker.net_lengths();
    checker.check_pcap_sinks();
    TestChecker tests(sources, names, typed, conditions);
    each<ast::Test>(items, [&](const ast::Policy& policy, const ast::Test& test) {
        typed.tests.push_back(tests.check(policy, test));
    });
    if (diagnostics.has_errors()) return std::nullopt;
    check_flows(typed, diagnostics);
    return typed;
}

}  // namespace weir::sema

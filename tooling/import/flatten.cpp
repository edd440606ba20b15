// Tested by tests/unit/tooling/import_test.cpp with `flatten`.
#include "tooling/import/flatten.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace weir::tooling::imports {
namespace {

// What a packet has satisfied to be at a rule of a chain.
struct Guard {
    std::vector<std::string> operands{};
    std::uint32_t comparisons = 0;
    bool names_family = false;  // the operands hold only for packets of the hook's family
};

class Flattener {
public:
    Flattener(const Ruleset& ruleset, const ImportOptions& options, Names& rule_names, Names& value_names,
              Diagnostics& diagnostics)
        : ruleset_(ruleset),
          options_(options),
          rule_names_(rule_names),
          value_names_(value_names),
          diagnostics_(diagnostics) {}

    FlatRules run() {
        for (const Hook& hook : ruleset_.hooks) add_hook(hook);
        for (const auto& [name, chain] : ruleset_.chains)
            if (!reached_.contains(name))
                for (const ImportedRule& rule : chain.rules)
                    flat_.unreached += seen_unreached_.insert(rule.source).second;
        return std::move(flat_);
    }

private:
    bool is_out() const { return hook_->kind == HookKind::kOutput; }

    void add_hook(const Hook& hook) {
        hook_ = &hook;
        Guard guard;
        accepted_ = {};
        if (!hook.guard.empty()) {
            guard.operands.push_back(hook.guard);
            guard.comparisons = 1;
        }
        if (!options_.addresses.empty() && hook.kind != HookKind::kOutput && !hook.is_everything) {
            guard.operands.push_back(hook.kind == HookKind::kInput ? "ip.dst in host_receives"
                                                                   : "ip.dst not in host_receives");
            ++guard.comparisons;
        }
        walk(hook.chain, guard, hook.name);
        if (!hook.policy.empty() && !stopped_) add_policy(hook, guard);
    }

    void add_policy(const Hook& hook, const Guard& guard) {
        ImportedRule rule;
        rule.next = Next::kVerdict;
        rule.verdict = hook.policy;
        rule.source = kNoSource;
        FlatEntry entry = entry_of(rule, guard, hook.name + "_policy");
        entry.origin = &hook.policy_origin;
        if (hook.is_last || hook.policy != "pass") flat_.entries.push_back(std::move(entry));
    }

    // The rules of a chain behind `guard`.
    void walk(const std::string& name, Guard guard, const std::string& near) {
        const auto found = ruleset_.chains.find(name);
        if (found == ruleset_.chains.end()) return;
        reached_.insert(name);
        path_.push_back(name);
        std::size_t number = 0;  // of one rule of the original that became several, all have one
        for (std::size_t i = 0; i < found->second.rules.size() && !stopped_; ++i) {
            const ImportedRule& rule = found->second.rules[i];
            number += i == 0 || rule.source != found->second.rules[i - 1].source;
            const std::string rule_near = fmt::format("{}_{}", near, number);
            if (!take(rule, guard, rule_near)) {
                omit_rest(found->second, i + 1, rule);
                break;
            }
            if (ends_chain(rule)) break;
        }
        path_.pop_back();
    }

    bool ends_chain(const ImportedRule& rule) const {
        return rule.when.is_always() && rule.when.unsaid.empty() && rule.next != Next::kNextRule &&
               rule.next != Next::kJump;
    }

    // False where the rest of the chain cannot be said either: it is not known which packets come there.
    bool take(const ImportedRule& rule, Guard& guard, const std::string& near) {
        const bool is_base = path_.size() == 1;
        std::vector<std::string> reasons = reasons_against(rule, guard);
        const bool leaves = rule.next == Next::kReturn || rule.next == Next::kGoto;
        if (!reasons.empty()) return omit(rule, std::move(reasons)), !leaves || is_base;
        if (rule.next == Next::kJump || rule.next == Next::kGoto) return enter(rule, guard, near);
        if (rule.next == Next::kReturn && !is_base) return exclude(rule, guard, near);
        if (rule.next == Next::kReturn && hook_->policy.empty()) return exclude(rule, guard, near);
        if (!hook_->is_last && verdict_of(rule) == "pass") return accept_here(rule, guard, near);
        flat_.entries.push_back(entry_of(rule, guard, near));
        return true;
    }

    std::string verdict_of(const ImportedRule& rule) const {
        return rule.next == Next::kVerdict ? rule.verdict : rule.next == Next::kReturn ? hook_->policy : std::string();
    }

    // Packets that this hook lets pass come to no more of its rules, but to those of later hooks.
    bool accept_here(const ImportedRule& rule, const Guard& guard, const std::string& near) {
        if (!rule.when.terms.empty())
            return omit(rule,
                        {"a limit may stand in a rule with a verdict or an alert, and other hooks judge what this one "
                         "accepts"}),
                   true;
        add_effects(rule, guard, near);
        const Guard before = std::exchange(accepted_, Guard{});
        Guard all = joined(rule, guard);
        if (all.operands.empty()) all.operands.push_back("packet.len >= 0");
        if (!before.operands.empty()) {
            all.operands = {fmt::format("{} or ({})", before.operands.front(), fmt::join(all.operands, " and "))};
            all.comparisons += before.comparisons;
        }
        accepted_ = named(all, "accepted_by_" + hook_->name);
        return true;
    }

    void add_effects(const ImportedRule& rule, const Guard& guard, const std::string& near) {
        if (rule.effects.empty()) return;
        ImportedRule first = rule;
        first.next = Next::kNextRule;
        FlatEntry entry = entry_of(first, guard, near);
        entry.origin = &rule.origin;
        flat_.entries.push_back(std::move(entry));
    }

    std::vector<std::string> reasons_against(const ImportedRule& rule, const Guard& guard) {
        std::vector<std::string> reasons = rule.when.unsaid;
        std::uint32_t comparisons = guard.comparisons + accepted_.comparisons + 2;
        for (const Operand& operand : rule.when.operands) {
            comparisons += operand.comparisons;
            if ((is_out() ? operand.out : operand.in).empty()) reasons.push_back(operand.why);
        }
        if (comparisons > kMaxRuleComparisons)
            reasons.push_back("its condition, with those of its chains, is too long");
        const bool moves = rule.next == Next::kJump || rule.next == Next::kGoto || rule.next == Next::kReturn;
        if (moves && !rule.when.terms.empty() && !(rule.next == Next::kReturn && path_.size() == 1))
            reasons.push_back("a limit may stand in a rule with a verdict or an alert, not before a jump");
        if (moves && rule.next != Next::kJump && !rule.when.narrowed.empty())
            for (const std::string& missing : rule.when.narrowed) reasons.push_back(missing);
        const bool enters = rule.next == Next::kJump || rule.next == Next::kGoto;
        if (enters && !ruleset_.chains.contains(rule.chain))
            reasons.push_back(fmt::format("chain `{}` is not in the file", one_line(last_part(rule.chain))));
        if (reasons.empty() && !rule.when.terms.empty() && ++term_rules_ > kMaxTermRules)
            reasons.push_back("a policy may have 256 rules with a limit");
        total_comparisons_ += comparisons;
        if (flat_.entries.size() >= kMaxFlatRules || total_comparisons_ > kMaxFlatComparisons) stop(rule);
        return reasons;
    }

    void stop(const ImportedRule& rule) {
        if (stopped_) return;
        stopped_ = true;
        diagnostics_.add({Code::E602,
                          rule.origin.span,
                          fmt::format("the chains expand to more than {} rules or {} comparisons", kMaxFlatRules,
                                      kMaxFlatComparisons),
                          "the bound is reached here",
                          "jump to a chain from fewer places, or say the condition of the jumps once",
                          {},
                          {},
                          {},
                          {}});
    }

    void omit(const ImportedRule& rule, std::vector<std::string> reasons) {
        if (rule.next == Next::kJump || rule.next == Next::kGoto) mark_reached(rule.chain, 0);
        FlatEntry entry;
        entry.kind = FlatEntry::Kind::kUnsaid;
        entry.origin = &rule.origin;
        entry.source = rule.source;
        entry.reasons = std::move(reasons);
        entry.is_egress = is_out();
        flat_.entries.push_back(std::move(entry));
    }

    // The rules behind a jump that cannot be said are not said either.
    void mark_reached(const std::string& name, std::size_t depth) {
        const auto found = ruleset_.chains.find(name);
        if (found == ruleset_.chains.end() || !reached_.insert(name).second || depth > kMaxChainDepth) return;
        for (const ImportedRule& rule : found->second.rules) {
            FlatEntry entry;
            entry.kind = FlatEntry::Kind::kUnsaid;
            entry.origin = &rule.origin;
            entry.source = rule.source;
            entry.is_egress = is_out();
            entry.reasons.push_back("it is behind a jump that cannot be said");
            flat_.entries.push_back(std::move(entry));
            if (!rule.chain.empty()) mark_reached(rule.chain, depth + 1);
        }
    }

    void omit_rest(const Chain& chain, std::size_t from, const ImportedRule& rule) {
        for (std::size_t i = from; i < chain.rules.size(); ++i)
            omit(chain.rules[i],
                 {fmt::format("{} lets packets leave the chain before it, and cannot be said", rule.origin.place)});
    }

    std::string operand_text(const Operand& operand) const { return is_out() ? operand.out : operand.in; }

    // `guard` and the rule's own operands.
    Guard joined(const ImportedRule& rule, const Guard& guard) const {
        Guard all = guard;
        const bool implied = implies_family(rule.when);
        if (!all.names_family && !implied && !hook_->family.empty()) {
            all.operands.push_back(hook_->family);
            ++all.comparisons;
        }
        all.names_family = true;
        if (!accepted_.operands.empty()) {
            all.operands.push_back("not " + accepted_.operands.front());
            all.comparisons += accepted_.comparisons;
        }
        for (const Operand& operand : rule.when.operands) {
            all.operands.push_back(operand_text(operand));
            all.comparisons += operand.comparisons;
        }
        return all;
    }
    bool implies_family(const Condition& when) const {
        if (hook_->family == "ip4") return when.implies[0];
        if (hook_->family == "ip6") return when.implies[1];
        return hook_->family.empty() || when.implies[0] || when.implies[1];
    }

    FlatEntry entry_of(const ImportedRule& rule, const Guard& guard, const std::string& near) {
        FlatEntry entry;
        const Guard all = joined(rule, guard);
        std::vector<std::string> words = all.operands;
        words.insert(words.end(), rule.when.terms.begin(), rule.when.terms.end());
        entry.when = fmt::format("{}", fmt::join(words, " and "));
        entry.name = rule_names_.make(near);
        entry.origin = &rule.origin;
        entry.comment = rule.comment;
        entry.reasons = rule.when.narrowed;
        entry.is_egress = is_out();
        entry.source = rule.source;
        std::vector<std::string> actions = rule.effects;
        if (rule.next == Next::kVerdict) actions.push_back(verdict_here(rule.verdict, entry.reasons));
        if (rule.next == Next::kReturn) actions.push_back(verdict_here(hook_->policy, entry.reasons));
        if (actions.empty()) actions.emplace_back("measure packet.len");  // a rule that only counts
        entry.actions = fmt::format("{}", fmt::join(actions, ", "));
        return entry;
    }

    std::string verdict_here(const std::string& verdict, std::vector<std::string>& reasons) const {
        if (verdict != "reject" || !is_out()) return verdict;
        reasons.push_back("a rule of packets that go out cannot answer: it drops");
        return "drop";
    }

    // Names a condition, so that the rules behind it stay short. One word stays as it is.
    Guard named(Guard guard, const std::string& near) {
        if (guard.operands.size() == 1 && guard.operands.front().find(' ') == std::string::npos) return guard;
        FlatEntry entry;
        entry.kind = FlatEntry::Kind::kLet;
        entry.name = value_names_.make(near);
        entry.when = fmt::format("{}", fmt::join(guard.operands, " and "));
        guard.operands = {entry.name};
        flat_.entries.push_back(std::move(entry));
        return guard;
    }

    // A chain's own name: its key has the file or the table before it.
    static std::string last_part(const std::string& chain) { return chain.substr(chain.rfind('/') + 1); }

    bool enter(const ImportedRule& rule, Guard& guard, const std::string& near) {
        if (std::find(path_.begin(), path_.end(), rule.chain) != path_.end() || path_.size() >= kMaxChainDepth) {
            diagnostics_.add({Code::E603,
                              rule.origin.span,
                              fmt::format("chain `{}` leads back to itself", one_line(last_part(rule.chain))),
                              "a jump of the cycle",
                              "the kernel takes no such rules: remove the jump",
                              {},
                              {},
                              {},
                              {}});
            stopped_ = true;
            return true;
        }
        add_effects(rule, guard, near);
        const std::size_t visits = ++visits_[rule.chain];
        const bool is_plain = rule.when.is_always();
        Guard inner = is_plain ? guard : named(joined(rule, guard), "to_" + last_part(rule.chain));
        const std::string inner_near =
            visits == 1 ? last_part(rule.chain) : fmt::format("{}_{}", near.substr(0, 40), last_part(rule.chain));
        note_narrowed(rule);
        walk(rule.chain, inner, inner_near);
        if (rule.next == Next::kGoto && !is_plain) return exclude(rule, guard, near);
        return true;
    }

    void note_narrowed(const ImportedRule& rule) {
        if (rule.when.narrowed.empty()) return;
        FlatEntry entry;
        entry.kind = FlatEntry::Kind::kUnsaid;
        entry.origin = &rule.origin;
        entry.source = rule.source;
        entry.reasons = rule.when.narrowed;
        flat_.entries.push_back(std::move(entry));
    }

    // The packets that the rule takes out of the chain do not come to its next rules.
    bool exclude(const ImportedRule& rule, Guard& guard, const std::string& near) {
        add_effects(rule, guard, near);
        if (rule.when.is_always()) return true;
        Guard own;
        for (const Operand& operand : rule.when.operands) {
            own.operands.push_back(operand_text(operand));
            own.comparisons += operand.comparisons;
        }
        const Guard left = named(own, "returns_" + near);
        guard.operands.push_back("not " + left.operands.front());
        guard.comparisons += left.comparisons;
        Guard rest = named(guard, "past_" + near);
        rest.names_family = guard.names_family;
        guard = rest;
        return true;
    }

    const Ruleset& ruleset_;
    const ImportOptions& options_;
    Names& rule_names_;
    Names& value_names_;
    Diagnostics& diagnostics_;
    const Hook* hook_ = nullptr;
    Guard accepted_{};                 // what the hook has let pass so far, where it is not the last: one name
    std::vector<std::string> path_{};  // chains from the hook to here
    std::set<std::string> reached_{};
    std::set<std::size_t> seen_unreached_{};
    std::map<std::string, std::size_t> visits_{};
    std::size_t total_comparisons_ = 0;
    std::size_t term_rules_ = 0;
    bool stopped_ = false;
    FlatRules flat_{};
};

}  // namespace

FlatRules flatten(const Ruleset& ruleset, const ImportOptions& options, Names& rule_names, Names& value_names,
                  Diagnostics& diagnostics) {
    return Flattener(ruleset, options, rule_names, value_names, diagnostics).run();
}

}  // namespace weir::tooling::imports

// What `weir check` says of rules (W401, W402, W403), against Z3: small policies with arithmetic at boundaries, and a
// formula for each rule and for the packets that there are (z3_world.h).
//   test_z3 [--seed N] [--policies N] [--lengths N] [--show N] [--allowed N]
// --lengths: each Nth policy compares lengths, too. Status 0: the same, 1: not.
#include <cstdlib>

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "tests/analysis/claims.h"
#include "tests/analysis/z3_world.h"

using namespace weir;
using namespace weir::tests;

namespace {

// A set of packets as a formula.
class Formula {
public:
    Formula(z3::solver& solver, z3::expr holds) : solver_(&solver), holds_(std::move(holds)) {}
    bool none() const {
        solver_->push();
        solver_->add(holds_);
        const z3::check_result result = solver_->check();
        solver_->pop();
        WEIR_CHECK(result != z3::unknown);
        return result == z3::unsat;
    }
    // One of its packets, for people.
    std::string witness() const {
        solver_->push();
        solver_->add(holds_);
        std::string text = "it matches no packet";
        if (solver_->check() == z3::sat) text = fmt::format("it matches {}", solver_->get_model().to_string());
        solver_->pop();
        return text;
    }
    friend Formula operator&(const Formula& a, const Formula& b) { return {*a.solver_, a.holds_ && b.holds_}; }
    friend Formula operator|(const Formula& a, const Formula& b) { return {*a.solver_, a.holds_ || b.holds_}; }
    friend Formula operator-(const Formula& a, const Formula& b) { return {*a.solver_, a.holds_ && !b.holds_}; }

private:
    z3::solver* solver_;
    z3::expr holds_;
};

z3::expr meaning(const SmallCondition& condition, const std::vector<Z3Atom>& atoms) {
    using Kind = SmallCondition::Kind;
    if (condition.kind == Kind::kAtom) return atoms[condition.atom].holds;
    z3::expr whole = meaning(condition.operands.front(), atoms);
    if (condition.kind == Kind::kNot) return !whole;
    for (std::size_t i = 1; i < condition.operands.size(); ++i) {
        const z3::expr part = meaning(condition.operands[i], atoms);
        whole = condition.kind == Kind::kAnd ? whole && part : whole || part;
    }
    return whole;
}

struct Options {
    std::uint64_t seed = 1, policies = 100, lengths = 4, show = 1, allowed = 0;
};

class Run {
public:
    explicit Run(const Options& options) : options_(options) {}

    void one(std::uint64_t seed, bool with_lengths) {
        Random random(seed);
        std::vector<std::uint64_t> pool;
        for (int i = 0; i < 3; ++i) pool.push_back(random.one_in(2) ? random.below(300) : random.below(65536));
        Domain domain{.name = with_lengths ? "lengths" : "headers"};
        std::vector<Z3Atom> atoms;
        const auto lengths = with_lengths ? Z3World::Lengths::kToo : Z3World::Lengths::kNot;
        for (int i = 0; i < 12; ++i) {
            atoms.push_back(world_.atom(random, pool, lengths));
            domain.atoms.push_back({.text = atoms.back().text, .holds = {}});
        }
        domain.keys = {"ip.src", "tcp.dport", "ip.id"};
        const SmallPolicy policy = small_policy(random, domain);
        TrueClaims unused;
        for (const auto& [kind, why] : faults(policy, domain, atoms, true_claims_)) {
            const std::string named = fmt::format("{} ({})", kind, domain.name);
            if (sums_[named]++ >= options_.show) continue;
            SmallPolicy least = policy;
            const auto still = [&](const SmallPolicy& less) {
                return !less.rules.empty() && faults(less, domain, atoms, unused).contains(kind);
            };
            while (shrink_small(least, still)) continue;
            fmt::print("{}, seed {}: {}\n{}\n", named, seed, faults(least, domain, atoms, unused)[kind],
                       least.text(domain));
            std::fflush(stdout);
        }
        ++policies_;
    }

    int report() const {
        fmt::print("{} policies from seed {}:", policies_, options_.seed);
        for (const auto& [code, count] : true_claims_) fmt::print(" {} {}", count, code);
        fmt::print(" are true; policies with faults:");
        for (const auto& [kind, count] : sums_) fmt::print(" {} {}", count, kind);
        fmt::print("{}\n", sums_.empty() ? " none" : "");
        return is_right(sums_, options_.allowed) ? 0 : 1;
    }

private:
    Faults faults(const SmallPolicy& policy, const Domain& domain, const std::vector<Z3Atom>& atoms,
                  TrueClaims& true_claims) {
        const Said said = said_of(policy.text(domain));
        if (!said.refused.empty()) return {{"refused", said.refused}};
        if (!said.is_whole) return {{"not judged", "rules were not judged"}};
        std::vector<Formula> matches;
        for (const SmallRule& rule : policy.rules) {
            z3::expr holds = meaning(rule.condition, atoms);
            if (rule.key) holds = holds && world_.is_there(domain.keys[*rule.key]);
            matches.emplace_back(solver_, holds);
        }
        const auto witness = [](const Formula& packets) { return packets.witness(); };
        return faults_of(policy, said, truth_of(policy, std::move(matches), Formula(solver_, context_.bool_val(false))),
                         witness, true_claims);
    }

    Options options_;
    z3::context context_;
    Z3World world_{context_};
    z3::solver solver_ = [this] {
        z3::solver solver(context_, "QF_BV");
        solver.add(world_.possible());
        return solver;
    }();
    std::map<std::string, std::uint64_t> sums_;
    TrueClaims true_claims_;
    std::uint64_t policies_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        const std::uint64_t number = std::strtoull(argv[i + 1], nullptr, 0);
        if (word == "--seed") options.seed = number;
        if (word == "--policies") options.policies = number;
        if (word == "--lengths") options.lengths = number;
        if (word == "--allowed") options.allowed = number;
        if (word == "--show") options.show = number;
    }
    Run run(options);
    for (std::uint64_t i = 0; i < options.policies; ++i)
        run.one(options.seed + i, options.lengths != 0 && i % options.lengths == 0);
    return run.report();
}

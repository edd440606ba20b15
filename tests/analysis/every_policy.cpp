// All policies of up to three rules and two comparisons a rule, over comparisons at the boundaries of a family, against
// all packets of a small domain: the oracle, the native evaluator and the kernel's answer what the policy says by its
// definition (small_policy.h).
//   test_every_policy [--family NAME] [--every N] [--from N] [--kernel N]
// --every: only each Nth policy, from the one numbered --from on. --kernel: each Nth of those in the kernel, too, where
// programs may be loaded; 0: none. Status 0: all agree, 1: one does not.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/codegen/native.h"
#include "compiler/oracle/evaluate.h"
#include "tests/analysis/shape.h"
#include "tests/analysis/small_policy.h"
#include "tests/support/engines.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Kind = SmallCondition::Kind;

// Three comparisons of each family: a value's own boundary, one beside it, and one that overlaps both.
struct Family {
    std::string name;
    std::vector<Atom> atoms;
    std::vector<Bytes> frames;
};

// Shapes with each of `count` values, and some of all others.
std::vector<Bytes> varied(const std::function<void(Shape&, std::size_t)>& vary, std::size_t count) {
    constexpr std::size_t kOthers = 7;  // each of so many
    std::vector<Bytes> frames;
    for (Shape shape : ip_shapes()) {
        const bool is_usual = shape.extensions.empty() && shape.options.empty() && shape.fault == Shape::Fault::kNone &&
                              (shape.protocol == 6 || shape.protocol == 17 || shape.protocol == 132);
        for (std::size_t i = 0; is_usual && i < count; ++i) {
            vary(shape, i);
            frames.push_back(frame_of(shape));
        }
    }
    const std::vector<Bytes> others = all_shapes();
    for (std::size_t i = 0; i < others.size(); i += kOthers) frames.push_back(others[i]);
    return frames;
}

std::vector<Family> families() {
    static const std::vector<std::uint16_t> kPorts = {79, 80, 81, 1023, 1024};
    const auto ports = varied([](Shape& shape, std::size_t i) { shape.destination = kPorts[i]; }, kPorts.size());
    static const std::vector<Bytes> kSources = {hex("09ffffff"), hex("0a000000"), hex("0a7fffff"), hex("0a800000"),
                                                hex("0b000000")};
    const auto sources = varied([](Shape& shape, std::size_t i) { shape.source4 = kSources[i]; }, kSources.size());
    const auto flags = varied([](Shape& shape, std::size_t i) { shape.flags = Bytes{0, 2, 16, 18, 20}[i]; }, 5);
    const auto ttls = varied([](Shape& shape, std::size_t i) { shape.ttl = Bytes{0, 1, 2, 63, 64, 255}[i]; }, 6);
    return {
        {"ports", {number("tcp.dport", "==", 80), number("port.dst", "<", 1024), flag("udp")}, ports},
        {"addresses",
         {nets("ip.src", In::kIn, "10.0.0.0/8"), nets("ip.src", In::kNotIn, "10.0.0.0/9"), flag("ip6")},
         sources},
        {"flags", {flag("tcp.syn"), masked("tcp.flags", 0x12, "==", 0x02), number("tcp.flags", "!=", 18)}, flags},
        {"fragments", {flag("ip.is_fragment"), number("ip.frag_offset", ">", 0), number("ip.proto", "==", 6)}, ttls},
        {"headers", {number("ip.ttl", "<=", 1), flag("malformed"), number("ip.ttl", ">=", 64)}, ttls},
    };
}

// All conditions of one or two of three comparisons.
std::vector<SmallCondition> all_conditions() {
    std::vector<SmallCondition> conditions;
    for (std::size_t a = 0; a < 3; ++a) {
        const SmallCondition one{.atom = a};
        conditions.push_back(one);
        conditions.push_back({.kind = Kind::kNot, .operands = {one}});
        for (std::size_t b = a + 1; b < 3; ++b)
            for (const Kind kind : {Kind::kAnd, Kind::kOr})
                conditions.push_back({.kind = kind, .operands = {one, {.atom = b}}});
    }
    return conditions;
}

// The policy of that number: its rules are the digits of a number whose first digit is 1 to 3, how many there are.
SmallPolicy policy_of(std::uint64_t number, const std::vector<SmallCondition>& conditions) {
    const std::uint64_t forms = 2 * conditions.size();
    SmallPolicy policy;
    std::uint64_t rules = 1;
    for (std::uint64_t all = forms; number >= all; all *= forms) number -= all, ++rules;
    for (; rules > 0; --rules, number /= forms) {
        SmallRule rule;
        rule.condition = conditions[number % forms / 2];
        rule.verdict = number % 2 == 0 ? "drop" : "pass";
        policy.rules.push_back(std::move(rule));
    }
    return policy;
}

struct Options {
    std::string family{};
    std::uint64_t every = 1, from = 0, kernel = 0;
};

struct Sums {
    std::uint64_t policies = 0, in_kernel = 0, packets = 0;
};

// The evaluators of one policy. Without the kernel its program is made quickly, and the oracle is shown packets that
// were read once.
class Small {
public:
    Small(const std::string& text, Evaluators::Kernel kernel) : analysed_(analysed(text)) {
        if (analysed_.compiled == nullptr) {
            refused_ = analysed_.said;
        } else if (kernel == Evaluators::Kernel::kToo) {
            auto created = Evaluators::create(std::move(analysed_), kernel);
            if (created) all_ = std::move(*created);
            refused_ = why_not(created);
        } else {
            auto native = codegen::NativeEngine::create(*analysed_.compiled, codegen::NativeEngine::Made::kQuickly);
            if (native) native_ = std::move(*native);
            if (!native) refused_ = native.error().message;
            oracle_.emplace(analysed_.compiled->policy);
        }
    }
    const std::string& refused() const { return refused_; }

    // The oracle's judgement; what another evaluator says otherwise is added to `difference`.
    Judged judge(const Bytes& frame, const packet::Packet& packet, std::string& difference) {
        if (all_) return all_->judge(frame, difference);
        const Judged judged = tooling::judged_from(oracle_->judge(packet, 0));
        const codegen::NativeJudgement native = native_->judge(frame, 0);
        const std::uint32_t rule = judged.by == Judged::By::kRule        ? judged.rule
                                   : judged.by == Judged::By::kMalformed ? WEIR_RULE_MALFORMED
                                                                         : WEIR_RULE_DEFAULT;
        if (native.verdict != judged.verdict || native.rule != rule || native.matched != judged.matched)
            difference += fmt::format("native: verdict {} by {}\n", native.verdict, native.rule);
        return judged;
    }

private:
    Analysed analysed_;
    std::string refused_;
    std::unique_ptr<Evaluators> all_;
    std::unique_ptr<codegen::NativeEngine> native_;
    std::optional<oracle::Oracle> oracle_;
};

// What is wrong with a policy; empty where nothing is. `read`: the domain's packets.
std::string fault_of(const SmallPolicy& policy, const Domain& domain, const std::vector<packet::Packet>& read,
                     Evaluators::Kernel kernel, Sums& sums) {
    Small evaluators("default pass\nmalformed drop\n" + policy.text(domain), kernel);
    if (!evaluators.refused().empty()) return "it is refused: " + evaluators.refused();
    const std::vector<Packets> matches = matches_of(policy, domain);
    for (std::size_t at = 0; at < domain.sent.size(); ++at) {
        const Bytes& frame = domain.sent[at].frame;
        std::string difference;
        const Judged judged = evaluators.judge(frame, read[at], difference);
        std::size_t rule = 0;
        while (rule < matches.size() && !matches[rule].has(at)) ++rule;
        const bool is_rule = rule < matches.size();
        const bool is_drop = is_rule ? policy.rules[rule].verdict == "drop" : read[at].malformed();
        const auto verdict = is_drop ? policy::VerdictKind::kDrop : policy::VerdictKind::kPass;
        const bool is_as_written = judged.verdict == static_cast<std::uint32_t>(verdict) &&
                                   (judged.by == Judged::By::kRule) == is_rule && (!is_rule || judged.rule == rule);
        if (!is_as_written) difference += "it should be " + (is_rule ? fmt::format("r{}", rule) : "none") + "\n";
        if (!difference.empty()) return difference + to_string(judged) + "\npacket " + to_hex(frame);
    }
    sums.packets += domain.sent.size();
    return {};
}

int run(const Family& family, const Options& options) {
    const auto begin = std::chrono::steady_clock::now();
    Domain domain{.name = family.name, .atoms = family.atoms};
    std::vector<packet::Packet> read;
    for (const Bytes& frame : family.frames) {
        domain.sent.push_back({.frame = frame});
        read.emplace_back(frame);
    }
    // All packets stay: that some are the same to the comparisons is what the evaluators have to find.
    for (const Atom& atom : domain.atoms) {
        Packets where(domain.sent.size());
        for (std::size_t i = 0; i < domain.sent.size(); ++i)
            if (atom.holds(read[i])) where.add(i);
        domain.where.push_back(where);
    }
    domain.out = Packets(domain.sent.size());
    const std::vector<SmallCondition> conditions = all_conditions();
    const std::uint64_t forms = 2 * conditions.size(), all = forms + forms * forms + forms * forms * forms;
    Sums sums;
    for (std::uint64_t number = options.from; number < all; number += options.every, ++sums.policies) {
        const bool in_kernel = options.kernel != 0 && sums.policies % options.kernel == 0 && Evaluators::kernel_runs();
        const SmallPolicy policy = policy_of(number, conditions);
        const std::string fault =
            fault_of(policy, domain, read, in_kernel ? Evaluators::Kernel::kToo : Evaluators::Kernel::kNot, sums);
        sums.in_kernel += in_kernel ? 1 : 0;
        if (fault.empty()) continue;
        fmt::print("{}, policy {}: {}\n{}\n", family.name, number, fault, policy.text(domain));
        return 1;
    }
    fmt::print("{}: {} of {} policies, {} of them in the kernel, {} packets each; {:.0f} s\n", family.name,
               sums.policies, all, sums.in_kernel, domain.sent.size(),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    std::fflush(stdout);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        const auto number = [&] { return std::strtoull(argv[i + 1], nullptr, 0); };
        if (word == "--family") options.family = argv[i + 1];
        if (word == "--every") options.every = std::max<std::uint64_t>(1, number());
        if (word == "--from") options.from = number();
        if (word == "--kernel") options.kernel = number();
    }
    int status = 0, ran = 0;
    for (const Family& family : families()) {
        if (!options.family.empty() && options.family != family.name) continue;
        ++ran;
        status |= run(family, options);
    }
    if (ran == 0) fmt::print("there is no such family\n");
    return ran == 0 ? 2 : status;
}

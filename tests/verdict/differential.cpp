// Random policies and packets on all engines. A difference is a failure, whichever engine is right; and so is a warning
// of lint that a packet refutes, a program that the verifier refuses, and one that it takes long for. It prints the
// seed, the smallest policy that shows it, and the packet.
//   test_differential [--seed N] [--pairs N] [--packets N] [--engines native|kernel|all] [--show]
// WEIR_DIFFERENTIAL_PAIRS and WEIR_DIFFERENTIAL_SEED in the environment stand for --pairs and --seed. Status 0: no
// difference; 1: one; 77: programs may not be loaded here, and the kernel was asked for.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include <unistd.h>

#include <fmt/format.h>

#include "compiler/analysis/lint.h"
#include "tests/support/random_packet.h"
#include "tests/support/random_policy.h"

using namespace weir;
using namespace weir::tests;

namespace {

// The same for the same frame: where a policy shrinks, its packets stay as they were.
std::string_view interface_of(const Bytes& frame) {
    constexpr std::string_view kNames[] = {"", "eth0", "ETH0", "lo", "wlan0", "Eth1"};
    return kNames[std::accumulate(frame.begin(), frame.end(), std::size_t{0}) % std::size(kNames)];
}

constexpr int kShrinkTries = 600;
constexpr double kLoadSeconds =
    10;  // of CPU time: far beyond what a million instructions take, however slow the machine

// Of the policy at hand, in decimal, for whoever reads of a crash.
char current_seed[32];
void say_seed(int crash) {
    std::signal(crash, SIG_DFL);
    [[maybe_unused]] const ssize_t said = write(STDERR_FILENO, current_seed, std::strlen(current_seed));
}

struct Options {
    std::uint64_t seed = 0;
    std::uint64_t pairs = 100'000;
    std::uint64_t packets = 350;  // a policy
    std::string engines = "all";
    bool show = false;
};

// What `weir check` says of the rules, to be held against what they do.
class Claims {
public:
    explicit Claims(const policy::TypedPolicy& policy)
        : policy_(policy), oracle_(policy), never_(policy.rules.size()), redundant_(policy.rules.size()) {
        Diagnostics said;
        spent_ = !analysis::lint(policy, said);
        for (std::size_t i = 0; i < policy.rules.size(); ++i) {
            for (const Diagnostic& d : said.all()) {
                if (d.rule != policy.rules[i].name) continue;
                if (d.code == Code::W401 || d.code == Code::W403) never_[i] = true;
                if (d.code == Code::W402) redundant_[i] = true;
            }
        }
    }
    // Which of them is wrong for a packet; empty where none is.
    std::string wrong(const Bytes& frame, packet::Direction direction, const Judged& judged) {
        packet::Packet packet(frame);
        if (direction == packet::Direction::kOut) packet.set_outgoing();
        if (const std::string name(interface_of(frame)); !name.empty()) packet.set_interface(name);
        walks_.read(packet, 0);
        for (const std::uint32_t rule : judged.matched)
            if (never_[rule])
                return fmt::format("lint says that r{} never matches a packet (W401, W403): {}\n", rule,
                                   to_string(judged));
        if (judged.by != Judged::By::kRule || !redundant_[judged.rule]) return {};
        for (std::size_t i = judged.rule + 1; i < redundant_.size(); ++i) {
            const policy::Rule& rule = policy_.rules[i];
            if (rule.direction != policy_.rules[judged.rule].direction) continue;
            if (redundant_[i] || !rule.decides() || !oracle_.holds(rule.condition, packet)) continue;
            if (static_cast<std::uint32_t>(rule.verdict->kind) == judged.verdict) return {};
            return fmt::format("lint says that r{} is redundant (W402), but r{} decides otherwise: {}\n", judged.rule,
                               i, to_string(judged));
        }
        return fmt::format("lint says that r{} is redundant (W402), but no later rule decides: {}\n", judged.rule,
                           to_string(judged));
    }
    bool spent() const { return spent_; }
    std::uint64_t count() const {
        return static_cast<std::uint64_t>(std::count(never_.begin(), never_.end(), true) +
                                          std::count(redundant_.begin(), redundant_.end(), true));
    }

private:
    const policy::TypedPolicy& policy_;
    oracle::Oracle oracle_;
    oracle::TlsWalks walks_;
    std::vector<bool> never_, redundant_;
    bool spent_ = false;
};

// What a run came to.
struct Sums {
    std::uint64_t policies = 0, pairs = 0, rules = 0, largest = 0, kernel_frames = 0, claims = 0, unlinted = 0;
    double slowest_load_seconds = 0;
    std::uint64_t slowest_seed = 0;
};

// What is wrong with the policy for one of the packets; empty where all engines agree.
std::string fault_of(const RandomPolicy& policy, const std::vector<Bytes>& packets, bool kernel, Bytes& guilty,
                     Sums& sums) {
    auto created = Evaluators::create(policy.to_text(), policy.files,
                                      kernel ? Evaluators::Kernel::kToo : Evaluators::Kernel::kNot);
    if (!created) return "the policy is refused:\n" + created.error().message;
    auto& engines = *created;
    if (engines->load_seconds() > kLoadSeconds)
        return fmt::format("the policy takes {:.2f} s to load\n", engines->load_seconds());
    Claims claims(engines->compiled().policy);
    for (const Bytes& packet : packets) {
        for (const packet::Direction direction : packet::kDirections) {
            if (direction == packet::Direction::kOut && !engines->compiled().egress) continue;
            std::string difference;
            const Judged judged = engines->judge(packet, difference, 0, interface_of(packet), direction);
            difference += claims.wrong(packet, direction, judged);
            if (difference.empty()) continue;
            guilty = packet;
            return fmt::format("{}: {}", packet::direction_name(direction), difference);
        }
    }
    sums.slowest_load_seconds = std::max(sums.slowest_load_seconds, engines->load_seconds());
    sums.rules += policy.rules.size();
    sums.largest = std::max(sums.largest, std::uint64_t{policy.rules.size()});
    sums.kernel_frames += engines->kernel_frames();
    sums.claims += claims.count();
    sums.unlinted += claims.spent() ? 1 : 0;
    return {};
}

std::string fault_of(const RandomPolicy& policy, const std::vector<Bytes>& packets, bool kernel) {
    Bytes guilty;
    Sums sums;
    return fault_of(policy, packets, kernel, guilty, sums);
}

// Takes away what can be taken while the fault stays one of its kind.
RandomPolicy shrunk(RandomPolicy policy, const std::vector<Bytes>& packets, bool kernel, bool of_policy) {
    int tries = 0;
    const auto still = [&](const RandomPolicy& less) {
        if (++tries > kShrinkTries || !analysed(less.to_text(), less.files).compiled) return false;
        const std::string fault = fault_of(less, packets, kernel);
        return !fault.empty() && fault.starts_with("the policy") == of_policy;
    };
    while (tries < kShrinkTries && shrink(policy, still)) continue;
    return policy;
}

int report(const Options& options, std::uint64_t seed, const RandomPolicy& policy, const std::string& fault,
           const std::vector<Bytes>& all, const Bytes& packet, bool kernel) {
    fmt::print("seed {}: {}making it smaller\n", seed, fault.substr(0, 2000));
    std::fflush(stdout);
    const bool of_policy = fault.starts_with("the policy");
    const bool by_checker = of_policy && !analysed(policy.to_text(), policy.files).compiled;
    const bool in_kernel = kernel && (of_policy || fault.find("kernel: ") != std::string::npos);
    std::vector<Bytes> packets = of_policy ? std::vector<Bytes>{} : std::vector<Bytes>{packet};
    // Where those before it matter (names that come in later segments) all of them stay.
    if (!of_policy && fault_of(policy, packets, in_kernel).empty())
        packets.assign(all.begin(), std::find(all.begin(), all.end(), packet) + 1);
    const RandomPolicy least = by_checker ? policy : shrunk(policy, packets, in_kernel, of_policy);
    fmt::print("seed {} (run {})\n{}\n", seed, options.seed, by_checker ? fault : fault_of(least, packets, in_kernel));
    fmt::print("--- policy\n{}", least.to_text());
    for (const auto& [name, text] : least.files)
        if (least.to_text().find(name) != std::string::npos) fmt::print("--- {}\n{}", name, text);
    if (!of_policy) fmt::print("--- packet\n{}\n", to_hex(packet));
    return 1;
}

Options read(int argc, char** argv) {
    Options options;
    options.seed = std::random_device()();
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 0); };
    if (const char* pairs = std::getenv("WEIR_DIFFERENTIAL_PAIRS")) options.pairs = number(pairs);
    if (const char* seed = std::getenv("WEIR_DIFFERENTIAL_SEED")) options.seed = number(seed);
    const bool pairs_given = std::getenv("WEIR_DIFFERENTIAL_PAIRS") != nullptr;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--seed")
            options.seed = number(value), ++i;
        else if (word == "--pairs" && !pairs_given)
            options.pairs = number(value), ++i;
        else if (word == "--packets")
            options.packets = std::max<std::uint64_t>(1, number(value)), ++i;
        else if (word == "--engines")
            options.engines = value, ++i;
        else if (word == "--show")
            options.show = true;
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    const bool kernel = options.engines != "native" && Evaluators::kernel_runs();
    if (options.engines == "kernel" && !kernel) {
        fmt::print("skipped: programs may not be loaded here\n");
        return 77;
    }
    for (const int crash : {SIGABRT, SIGSEGV}) std::signal(crash, say_seed);
    fmt::print("seed {}\n", options.seed);
    std::fflush(stdout);  // a crash must not take it along
    const auto begin = std::chrono::steady_clock::now();
    Sums sums;
    for (; sums.pairs < options.pairs; ++sums.policies) {
        // Each policy has a seed of its own, so that it can be run alone: --seed S --pairs 1.
        const std::uint64_t seed = options.seed + sums.policies;
        std::snprintf(current_seed, sizeof(current_seed), "seed %llu\n", static_cast<unsigned long long>(seed));
        Random random(seed);
        const RandomPolicy policy = random_policy(random);
        if (options.show) fmt::print("# seed {}\n{}\n", seed, policy.to_text());
        const std::vector<Bytes> packets = random_packets(random, policy.hints, options.packets);
        Bytes guilty;
        const double slowest = sums.slowest_load_seconds;
        const std::string fault = fault_of(policy, packets, kernel, guilty, sums);
        if (!fault.empty()) return report(options, seed, policy, fault, packets, guilty, kernel);
        if (sums.slowest_load_seconds > slowest) sums.slowest_seed = seed;
        sums.pairs += packets.size();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print(
        "{} policies of {} rules in all, {} at most; {} pairs, {} of them in the kernel{}; {} claims of lint, {} "
        "policies too large for it; {:.1f} s\n",
        sums.policies, sums.rules, sums.largest, sums.pairs, sums.kernel_frames,
        kernel ? "" : " (not asked for, or programs may not be loaded)", sums.claims, sums.unlinted, seconds);
    if (kernel) fmt::print("the slowest load: {:.3f} s (seed {})\n", sums.slowest_load_seconds, sums.slowest_seed);
    return 0;
}

// Random policies and packets on all engines. A difference is a failure, whichever engine is right; it prints the seed,
// the smallest policy that shows it, and the packet.
//   test_differential [--seed N] [--pairs N] [--engines native|kernel|all] [--show]
// WEIR_DIFFERENTIAL_PAIRS and WEIR_DIFFERENTIAL_SEED in the environment stand for --pairs and --seed. Status 0: no
// difference; 1: one; 77: programs may not be loaded here, and the kernel was asked for.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "tests/support/random_packet.h"
#include "tests/support/random_policy.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kPacketsAPolicy = 350;
constexpr int kShrinkTries = 400;

struct Options {
    std::uint64_t seed = 0;
    std::uint64_t pairs = 100'000;
    std::string engines = "all";
    bool show = false;
};

// What is wrong with the policy for one of the packets; empty where all engines agree.
std::string fault_of(const RandomPolicy& policy, const std::vector<Bytes>& packets, bool kernel, Bytes* guilty, std::uint64_t* kernel_frames) {
    std::string error;
    const auto engines = Engines::create(policy.to_text(), error, policy.files, kernel ? Engines::Kernel::kToo : Engines::Kernel::kNot);
    if (!engines) return "the policy is refused:\n" + error;
    for (const Bytes& packet : packets) {
        std::string difference;
        engines->judge(packet, difference);
        if (difference.empty()) continue;
        if (guilty != nullptr) *guilty = packet;
        return difference;
    }
    if (kernel_frames != nullptr) *kernel_frames += engines->kernel_frames();
    return {};
}

// Takes away what can be taken while the fault stays one of its kind.
RandomPolicy shrunk(RandomPolicy policy, const std::vector<Bytes>& packets, bool kernel, bool refused) {
    int tries = 0;
    for (bool again = true; again && tries < kShrinkTries;) {
        again = false;
        for (RandomPolicy& less : smaller(policy)) {
            if (++tries > kShrinkTries) break;
            const Analysed accepted = analysed(less.to_text(), less.files);
            if (!accepted.compiled) continue;
            const std::string fault = fault_of(less, packets, kernel, nullptr, nullptr);
            if (fault.empty() || fault.starts_with("the policy") != refused) continue;
            policy = std::move(less);
            again = true;
            break;
        }
    }
    return policy;
}

int report(const Options& options, std::uint64_t seed, const RandomPolicy& policy, const std::string& fault, const Bytes& packet, bool kernel) {
    const bool refused = fault.starts_with("the policy");
    const bool by_checker = refused && !analysed(policy.to_text(), policy.files).compiled;
    const std::vector<Bytes> packets = refused ? std::vector<Bytes>{} : std::vector<Bytes>{packet};
    const RandomPolicy least = by_checker ? policy : shrunk(policy, packets, kernel, refused);
    fmt::print("seed {} (run {})\n{}\n", seed, options.seed, by_checker ? fault : fault_of(least, packets, kernel, nullptr, nullptr));
    fmt::print("--- policy\n{}", least.to_text());
    for (const auto& [name, text] : least.files)
        if (least.to_text().find(name) != std::string::npos) fmt::print("--- {}\n{}", name, text);
    if (!refused) fmt::print("--- packet\n{}\n", to_hex(packet));
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
        if (word == "--seed") options.seed = number(value), ++i;
        else if (word == "--pairs" && !pairs_given) options.pairs = number(value), ++i;
        else if (word == "--engines") options.engines = value, ++i;
        else if (word == "--show") options.show = true;
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    const bool kernel = options.engines != "native" && Engines::kernel_runs();
    if (options.engines == "kernel" && !kernel) {
        fmt::print("skipped: programs may not be loaded here\n");
        return 77;
    }
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t pairs = 0, policies = 0, kernel_frames = 0;
    for (; pairs < options.pairs; ++policies) {
        // Each policy has a seed of its own, so that it can be run alone: --seed S --pairs 1.
        const std::uint64_t seed = options.seed + policies;
        Random random(seed);
        const RandomPolicy policy = random_policy(random);
        if (options.show) fmt::print("# seed {}\n{}\n", seed, policy.to_text());
        std::vector<Bytes> packets;
        for (std::uint64_t i = 0; i < kPacketsAPolicy; ++i) packets.push_back(random_packet(random, policy.hints));
        Bytes guilty;
        const std::string fault = fault_of(policy, packets, kernel, &guilty, &kernel_frames);
        if (!fault.empty()) return report(options, seed, policy, fault, guilty, kernel);
        pairs += packets.size();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print("seed {}: {} policies, {} pairs, {} of them in the kernel{}, {:.1f} s\n", options.seed, policies, pairs, kernel_frames,
               kernel ? "" : " (not asked for, or programs may not be loaded)", seconds);
    return 0;
}

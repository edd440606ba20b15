// What comparing a candidate with the policy in force costs a packet, beside the two of them, each in force by itself,
// together. ns over a program that only returns, medians of rounds in which each runs once, with a million packets
// whose sources are in no order. bench_shadow
#include <fmt/core.h>

#include <string>
#include <vector>

#include "grammar/base/seeded.h"
#include "runtime/engine/root.h"
#include "runtime/engine/shadow.h"
#include "tests/bench/rule_shapes.h"
#include "tests/bench/source_driver.h"

extern "C" const char weir_template_bare_begin[];
extern "C" const char weir_template_bare_end[];

namespace {

using namespace weir;
using namespace weir::bench;

constexpr int kRounds = 11;

struct Pair {
    const char* name;
    std::string live, candidate;
};

// A program of the runtime's that needs no policy.
runtime::ObjectPtr bare_program() {
    runtime::ObjectPtr object(
        bpf_object__open_mem(weir_template_bare_begin,
                             static_cast<std::size_t>(weir_template_bare_end - weir_template_bare_begin), nullptr));
    if (!object || bpf_object__load(object.get()) != 0) give_up("the bare program does not load");
    return object;
}

// A root with that program in force.
runtime::Root root_of(int program_fd) {
    auto root = runtime::Root::load();
    if (!root) give_up(root.error().message);
    auto slot = root->place(program_fd);
    if (!slot) give_up(slot.error().message);
    if (!root->replace(root->in_force(), runtime::InForce::permanent(*slot)))
        give_up("the root does not take the program");
    return std::move(*root);
}

void measure(SourceDriver& driver, int bare_fd, const Pair& pair) {
    const Loaded live = load(pair.live, ""), candidate = load(pair.candidate, "");
    auto shadow = runtime::Shadow::load(live.object, 1, {}, candidate.object, {}, runtime::FrameBuffers::kOne);
    if (!shadow) give_up(shadow.error().message);
    const runtime::Root live_root = root_of(live.program.fd()), candidate_root = root_of(candidate.program.fd()),
                        shadow_root = root_of(shadow->program_fd());
    const auto frame = frame_of(4);
    std::vector<double> lives, candidates, both, ratios;
    driver.ns(shadow_root.program_fd(), frame);
    for (int round = 0; round < kRounds; ++round) {
        const double bare = driver.ns(bare_fd, frame);
        lives.push_back(driver.ns(live_root.program_fd(), frame) - bare);
        candidates.push_back(driver.ns(candidate_root.program_fd(), frame) - bare);
        both.push_back(driver.ns(shadow_root.program_fd(), frame) - bare);
        ratios.push_back(both.back() / (lives.back() + candidates.back()));
    }
    auto status = shadow->status();
    if (!status) give_up(status.error().message);
    fmt::print("{:<36} {:>6.0f} {:>9.0f} {:>9.0f} {:>9.2f} {:>13.0f}%\n", pair.name, median(lives), median(candidates),
               median(both), median(ratios),
               100.0 * static_cast<double>(status->disagreements) / static_cast<double>(status->packets));
    std::fflush(stdout);
}

}  // namespace

int main() {
    SourceDriver driver;
    Seeded random(1);
    std::vector<IpAddress> sources(kSources);
    for (IpAddress& source : sources) {
        source.version = 4;
        for (std::size_t i = 0; i < 4; ++i)
            source.bytes[i] = static_cast<std::uint8_t>(i == 0 ? 1 + random() % 200 : random());
    }
    driver.set_sources(sources);
    const runtime::ObjectPtr bare = bare_program();
    const int bare_fd = bpf_program__fd(bpf_object__find_program_by_name(bare.get(), "weir_bare"));
    const auto shaped = [](std::uint32_t rules, std::uint64_t seed) {
        return policy_text(make_rules(Shape::kFirewall, rules, seed), "shaped");
    };
    const std::string one = "rule r { when udp and ip.ttl == 64 then drop }\n";
    const std::string half = "rule r { when udp and ip.src in 0.0.0.0/1 then drop }\n";
    const std::string rate = "rule r { when udp and rate(ip.src) > 100/s size 10000 then drop }\n";
    fmt::print("{:<36} {:>6} {:>9} {:>9} {:>9} {:>14}\n", "live, candidate", "live", "candidate", "compared", "to sum",
               "disagreements");
    for (const Pair& pair :
         {Pair{"one rule, the same", one, one}, Pair{"one rule, another", one, half},
          Pair{"100 rules, others", shaped(100, 1), shaped(100, 2)},
          Pair{"10,000 rules, others", shaped(10'000, 1), shaped(10'000, 2)}, Pair{"one rule, a rate", one, rate}})
        measure(driver, bare_fd, pair);
}

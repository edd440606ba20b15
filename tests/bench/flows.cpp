// What flows cost: ns a packet over the same rule without them, of flows that are known, and of new ones that are
// refused. bench_flows [FLOWS…]
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/mman.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "bpf/flow.h"
#include "grammar/base/seeded.h"
#include "grammar/value.h"
#include "runtime/handles.h"
#include "tests/bench/source_driver.h"

namespace {

using namespace weir;
using namespace weir::bench;
using Random = Seeded;

constexpr int kRounds = 9;
constexpr std::size_t kTtl4At = 22, kTtl6At = 21;

// As if the other side had answered, too.
std::size_t establish(const Loaded& policy) {
    const int map = policy.program.state().flows();
    const std::uint32_t groups = policy.program.state().flow_groups();
    const std::size_t bytes = std::size_t{groups} * sizeof(weir_flow_group);
    const runtime::UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), bytes);
    if (!memory) give_up("the flows cannot be read");
    std::size_t flows = 0;
    for (std::uint32_t i = 0; i < groups; ++i)
        for (weir_flow& flow : static_cast<weir_flow_group*>(memory.get())[i].cells) {
            if (flow.print == 0) continue;
            flow.state |= WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1 | WEIR_FLOW_ESTABLISHED;
            ++flows;
        }
    return flows;
}

void print(const char* name, std::uint8_t version, std::size_t flows, const std::vector<double>& over,
           const std::vector<double>& whole) {
    fmt::print("{:<28} IPv{} {:>9} {:>8.0f} {:>8.0f}\n", name, version, flows, median(over), median(whole));
    std::fflush(stdout);
}

// Rounds of the two, in turn.
void compare(SourceDriver& driver, const char* name, std::size_t flows, const Loaded& with, const Loaded& without,
             const std::vector<std::uint8_t>& frame, std::uint8_t version) {
    std::vector<double> over, whole;
    driver.ns(with.program.fd(), frame);
    for (int round = 0; round < kRounds; ++round) {
        const double bare = driver.ns(without.program.fd(), frame);
        whole.push_back(driver.ns(with.program.fd(), frame));
        over.push_back(whole.back() - bare);
    }
    print(name, version, flows, over, whole);
}

void measure(SourceDriver& driver, std::size_t flows, std::uint8_t version) {
    const std::string size = fmt::format("flows size {}\n", std::max<std::size_t>(flows, 65'536));
    const Loaded with =
        load(size +
                 "default drop\nrule known { when flow.established then pass }\nrule first { when ip.ttl == 65 then "
                 "pass }\n",
             "");
    const Loaded without =
        load("default drop\nrule known { when udp then pass }\nrule first { when ip.ttl == 65 then pass }\n", "");
    Random random(flows);
    std::vector<IpAddress> known, others;
    for (std::size_t i = 0; i < kSources; ++i) {
        known.push_back(address(random() % flows, version));
        others.push_back(address(flows + i, version));
    }
    std::vector<std::uint8_t> frame = frame_of(version), first = frame;
    first[version == 4 ? kTtl4At : kTtl6At] = 65;
    driver.set_sources(known);
    driver.ns(with.program.fd(), first);
    const std::size_t entered = establish(with);
    compare(driver, "known, established", entered, with, without, frame, version);
    driver.set_sources(others);
    compare(driver, "new ones, each refused", entered, with, without, frame, version);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{1'000, 100'000};
    if (argc > 1) counts.clear();
    for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    SourceDriver driver;
    fmt::print("{:<28} {:>4} {:>9} {:>8} {:>8}\n", "packets of flows", "", "flows", "ns more", "ns");
    for (const std::size_t flows : counts)
        for (const int version : {4, 6}) measure(driver, flows, static_cast<std::uint8_t>(version));
}

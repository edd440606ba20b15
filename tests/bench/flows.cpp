// What flows cost: ns a packet over the same policy without them. Flows that are known; new ones that are refused;
// packets on their way out that are only entered; two CPUs with one flow. bench_flows [FLOWS…]
#include <fmt/core.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
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
using Frame = std::vector<std::uint8_t>;

constexpr int kRounds = 9;
constexpr std::size_t kTtl4At = 22, kTtl6At = 21, kTarget4At = 30, kTarget6At = 38;

std::string size_for(std::size_t flows) { return fmt::format("flows size {}\n", std::max<std::size_t>(flows, 65'536)); }

// As if the other side had answered, too.
std::size_t establish(const Loaded& policy) {
    const int map = policy.program.state().flows();
    const std::uint32_t groups = policy.program.state().flow_groups();
    const std::size_t bytes = std::size_t{groups} * sizeof(weir_flow_element);
    const runtime::UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), bytes);
    if (!memory) give_up("the flows cannot be read");
    std::size_t flows = 0;
    for (std::uint32_t i = 0; i < groups; ++i)
        for (weir_flow& flow : static_cast<weir_flow_element*>(memory.get())[i].group.cells) {
            if (flow.print == 0) continue;
            flow.state |= WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1 | WEIR_FLOW_ESTABLISHED;
            ++flows;
        }
    return flows;
}

// Rounds of the two, in turn.
void compare(const std::string& name, std::size_t flows, const std::function<double()>& with,
             const std::function<double()>& without) {
    std::vector<double> over, whole;
    with();
    for (int round = 0; round < kRounds; ++round) {
        const double bare = without();
        whole.push_back(with());
        over.push_back(whole.back() - bare);
    }
    fmt::print("{:<46} {:>9} {:>8.0f} {:>8.0f}\n", name, flows, median(over), median(whole));
    std::fflush(stdout);
}

// Those of known flows, in no order.
std::vector<IpAddress> known_sources(std::size_t flows, std::uint8_t version) {
    Random random(flows);
    std::vector<IpAddress> sources;
    for (std::size_t i = 0; i < kSources; ++i) sources.push_back(address(random() % flows, version));
    return sources;
}

// To the middle of all sources: half of the flows have the sender on either side.
Frame datagram(std::uint8_t version) {
    Frame frame = frame_of(version);
    if (version == 4)
        frame[kTarget4At] = 100;
    else
        frame[kTarget6At] = 0x20, frame[kTarget6At + 1] = 0x80;
    return frame;
}

void measure_in(SourceDriver& driver, std::size_t flows, std::uint8_t version) {
    const Loaded with =
        load(size_for(flows) +
                 "default drop\nrule known { when flow.established then pass }\nrule first { when ip.ttl == 65 then "
                 "pass }\n",
             "");
    const Loaded without =
        load("default drop\nrule known { when udp then pass }\nrule first { when ip.ttl == 65 then pass }\n", "");
    std::vector<IpAddress> others;
    for (std::size_t i = 0; i < kSources; ++i) others.push_back(address(flows + i, version));
    Frame frame = datagram(version), first = frame;
    first[version == 4 ? kTtl4At : kTtl6At] = 65;
    driver.set_sources(known_sources(flows, version));
    driver.ns(with.program.fd(), first);
    const std::size_t entered = establish(with);
    const auto in = [&](const Loaded& policy) { return [&] { return driver.ns(policy.program.fd(), frame); }; };
    compare(fmt::format("known, established, IPv{}", version), entered, in(with), in(without));
    driver.set_sources(others);
    compare(fmt::format("new ones, each refused, IPv{}", version), entered, in(with), in(without));
}

// TCP over IPv4, segments that acknowledge.
Frame tcp_frame(std::size_t payload_bytes) {
    constexpr std::size_t kIpAt = 14, kTcpAt = 34, kHeaders = 54;
    Frame frame(kHeaders + payload_bytes);
    const std::size_t bytes = frame.size() - kIpAt;
    frame[12] = 0x08;
    frame[kIpAt] = 0x45, frame[kIpAt + 8] = 64, frame[kIpAt + 9] = 6;
    frame[kTarget4At] = 100;
    frame[kIpAt + 2] = static_cast<std::uint8_t>(bytes >> 8), frame[kIpAt + 3] = static_cast<std::uint8_t>(bytes);
    frame[kTcpAt + 1] = 80, frame[kTcpAt + 3] = 90;
    frame[kTcpAt + 12] = 0x50, frame[kTcpAt + 13] = 0x10;
    return frame;
}

// What a policy costs packets on their way out that only reads flows of those that come in.
void measure_out(SourceDriver& driver, std::size_t flows) {
    constexpr std::uint32_t kSegments = 4;
    constexpr std::size_t kPayloadBytes = kSegments * std::size_t{300};
    const std::string known = "default drop\nrule known { when flow.established then pass }\n";
    const Loaded observer = load(size_for(flows) + known, "");
    const Loaded without = load("rule other { egress when tcp.dport == 1 then drop }\n", "");
    const Frame frame = tcp_frame(kPayloadBytes);
    driver.set_sources(known_sources(flows, 4));
    driver.ns_out(observer.program.egress_fd(), frame, kSegments);
    const std::size_t entered = establish(observer);
    const auto out = [&](int program_fd) {
        return [&, program_fd] { return driver.ns_out(program_fd, frame, kSegments); };
    };
    compare("egress, merged: over one that reads ports", entered, out(observer.program.egress_fd()),
            out(without.program.egress_fd()));
    compare("egress, merged: over a program that returns", entered, out(observer.program.egress_fd()), out(-1));
}

void stay_on(unsigned cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) != 0) give_up("no such CPU");
}

// Both at once, each on a CPU of its own: ns a packet of the slower one.
double together(SourceDriver (&drivers)[2], int program_fd, const Frame& frame) {
    double ns[2] = {};
    std::thread other([&] {
        stay_on(1);
        ns[1] = drivers[1].ns(program_fd, frame);
    });
    std::thread one([&] {
        stay_on(0);
        ns[0] = drivers[0].ns(program_fd, frame);
    });
    one.join();
    other.join();
    return std::max(ns[0], ns[1]);
}

void measure_two_cpus() {
    SourceDriver drivers[2];
    const Loaded with = load("rule known { when flow.established then pass }\n", "");
    const Loaded without = load("rule known { when udp then pass }\n", "");
    const Frame frame = frame_of(4);
    const auto both = [&](const Loaded& policy) {
        return [&] { return together(drivers, policy.program.fd(), frame); };
    };
    for (SourceDriver& driver : drivers)
        driver.set_sources(std::vector<IpAddress>(kSources, address(static_cast<std::size_t>(&driver - drivers), 4)));
    compare("two CPUs, each with a flow of its own", 2, both(with), both(without));
    drivers[1].set_sources(std::vector<IpAddress>(kSources, address(0, 4)));
    compare("two CPUs with one flow", 1, both(with), both(without));
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{1'000, 100'000};
    if (argc > 1) counts.clear();
    for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    SourceDriver driver;
    fmt::print("{:<46} {:>9} {:>8} {:>8}\n", "packets of flows", "flows", "ns more", "ns");
    for (const std::size_t flows : counts) {
        const std::size_t groups =
            weir_flow_groups_of(static_cast<std::uint32_t>(std::max<std::size_t>(flows, 65'536)));
        const std::size_t bytes = groups * sizeof(weir_flow_group);
        fmt::print("{:<46} {:>9} {:>8} {:>8.0f}\n",
                   fmt::format("a dependent access to {:.0f} MB", static_cast<double>(bytes) / 1e6), flows, "",
                   miss_ns(bytes, flows));
        for (const int version : {4, 6}) measure_in(driver, flows, static_cast<std::uint8_t>(version));
        measure_out(driver, flows);
    }
    if (std::thread::hardware_concurrency() > 1) measure_two_cpus();
}

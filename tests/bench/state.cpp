// What state costs: ns a packet over the same rule without it, with as many live keys as said, in no order; and
// look-ups in sets that change. The last column is what one read of that memory takes that waits for the one before it:
// the least that a key costs which is in no cache. bench_state [nets] [KEYS…]
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "grammar/base/seeded.h"
#include "grammar/value.h"
#include "runtime/handles.h"
#include "runtime/state/live_set.h"
#include "tests/bench/source_driver.h"

namespace {

using namespace weir;
using namespace weir::bench;
using Random = Seeded;

constexpr int kRounds = 9;

struct Kind {
    const char* name;
    std::string with, without;
    bool lists_keys = false;    // the set's file has them
    bool meets_others = false;  // packets have none of them
};

// ns of a read whose address the read before it gives, from as many lines as said, in no order, of memory of `bytes` in
// pages of the usual size: what a key costs that no cache of the core has.
double dependent_read_ns(std::size_t bytes, std::size_t lines) {
    constexpr std::size_t kLine = 64, kReads = 1 << 20;
    const runtime::UniqueMapping memory(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
    if (!memory || madvise(memory.get(), bytes, MADV_NOHUGEPAGE) != 0) give_up("too little memory");
    auto* const begin = static_cast<char*>(memory.get());
    std::vector<std::size_t> order(bytes / kLine);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(lines);
    for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
    order.resize(std::min(lines, order.size()));
    const auto at = [&](std::size_t i) { return reinterpret_cast<char**>(begin + order[i % order.size()] * kLine); };
    for (std::size_t i = 0; i < order.size(); ++i) *at(i) = reinterpret_cast<char*>(at(i + 1));
    std::vector<double> rounds;
    char* volatile* here = at(0);
    for (int round = 0; round < kRounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < kReads; ++i) here = reinterpret_cast<char* volatile*>(*here);
        rounds.push_back(ms_since(start) * 1e6 / kReads);
    }
    return median(rounds);
}

std::size_t state_bytes(const Loaded& policy) {
    std::size_t bytes = 0;
    for (const int fd : policy.program.state().fds()) {
        bpf_map_info facts{};
        __u32 length = sizeof(facts);
        if (bpf_obj_get_info_by_fd(fd, &facts, &length) != 0) give_up("the state cannot be read");
        bytes += std::size_t{facts.value_size} * facts.max_entries;
    }
    return bytes;
}

void measure(SourceDriver& driver, const Kind& kind, std::size_t keys, std::uint8_t version) {
    Random random(keys);
    std::string list;
    if (kind.lists_keys)
        for (std::size_t i = 0; i < keys; ++i) list += to_string(address(i, version)) + "\n";
    std::vector<IpAddress> sources;
    for (std::size_t i = 0; i < kSources; ++i)
        sources.push_back(address((kind.meets_others ? keys : 0) + random() % keys, version));
    driver.set_sources(sources);
    const Loaded with = load(kind.with, list), without = load(kind.without, "");
    const auto frame = frame_of(version);
    driver.ns(with.program.fd(), frame);  // every key has its bucket
    std::vector<double> over, whole;
    for (int round = 0; round < kRounds; ++round) {
        const double bare = driver.ns(without.program.fd(), frame);
        whole.push_back(driver.ns(with.program.fd(), frame));
        over.push_back(whole.back() - bare);
    }
    fmt::print("{:<24} IPv{} {:>9} {:>8.0f} {:>8.0f} {:>8.1f}\n", kind.name, version, keys, median(over), median(whole),
               dependent_read_ns(state_bytes(with), keys));
    std::fflush(stdout);
}

// `keys` nets of so many different lengths, and packets from none of them: each length is looked up.
void measure_nets(SourceDriver& driver, const std::string& bare, std::size_t keys, unsigned lengths,
                  std::uint8_t version) {
    const Loaded with = load(
                     "set s : net size 200000\nrule r { when udp and ip.ttl == 64 and ip.src in s then drop }\n", ""),
                 without = load(bare, "");
    const bpf::SetInfo& info = with.object.manifest.sets.front();
    std::vector<std::string> nets;
    for (std::size_t i = 0; i < keys; ++i)
        nets.push_back(to_string(network(
            {address(kSources + i, version), static_cast<std::uint8_t>((version == 4 ? 32 : 64) - i % lengths)})));
    auto set = runtime::LiveSet::open(info, with.program.state().fd(info.identity));
    if (!set || !set->add(nets, std::nullopt)) give_up("the set cannot be filled");
    std::vector<IpAddress> sources;
    for (std::size_t i = 0; i < kSources; ++i) sources.push_back(address(i, version));
    driver.set_sources(sources);
    const auto frame = frame_of(version);
    std::vector<double> over, whole;
    for (int round = 0; round < kRounds; ++round) {
        const double less = driver.ns(without.program.fd(), frame);
        whole.push_back(driver.ns(with.program.fd(), frame));
        over.push_back(whole.back() - less);
    }
    fmt::print("{:<24} IPv{} {:>9} {:>8.0f} {:>8.0f}\n", fmt::format("nets of {} lengths", lengths), version, keys,
               median(over), median(whole));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{1'000, 100'000};
    const int first = argc > 1 && std::string(argv[1]) == "nets" ? 2 : 1;
    if (argc > first) counts.clear();
    for (int i = first; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    const std::string bare = "rule r { when udp and ip.ttl == 64 then drop }\n";
    const auto rule = [](const std::string& term) {
        return "rule r { when udp and ip.ttl == 64 and " + term + " size 100000 then drop }\n";
    };
    std::vector<Kind> kinds{{"rate, within", rule("rate(ip.src) > 1000000/s"), bare},
                            {"rate, exceeded", rule("rate(ip.src) > 1/h"), bare},
                            {"byterate, within", rule("byterate(ip.src) > 1GB/s"), bare},
                            {"count", rule("count(ip.src, in 1s) > 1000"), bare},
                            {"count in 100 ms", rule("count(ip.src, in 100ms) > 1000"), bare},
                            {"share", rule("share(udp.dport == 53, by ip.src, in 1m, of 50) > 5%"), bare},
                            {"surge", rule("surge(ip.src, in 1m) > 3"), bare},
                            {"measure by port.dst",
                             "rule r { when udp and ip.ttl == 64 then measure packet.len by port.dst, drop }\n", bare},
                            {"a set that changes",
                             "set s : ip size 1000000 ttl 1h from \"list\"\nrule r { when udp and ip.ttl == 64 and "
                             "ip.src in s then drop }\n",
                             bare, true}};
    kinds.push_back(kinds.back());
    kinds.back().name = "a set that lacks them", kinds.back().meets_others = true;
    if (first == 2) kinds.clear();
    SourceDriver driver;
    fmt::print("{:<24} {:>4} {:>9} {:>8} {:>8} {:>8}\n", "term", "", "keys", "ns more", "ns", "a read");
    for (const Kind& kind : kinds)
        for (const std::size_t keys : counts)
            for (const int version : {4, 6}) measure(driver, kind, keys, static_cast<std::uint8_t>(version));
    for (std::size_t kind = kinds.empty() ? 0 : kinds.size() - 2; kind < kinds.size(); ++kind)
        for (const int version : {4, 6}) measure(driver, kinds[kind], 1'000'000, static_cast<std::uint8_t>(version));
    for (const unsigned lengths : {1u, 4u, 16u})
        for (const std::size_t keys : counts)
            for (const int version : {4, 6})
                measure_nets(driver, bare, keys, lengths, static_cast<std::uint8_t>(version));
}

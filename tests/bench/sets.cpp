// What big sets cost: time to read, compile and load, memory, and ns a look-up over the same policy without it, with a
// million different addresses, half of them in the set. bench_sets [ENTRIES…]
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "grammar/base/seeded.h"
#include "grammar/value.h"
#include "tests/bench/source_driver.h"

namespace {

using namespace weir;
using namespace weir::bench;
using Random = Seeded;

constexpr int kRounds = 5;

// One kind of set: its type, and an entry at random.
struct Kind {
    const char* name;
    const char* type;
    IpPrefix (*entry)(Random&);
};

IpAddress random_address(Random& random, std::uint8_t version) {
    IpAddress address;
    address.version = version;
    for (std::size_t i = 0; i < (version == 4 ? 4u : 16u); ++i) address.bytes[i] = static_cast<std::uint8_t>(random());
    // Unicast: 1.0.0.0 to 223.255.255.255, 2000::/3.
    address.bytes[0] = static_cast<std::uint8_t>(version == 4 ? 1 + random() % 223 : 0x20 | (random() & 0x1f));
    return address;
}
// Lengths about as in lists of bad networks: mostly /24 and hosts, few short ones.
IpPrefix net4(Random& random) {
    constexpr std::uint8_t kLengths[] = {32, 32, 32, 32, 32, 24, 24, 24, 24, 23, 22, 22, 25, 27, 28, 29};
    const auto length =
        random() % 4096 == 0 ? static_cast<std::uint8_t>(12 + random() % 8) : kLengths[random() % std::size(kLengths)];
    return network({random_address(random, 4), length});
}
IpPrefix net6(Random& random) {
    constexpr std::uint8_t kLengths[] = {32, 40, 44, 48, 48, 48, 48, 56, 56, 64, 64, 64, 64, 64, 64, 64};
    return network({random_address(random, 6), kLengths[random() % std::size(kLengths)]});
}
IpPrefix host4(Random& random) { return {random_address(random, 4), 32}; }
IpPrefix host6(Random& random) { return {random_address(random, 6), 128}; }

constexpr Kind kKinds[] = {{"net, IPv4 /12../32", "net", net4},
                           {"net, IPv6 /32../64", "net", net6},
                           {"ip, IPv4", "ip", host4},
                           {"ip, IPv6", "ip", host6}};

// Half members, half not (but for luck), in no order.
std::vector<IpAddress> keys_of(const std::vector<IpPrefix>& entries, Random& random, std::uint8_t version,
                               int hits_of_two) {
    std::vector<IpAddress> keys;
    for (std::size_t i = 0; i < kSources; ++i) {
        if (static_cast<int>(random() % 2) >= hits_of_two) {
            keys.push_back(random_address(random, version));
            continue;
        }
        const IpPrefix& in = entries[random() % entries.size()];
        IpAddress address = last_address(in);
        const IpAddress first = first_address(in);
        for (std::size_t b = 0; b < 16; ++b)
            address.bytes[b] = static_cast<std::uint8_t>(first.bytes[b] | (address.bytes[b] & random()));
        keys.push_back(address);
    }
    return keys;
}

void measure(SourceDriver& driver, const Kind& kind, std::size_t entries) {
    Random random(entries);
    std::vector<IpPrefix> prefixes;
    std::string list;
    const bool whole = kind.type == std::string_view("ip");
    for (std::size_t i = 0; i < entries; ++i) {
        prefixes.push_back(kind.entry(random));
        list += (whole ? to_string(prefixes.back().address) : to_string(prefixes.back())) + "\n";
    }
    const std::uint8_t version = prefixes.front().address.version;
    const Loaded with =
        load(fmt::format("set s : {} size 4000000 from \"list\"\nrule r {{ when ip.src in s then drop }}\n", kind.type),
             list);
    const Loaded without = load("rule r { when ip.src == 192.0.2.1 then drop }\n", "");
    const auto frame = frame_of(version);
    std::vector<double> over[3];
    for (int hits = 0; hits < 3; ++hits) {
        driver.set_sources(keys_of(prefixes, random, version, hits));
        for (int round = 0; round < kRounds; ++round) {
            const double bare = driver.ns(without.program.fd(), frame);
            over[hits].push_back(driver.ns(with.program.fd(), frame) - bare);
        }
    }
    const std::uint64_t bytes =
        with.program.memory_bytes() - std::min(with.program.memory_bytes(), without.program.memory_bytes());
    fmt::print("{:<20} {:>9} {:>7.0f} {:>7.0f} {:>7.0f} {:>9.0f} {:>9.0f} {:>9.0f} {:>12} {:>8.1f}\n", kind.name,
               entries, median(over[0]), median(over[1]), median(over[2]), with.read_ms, with.compile_ms, with.load_ms,
               bytes, static_cast<double>(bytes) / static_cast<double>(entries));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{1'000, 100'000, 1'000'000};
    if (argc > 1) counts.clear();
    for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    SourceDriver driver;
    fmt::print("{:<20} {:>9} {:>7} {:>7} {:>7} {:>9} {:>9} {:>9} {:>12} {:>8}\n", "set", "entries", "ns miss",
               "ns half", "ns hit", "read ms", "compile", "load ms", "bytes", "an entry");
    for (const Kind& kind : kKinds)
        for (const std::size_t entries : counts) measure(driver, kind, entries);
}

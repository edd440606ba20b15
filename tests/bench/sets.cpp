// What big sets cost: time to read, compile and load, memory, and ns a look-up over the same policy without it, with a
// million different addresses, half of them in the set. bench_sets [ENTRIES…]
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "grammar/value.h"
#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "runtime/program.h"

extern "C" const char weir_template_sets_driver_begin[];
extern "C" const char weir_template_sets_driver_end[];

namespace {

using namespace weir;
using Random = std::mt19937_64;

constexpr std::size_t kKeys = std::size_t{1} << 20;     // as sets_driver.bpf.c has them
constexpr int kRounds = 5;

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "bench_sets: {}\n", why);
    std::exit(1);
}

double ms_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

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
    const auto length = random() % 4096 == 0 ? static_cast<std::uint8_t>(12 + random() % 8) : kLengths[random() % std::size(kLengths)];
    return network({random_address(random, 4), length});
}
IpPrefix net6(Random& random) {
    constexpr std::uint8_t kLengths[] = {32, 40, 44, 48, 48, 48, 48, 56, 56, 64, 64, 64, 64, 64, 64, 64};
    return network({random_address(random, 6), kLengths[random() % std::size(kLengths)]});
}
IpPrefix host4(Random& random) { return {random_address(random, 4), 32}; }
IpPrefix host6(Random& random) { return {random_address(random, 6), 128}; }

constexpr Kind kKinds[] = {{"net, IPv4 /12../32", "net", net4}, {"net, IPv6 /32../64", "net", net6}, {"ip, IPv4", "ip", host4}, {"ip, IPv6", "ip", host6}};

// The frame that the driver gives sources to: UDP, so that nothing behind the addresses matters.
std::vector<std::uint8_t> frame_of(std::uint8_t version) {
    std::vector<std::uint8_t> frame(version == 4 ? 60 : 62);
    frame[12] = version == 4 ? 0x08 : 0x86;
    frame[13] = version == 4 ? 0x00 : 0xdd;
    std::uint8_t* ip = &frame[14];
    if (version == 4) {
        ip[0] = 0x45, ip[3] = 46, ip[8] = 64, ip[9] = 17;
        ip[25] = 26;
    } else {
        ip[0] = 0x60, ip[5] = 8, ip[6] = 17, ip[7] = 64;
        ip[45] = 8;
    }
    return frame;
}

// Half members, half not (but for luck), in no order.
std::vector<IpAddress> keys_of(const std::vector<IpPrefix>& entries, Random& random, std::uint8_t version, int hits_of_two) {
    std::vector<IpAddress> keys;
    for (std::size_t i = 0; i < kKeys; ++i) {
        if (static_cast<int>(random() % 2) >= hits_of_two) {
            keys.push_back(random_address(random, version));
            continue;
        }
        const IpPrefix& in = entries[random() % entries.size()];
        IpAddress address = last_address(in);
        const IpAddress first = first_address(in);
        for (std::size_t b = 0; b < 16; ++b) address.bytes[b] = static_cast<std::uint8_t>(first.bytes[b] | (address.bytes[b] & random()));
        keys.push_back(address);
    }
    return keys;
}

class Driver {
public:
    Driver() {
        runtime::quiet_libbpf();
        const auto size = static_cast<std::size_t>(weir_template_sets_driver_end - weir_template_sets_driver_begin);
        object_.reset(bpf_object__open_mem(weir_template_sets_driver_begin, size, nullptr));
        if (!object_ || bpf_object__load(object_.get()) != 0) give_up("the driver does not load: are you root?");
    }
    void set_keys(const std::vector<IpAddress>& keys) {
        std::vector<std::uint8_t> bytes;
        for (const IpAddress& key : keys) bytes.insert(bytes.end(), key.bytes.begin(), key.bytes.end());
        const std::uint32_t zero = 0;
        if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), ".data.keys"), &zero, bytes.data(), BPF_ANY) != 0)
            give_up("the keys do not fit");
    }
    double ns(const runtime::Program& policy, const std::vector<std::uint8_t>& frame) {
        const std::uint32_t zero = 0;
        const int fd = policy.fd();
        if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), "policy"), &zero, &fd, BPF_ANY) != 0) give_up("no tail call");
        LIBBPF_OPTS(bpf_test_run_opts, opts);
        opts.data_in = frame.data();
        opts.data_size_in = static_cast<__u32>(frame.size());
        opts.repeat = static_cast<int>(kKeys);
        bpf_program* driver = bpf_object__find_program_by_name(object_.get(), "driver");
        if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts) != 0) give_up("a test run failed");
        if (opts.retval != 1 && opts.retval != 2) give_up("the driver did not reach the policy");
        return opts.duration;
    }

private:
    runtime::ObjectPtr object_;
};

struct Loaded {
    std::optional<runtime::Program> program;
    double read_ms = 0, compile_ms = 0, load_ms = 0;
};

Loaded load(const std::string& text, const std::string& list) {
    Loaded loaded;
    Sources sources;
    Diagnostics diagnostics;
    sema::Files files;
    files.read = [&](const std::string&, std::string&) { return std::optional<std::string>(list); };
    auto begin = std::chrono::steady_clock::now();
    const auto compiled = analyse(sources, "bench.rules", text, files, diagnostics);
    loaded.read_ms = ms_since(begin);
    if (!compiled) give_up("the policy has errors");
    std::string error;
    begin = std::chrono::steady_clock::now();
    const auto object = compile(*compiled, {}, error);
    loaded.compile_ms = ms_since(begin);
    if (!object) give_up(error);
    begin = std::chrono::steady_clock::now();
    auto program = runtime::Program::load(*object, {});
    loaded.load_ms = ms_since(begin);
    if (!program) give_up(program.error().message);
    loaded.program.emplace(std::move(*program));
    return loaded;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void measure(Driver& driver, const Kind& kind, std::size_t entries) {
    Random random(entries);
    std::vector<IpPrefix> prefixes;
    std::string list;
    const bool whole = kind.type == std::string_view("ip");
    for (std::size_t i = 0; i < entries; ++i) {
        prefixes.push_back(kind.entry(random));
        list += (whole ? to_string(prefixes.back().address) : to_string(prefixes.back())) + "\n";
    }
    const std::uint8_t version = prefixes.front().address.version;
    const Loaded with = load(fmt::format("set s : {} size 4000000 from \"list\"\nrule r {{ when ip.src in s then drop }}\n", kind.type), list);
    const Loaded without = load("rule r { when ip.src == 192.0.2.1 then drop }\n", "");
    const auto frame = frame_of(version);
    std::vector<double> over[3];
    for (int hits = 0; hits < 3; ++hits) {
        driver.set_keys(keys_of(prefixes, random, version, hits));
        for (int round = 0; round < kRounds; ++round) {
            const double bare = driver.ns(*without.program, frame);
            over[hits].push_back(driver.ns(*with.program, frame) - bare);
        }
    }
    const std::uint64_t bytes = with.program->memory_bytes() - std::min(with.program->memory_bytes(), without.program->memory_bytes());
    fmt::print("{:<20} {:>9} {:>7.0f} {:>7.0f} {:>7.0f} {:>9.0f} {:>9.0f} {:>9.0f} {:>12} {:>8.1f}\n", kind.name, entries, median(over[0]),
               median(over[1]), median(over[2]), with.read_ms, with.compile_ms, with.load_ms, bytes,
               static_cast<double>(bytes) / static_cast<double>(entries));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{1'000, 100'000, 1'000'000};
    if (argc > 1) counts.clear();
    for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    Driver driver;
    fmt::print("{:<20} {:>9} {:>7} {:>7} {:>7} {:>9} {:>9} {:>9} {:>12} {:>8}\n", "set", "entries", "ns miss", "ns half", "ns hit", "read ms",
               "compile", "load ms", "bytes", "an entry");
    for (const Kind& kind : kKinds)
        for (const std::size_t entries : counts) measure(driver, kind, entries);
}

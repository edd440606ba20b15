// What state costs: ns a packet over the same rule without it, with as many live keys as said, in no order; and look-ups in
// sets that change. bench_state [KEYS…]
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
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

constexpr std::size_t kFrames = std::size_t{1} << 20;   // as sets_driver.bpf.c has them
constexpr int kRounds = 9;

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "bench_state: {}\n", why);
    std::exit(1);
}

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

class Driver {
public:
    Driver() {
        runtime::quiet_libbpf();
        const auto size = static_cast<std::size_t>(weir_template_sets_driver_end - weir_template_sets_driver_begin);
        object_.reset(bpf_object__open_mem(weir_template_sets_driver_begin, size, nullptr));
        if (!object_ || bpf_object__load(object_.get()) != 0) give_up("the driver does not load: are you root?");
    }
    void set_sources(const std::vector<IpAddress>& sources) {
        std::vector<std::uint8_t> bytes;
        for (const IpAddress& source : sources) bytes.insert(bytes.end(), source.bytes.begin(), source.bytes.end());
        const std::uint32_t zero = 0;
        if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), ".data.keys"), &zero, bytes.data(), BPF_ANY) != 0)
            give_up("the sources do not fit");
    }
    double ns(const runtime::Program& policy, const std::vector<std::uint8_t>& frame) {
        const std::uint32_t zero = 0;
        const int fd = policy.fd();
        if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), "policy"), &zero, &fd, BPF_ANY) != 0) give_up("no tail call");
        LIBBPF_OPTS(bpf_test_run_opts, opts);
        opts.data_in = frame.data();
        opts.data_size_in = static_cast<__u32>(frame.size());
        opts.repeat = static_cast<int>(kFrames);
        bpf_program* driver = bpf_object__find_program_by_name(object_.get(), "driver");
        if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts) != 0) give_up("a test run failed");
        if (opts.retval != 1 && opts.retval != 2) give_up("the driver did not reach the policy");
        return opts.duration;
    }

private:
    runtime::ObjectPtr object_;
};

runtime::Program load(const std::string& text, const std::string& list) {
    Sources sources;
    Diagnostics diagnostics;
    sema::Files files;
    files.read = [&](const std::string&, std::string&) { return std::optional<std::string>(list); };
    const auto compiled = analyse(sources, "bench.rules", text, files, diagnostics);
    if (!compiled) give_up("the policy has errors: " + text);
    std::string error;
    const auto object = compile(*compiled, {}, error);
    if (!object) give_up(error);
    auto program = runtime::Program::load(*object, {});
    if (!program) give_up(program.error().message);
    return std::move(*program);
}

IpAddress address(std::size_t number, std::uint8_t version) {
    // Scattered, as sources are: a hash of their number.
    const std::uint64_t scattered = number * 0x9e3779b97f4a7c15;
    IpAddress address;
    address.version = version;
    for (std::size_t i = 0; i < (version == 4 ? 4u : 16u); ++i) address.bytes[i] = static_cast<std::uint8_t>(scattered >> (56 - i % 8 * 8));
    address.bytes[0] = version == 4 ? static_cast<std::uint8_t>(1 + address.bytes[0] % 200) : 0x20;
    return address;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct Kind {
    const char* name;
    std::string with, without;
    bool lists_keys = false;    // the set's file has them
};

void measure(Driver& driver, const Kind& kind, std::size_t keys, std::uint8_t version) {
    Random random(keys);
    std::string list;
    if (kind.lists_keys)
        for (std::size_t i = 0; i < keys; ++i) list += to_string(address(i, version)) + "\n";
    std::vector<IpAddress> sources;
    for (std::size_t i = 0; i < kFrames; ++i) sources.push_back(address(random() % keys, version));
    driver.set_sources(sources);
    const runtime::Program with = load(kind.with, list), without = load(kind.without, "");
    const auto frame = frame_of(version);
    driver.ns(with, frame);   // every key has its bucket
    std::vector<double> over, whole;
    for (int round = 0; round < kRounds; ++round) {
        const double bare = driver.ns(without, frame);
        whole.push_back(driver.ns(with, frame));
        over.push_back(whole.back() - bare);
    }
    fmt::print("{:<24} IPv{} {:>9} {:>8.0f} {:>8.0f}\n", kind.name, version, keys, median(over), median(whole));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{1'000, 100'000};
    if (argc > 1) counts.clear();
    for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    const std::string bare = "rule r { when udp and ip.ttl == 64 then drop }\n";
    const auto rule = [](const std::string& term) { return "rule r { when udp and ip.ttl == 64 and " + term + " size 200000 then drop }\n"; };
    const std::vector<Kind> kinds{{"rate, within", rule("rate(ip.src) > 1000000/s"), bare},
                                  {"rate, exceeded", rule("rate(ip.src) > 1/h"), bare},
                                  {"byterate, within", rule("byterate(ip.src) > 1GB/s"), bare},
                                  {"count", rule("count(ip.src, in 1s) > 1000"), bare},
                                  {"a set that changes", "set s : ip size 1000000 ttl 1h from \"list\"\nrule r { when udp and ip.ttl == 64 and ip.src in s then drop }\n", bare, true}};
    Driver driver;
    fmt::print("{:<24} {:>4} {:>9} {:>8} {:>8}\n", "term", "", "keys", "ns more", "ns");
    for (const Kind& kind : kinds)
        for (const std::size_t keys : counts)
            for (const int version : {4, 6}) measure(driver, kind, keys, static_cast<std::uint8_t>(version));
    for (const int version : {4, 6}) measure(driver, kinds.back(), 1'000'000, static_cast<std::uint8_t>(version));
}

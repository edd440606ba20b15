// What sets of names cost: ns a packet over the same rule without the name, for names that are in the set and for
// others, and the time to read, compile and load. bench_names [NAMES…]
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "grammar/base/seeded.h"
#include "tests/bench/source_driver.h"

extern "C" const char weir_template_frame_driver_begin[];
extern "C" const char weir_template_frame_driver_end[];

namespace {

using namespace weir;
using namespace weir::bench;

constexpr int kRounds = 9;
constexpr std::size_t kFrameWords = std::size_t{1} << 22;  // as frame_driver.bpf.c has them
constexpr std::size_t kShortBytes = 128, kLongBytes = 512;
constexpr const char* kEnds[] = {"com", "net", "org", "de", "co.uk", "info", "io", "xyz", "fr", "ru"};

// Name `number`: one of a list of so many, or none of it where it is larger.
std::string name_of(std::size_t number) {
    Seeded random(number * 2 + 1);
    std::string name;
    if (random.one_in(4)) name = "cdn" + std::to_string(random.below(100)) + ".";
    for (std::uint64_t left = random.between(7, 14); left > 0; --left)
        name += static_cast<char>('a' + random.below(26));
    return name + "." + kEnds[random.below(std::size(kEnds))];
}

std::vector<std::uint8_t> query(const std::string& name, std::size_t bytes) {
    std::vector<std::uint8_t> body{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    for (std::size_t at = 0; at <= name.size();) {
        const std::size_t dot = std::min(name.find('.', at), name.size());
        body.push_back(static_cast<std::uint8_t>(dot - at));
        body.insert(body.end(), name.begin() + static_cast<std::ptrdiff_t>(at),
                    name.begin() + static_cast<std::ptrdiff_t>(dot));
        at = dot + 1;
    }
    for (const int byte : {0, 0, 1, 0, 1}) body.push_back(static_cast<std::uint8_t>(byte));
    std::vector<std::uint8_t> frame = frame_of(4);
    frame.resize(14 + 20 + 8);
    frame[17] = static_cast<std::uint8_t>((28 + body.size()));
    frame[16] = static_cast<std::uint8_t>((28 + body.size()) >> 8);
    frame[34] = 0x9c, frame[37] = 53;
    frame[39] = static_cast<std::uint8_t>(8 + body.size());
    frame[38] = static_cast<std::uint8_t>((8 + body.size()) >> 8);
    frame.insert(frame.end(), body.begin(), body.end());
    if (frame.size() > bytes) give_up("the name is too long");
    frame.resize(bytes);
    return frame;
}

class FrameDriver {
public:
    FrameDriver() {
        const auto size = static_cast<std::size_t>(weir_template_frame_driver_end - weir_template_frame_driver_begin);
        object_.reset(bpf_object__open_mem(weir_template_frame_driver_begin, size, nullptr));
        if (!object_ || bpf_object__load(object_.get()) != 0) give_up("the driver does not load: are you root?");
    }
    // Frames of `bytes` bytes each, as many as fit.
    void set_frames(std::size_t bytes, const std::vector<std::string>& names) {
        bytes_ = bytes;
        std::vector<std::uint8_t> all;
        for (std::size_t i = 0; i < kFrameWords * 8 / bytes; ++i) {
            const std::vector<std::uint8_t> frame = query(names[i % names.size()], bytes);
            all.insert(all.end(), frame.begin(), frame.end());
        }
        const std::uint64_t words = bytes / 8;
        update(".data.words", all.data());
        update(".data.shape", &words);
    }
    double ns(int program) {
        update("policy", &program);
        const std::vector<std::uint8_t> frame(bytes_);
        LIBBPF_OPTS(bpf_test_run_opts, opts);
        opts.data_in = frame.data();
        opts.data_size_in = static_cast<__u32>(frame.size());
        opts.repeat = static_cast<int>(std::max<std::size_t>(kFrameWords * 8 / bytes_, 200'000));
        bpf_program* driver = bpf_object__find_program_by_name(object_.get(), "driver");
        if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts) != 0) give_up("a test run failed");
        if (opts.retval != 1 && opts.retval != 2) give_up("the driver did not reach the policy");
        return opts.duration;
    }

private:
    void update(const char* map, const void* value) {
        const std::uint32_t zero = 0;
        if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), map), &zero, value, BPF_ANY) != 0)
            give_up("the driver cannot be filled");
    }
    runtime::ObjectPtr object_;
    std::size_t bytes_ = 0;
};

// Of one access that needs the one before it, in memory of that size.
double miss_ns(std::size_t bytes) {
    std::vector<std::uint32_t> lines(bytes / 4), order(bytes / 64);
    std::iota(order.begin(), order.end(), 0u);
    Seeded random(3);
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t i = 0; i < order.size(); ++i) lines[order[i] * std::size_t{16}] = order[(i + 1) % order.size()];
    std::uint32_t at = order[0];
    constexpr int kSteps = 2'000'000;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kSteps; ++i) at = lines[at * std::size_t{16}];
    const double ns = ms_since(begin) * 1e6 / kSteps;
    if (at == 0xffffffff) fmt::print(" ");  // so that it is not left out
    return ns;
}

void measure(FrameDriver& driver, const char* what, const Loaded& with, const Loaded& reads, const Loaded& without) {
    std::vector<double> over, reading;
    for (int round = 0; round < kRounds; ++round) {
        const double bare = driver.ns(without.program.fd()), read = driver.ns(reads.program.fd());
        over.push_back(driver.ns(with.program.fd()) - bare);
        reading.push_back(read - bare);
    }
    fmt::print("    {:<32} {:>5.0f} ns more than without the name, {:>4.0f} of them to read it\n", what, median(over),
               median(reading));
    std::fflush(stdout);
}

void measure_set(FrameDriver& driver, std::size_t names, const Loaded& reads, const Loaded& without) {
    std::string list;
    for (std::size_t i = 0; i < names; ++i) list += name_of(i) + "\n";
    const Loaded with =
        load("set s : domain from \"list\"\nrule r { when udp.dport == 53 and dns.qname in s then drop }\n", list);
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    const bpf::NameImage& image = with.object.names.front();
    const std::size_t table = std::size_t{image.nodes} * 3 / 31 * 544;
    fmt::print(
        "{} names: {} suffixes, {:.1f} MB ({:.0f} bytes a name); read {:.0f} ms, compile {:.0f}, load {:.0f}; {} MB at "
        "most\n",
        names, image.nodes, static_cast<double>(table) / 1e6, static_cast<double>(table) / static_cast<double>(names),
        with.read_ms, with.compile_ms, with.load_ms, use.ru_maxrss / 1024);
    fmt::print("    verified {} instructions, {} without the set; a dependent miss {:.0f} ns\n",
               with.program.verified_insns(), reads.program.verified_insns(), miss_ns(table));
    Seeded random(5);
    std::vector<std::string> in, others, mixed;
    for (std::size_t i = 0; i < kFrameWords * 8 / kShortBytes; ++i) {
        in.push_back((random.one_in(2) ? "www." : "") + name_of(random.below(names)));
        others.push_back((random.one_in(2) ? "www." : "") + name_of(names + random.below(1'000'000)));
        mixed.push_back(random.one_in(2) ? in.back() : others.back());
    }
    driver.set_frames(kShortBytes, mixed);
    measure(driver, "half of the names in it", with, reads, without);
    driver.set_frames(kShortBytes, in);
    measure(driver, "all", with, reads, without);
    driver.set_frames(kShortBytes, others);
    measure(driver, "none", with, reads, without);
    std::string labels = name_of(names + 1);
    while (labels.size() < 252) labels = "a." + labels;
    driver.set_frames(kLongBytes, {labels});
    measure(driver, "none, as many labels as may be", with, reads, without);
}

// A set that has as many labels as the packet: what a sender can ask for at most.
void measure_deep(FrameDriver& driver, const Loaded& reads, const Loaded& without) {
    std::string deep = "a";
    while (deep.size() < 253) deep = "a." + deep;
    const Loaded with = load(
        "set s : domain from \"list\"\nrule r { when udp.dport == 53 and dns.qname in s then drop }\n", deep + "\n");
    driver.set_frames(kLongBytes, {deep});
    measure(driver, "a set of one name of 127 labels", with, reads, without);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> counts{10'000, 1'000'000};
    if (argc > 1) counts.clear();
    for (int i = 1; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
    FrameDriver driver;
    const Loaded without = load("rule r { when udp.dport == 53 then drop }\n", ""),
                 reads = load("rule r { when udp.dport == 53 and dns.qname != \"x\" then drop }\n", "");
    for (const std::size_t count : counts) measure_set(driver, count, reads, without);
    measure_deep(driver, reads, without);
}

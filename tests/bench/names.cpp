// What sets of names cost: ns a packet over the same rule without the name, for names that are in the set and for
// others, and the time to read, compile and load. bench_names [NAMES…]
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/base/seeded.h"
#include "tests/bench/frame_driver.h"
#include "tests/bench/source_driver.h"

namespace {

using namespace weir;
using namespace weir::bench;

constexpr int kRounds = 9;
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

std::vector<std::uint8_t> queries(const std::vector<std::string>& names, std::size_t bytes) {
    std::vector<std::uint8_t> all;
    for (std::size_t i = 0; i < kFramesBytes / bytes; ++i) {
        const std::vector<std::uint8_t> frame = query(names[i % names.size()], bytes);
        all.insert(all.end(), frame.begin(), frame.end());
    }
    return all;
}

// Suffixes of the names of a list, and which of them are names.
using Suffixes = std::unordered_map<std::string, bool>;
Suffixes suffixes_of(std::size_t names) {
    Suffixes suffixes;
    for (std::size_t i = 0; i < names; ++i) {
        const std::string name = name_of(i);
        suffixes[name] = true;
        for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
            suffixes.emplace(name.substr(dot + 1), false);
    }
    return suffixes;
}

// Labels that are looked up, of a name in the mean: from the right, until a suffix is none, or is a name of the set.
double labels_of(const std::vector<std::string>& names, const Suffixes& suffixes) {
    std::size_t labels = 0;
    for (const std::string& name : names) {
        for (std::size_t at = name.size(); at != 0;) {
            const std::size_t dot = name.rfind('.', at - 1);
            at = dot == std::string::npos ? 0 : dot;
            ++labels;
            const auto found = suffixes.find(name.substr(dot == std::string::npos ? 0 : dot + 1));
            if (found == suffixes.end() || found->second) break;
        }
    }
    return static_cast<double>(labels) / static_cast<double>(names.size());
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
    const double miss = miss_ns(table, table / 64);
    fmt::print("    verified {} instructions, {} without the set; a dependent miss {:.0f} ns\n",
               with.program.verified_insns(), reads.program.verified_insns(), miss);
    Seeded random(5);
    std::vector<std::string> in, others, mixed;
    for (std::size_t i = 0; i < kFramesBytes / kShortBytes; ++i) {
        in.push_back((random.one_in(2) ? "www." : "") + name_of(random.below(names)));
        others.push_back((random.one_in(2) ? "www." : "") + name_of(names + random.below(1'000'000)));
        mixed.push_back(random.one_in(2) ? in.back() : others.back());
    }
    const Suffixes suffixes = suffixes_of(names);
    const double looked_up = labels_of(mixed, suffixes);
    fmt::print(
        "    {:.2f} labels of a name are looked up (half of the names in it): 60 and 1.3 misses each are {:.0f} ns\n",
        looked_up, 60 + 1.3 * miss * looked_up);
    driver.set_frames(kShortBytes, queries(mixed, kShortBytes));
    measure(driver, "half of the names in it", with, reads, without);
    driver.set_frames(kShortBytes, queries(in, kShortBytes));
    measure(driver, "all", with, reads, without);
    driver.set_frames(kShortBytes, queries(others, kShortBytes));
    measure(driver, "none", with, reads, without);
    std::string labels = name_of(names + 1);
    while (labels.size() < 252) labels = "a." + labels;
    driver.set_frames(kLongBytes, queries({labels}, kLongBytes));
    measure(driver, "none, as many labels as may be", with, reads, without);
}

// A set that has as many labels as the packet: what a sender can ask for at most.
void measure_deep(FrameDriver& driver, const Loaded& reads, const Loaded& without) {
    std::string deep = "a";
    while (deep.size() < 253) deep = "a." + deep;
    const Loaded with = load(
        "set s : domain from \"list\"\nrule r { when udp.dport == 53 and dns.qname in s then drop }\n", deep + "\n");
    driver.set_frames(kLongBytes, queries({deep}, kLongBytes));
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

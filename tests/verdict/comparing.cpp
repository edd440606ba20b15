// `share` and `surge` against their definition (docs/language.md): random terms, and sequences of packets with times
// from 0 to ten years, on all engines. A difference is a failure. It prints the seed, the policy and the sequence.
//   test_comparing [--seed N] [--sequences N] [--engines native|all]
// A policy has both terms, and 500 sequences. WEIR_COMPARING_SEQUENCES and WEIR_COMPARING_SEED in the environment stand
// for the options.
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "compiler/packet/frame_builder.h"
#include "tests/support/engines.h"
#include "tests/support/random.h"

using namespace weir;
using namespace weir::tests;

namespace {

__extension__ using Wide = unsigned __int128;
constexpr std::uint64_t kSecond = 1'000'000'000, kYear = 365 * 86'400 * kSecond;
constexpr std::uint64_t kSequencesAPolicy = 500;

struct Terms {
    std::uint64_t share_ns = 1, of = 1, hundredths = 0;
    std::uint64_t surge_ns = 1, floor = 0, times = 1;
};
// What a packet is, as far as the terms see it.
struct Sent {
    std::uint64_t time_ns = 0;
    std::uint8_t source = 1;
    bool is_hit = false;  // it has SYN
};

// ---- the definition: one object a key ----

class Shares {
public:
    bool is_over(const Terms& terms, const Sent& sent) {
        if (!begin_ns_ || sent.time_ns - *begin_ns_ >= terms.share_ns) begin_ns_ = sent.time_ns, all_ = hits_ = 0;
        ++all_;
        if (sent.is_hit) ++hits_;
        return all_ >= terms.of && Wide{hits_} * 10'000 > Wide{terms.hundredths} * all_;
    }

private:
    std::optional<std::uint64_t> begin_ns_;
    std::uint64_t all_ = 0, hits_ = 0;
};

class Surges {
public:
    bool is_over(const Terms& terms, const Sent& sent) {
        if (!s_) s_ = sent.time_ns;
        const std::uint64_t t = std::max(sent.time_ns, *s_), k = (t - *s_) / terms.surge_ns;
        if (k >= 1) {
            a_ = n_ == 0 ? 256 * c_ : a_ - (a_ >> 3) + (c_ << 5);
            if (k - 1 > 64) a_ = 0;
            for (std::uint64_t i = 0; i < k - 1 && i < 64; ++i) a_ = a_ - (a_ >> 3);
            n_ = k >= 255 ? 255 : std::min<std::uint64_t>(255, n_ + k);
            s_ = *s_ + k * terms.surge_ns;
            c_ = 0;
        }
        c_ = std::min<std::uint64_t>(c_ + 1, 0xffff'ffff);
        return n_ >= 8 && c_ > terms.floor && Wide{256} * c_ > Wide{terms.times} * a_;
    }

private:
    std::optional<std::uint64_t> s_;
    std::uint64_t c_ = 0, a_ = 0, n_ = 0;
};

// ---- random policies and sequences ----

struct Unit {
    const char* word;
    std::uint64_t ns;
};
const std::vector<Unit> kUnits{{"us", 1'000},       {"ms", 1'000'000},     {"s", kSecond},
                               {"m", 60 * kSecond}, {"h", 3600 * kSecond}, {"d", 86'400 * kSecond}};

std::string duration(Random& random, std::uint64_t& ns) {
    const Unit& unit = random.of(kUnits);
    const std::uint64_t count = random.one_in(4) ? random.between(1, 1000) : random.between(1, 5);
    ns = unit.ns * count;
    return fmt::format("{}{}", count, unit.word);
}

std::string policy(Random& random, Terms& terms) {
    terms.of = random.one_in(4) ? random.between(1, 50) : random.between(1, 6);
    terms.hundredths = random.one_in(3) ? random.below(10'000) : 1000 * random.below(10);
    terms.floor = random.one_in(3) ? random.between(0, 30) : random.below(3);
    terms.times = random.one_in(6) ? random.between(1, 65'535) : random.between(1, 4);
    const std::string share = duration(random, terms.share_ns), surge = duration(random, terms.surge_ns);
    return fmt::format(
        "rule share {{ observe when tcp and share(tcp.syn, {}in {}, of {}) > {}.{:02}% size 64 then drop }}\n"
        "rule surge {{ observe when tcp and surge({}in {}, floor {}) > {} size 64 then drop }}\n",
        "by ip.src, ", share, terms.of, terms.hundredths / 100, terms.hundredths % 100, "ip.src, ", surge, terms.floor,
        terms.times);
}

// Just what a term's time is, one less, one more, a multiple of it, or any other.
std::uint64_t pause(Random& random, const Terms& terms) {
    const std::uint64_t window_ns = random.one_in(2) ? terms.share_ns : terms.surge_ns;
    switch (random.below(10)) {
        case 0:
        case 1:
        case 2:
        case 3: return 0;
        case 4: return window_ns + random.below(3) - 1;
        case 5: return std::min(window_ns * random.between(1, 12) + random.below(3) - 1, kYear);
        case 6: return std::min(window_ns * random.between(62, 67) + random.below(3) - 1, kYear);
        case 7: return window_ns / random.between(1, 5);
        case 8: return std::min(window_ns * random.between(250, 260), kYear);
        default: return random.one_in(8) ? random.below(3 * kYear) : random.below(std::uint64_t{1} << random.below(50));
    }
}

std::vector<Sent> sequence(Random& random, const Terms& terms) {
    std::vector<Sent> all;
    std::uint64_t now_ns = random.one_in(2) ? 0 : random.below(kYear);
    const std::uint64_t sources = random.between(1, 3), packets = random.between(1, 40);
    const std::uint64_t hits = random.between(1, 4);
    while (all.size() < packets) {
        now_ns = std::min(now_ns + pause(random, terms), 10 * kYear);
        for (std::uint64_t burst = random.one_in(6) ? random.between(2, 40) : 1; burst > 0; --burst)
            all.push_back({now_ns, static_cast<std::uint8_t>(random.between(1, sources)), random.one_in(hits)});
    }
    return all;
}

Bytes frame_of(const Sent& sent) {
    packet::TestPacket packet;
    packet.protocol = packet::TestProtocol::kTcp;
    packet.source = *parse_ip(fmt::format("198.51.100.{}", sent.source));
    packet.destination = *parse_ip("192.0.2.1");
    packet.tcp_flags = sent.is_hit ? 0x02 : 0x10;
    return packet::build_frame(packet);
}

// ---- the comparison ----

struct Options {
    std::uint64_t seed = std::random_device()();
    std::uint64_t sequences = 100'000;
    bool has_kernel = true;
};

Options read(int argc, char** argv) {
    Options options;
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 0); };
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--seed") options.seed = number(argv[i + 1]);
        if (word == "--sequences") options.sequences = number(argv[i + 1]);
        if (word == "--engines") options.has_kernel = std::string(argv[i + 1]) != "native";
    }
    if (const char* sequences = std::getenv("WEIR_COMPARING_SEQUENCES")) options.sequences = number(sequences);
    if (const char* seed = std::getenv("WEIR_COMPARING_SEED")) options.seed = number(seed);
    return options;
}

struct Counts {
    std::uint64_t policies = 0, sequences = 0, packets = 0, kernel_frames = 0, shares = 0, surges = 0;
};

int fail(std::uint64_t seed, const std::string& text, const std::vector<Sent>& sent, std::size_t last,
         const std::string& difference) {
    fmt::print("seed {}\n{}\n{}", seed, difference, text);
    for (std::size_t i = 0; i <= last && i < sent.size(); ++i)
        fmt::print("{} {} {}\n", sent[i].time_ns, sent[i].source, sent[i].is_hit ? "syn" : "ack");
    return 1;
}

int run_sequence(Evaluators& engines, const Terms& terms, const std::vector<Sent>& sent, Counts& counts,
                 std::size_t& last, std::string& difference) {
    std::map<std::uint8_t, Shares> shares;
    std::map<std::uint8_t, Surges> surges;
    engines.reset();
    for (last = 0; last < sent.size(); ++last) {
        const bool share = shares[sent[last].source].is_over(terms, sent[last]);
        const bool surge = surges[sent[last].source].is_over(terms, sent[last]);
        const Judged judged = engines.judge(frame_of(sent[last]), difference, sent[last].time_ns);
        std::vector<std::uint32_t> matched;
        if (share) matched.push_back(0);
        if (surge) matched.push_back(1);
        if (judged.matched != matched) difference += fmt::format("the definition: share {}, surge {}", share, surge);
        if (!difference.empty()) return 1;
        ++counts.packets;
        counts.shares += share ? 1 : 0;
        counts.surges += surge ? 1 : 0;
    }
    return 0;
}

int run_policy(const Options& options, std::uint64_t seed, Counts& counts) {
    Random random(seed);
    Terms terms;
    const std::string text = policy(random, terms);
    auto created =
        Evaluators::create(text, {}, options.has_kernel ? Evaluators::Kernel::kToo : Evaluators::Kernel::kNot);
    if (!created) return fail(seed, text, {}, 0, "the policy is refused: " + created.error().message);
    for (std::uint64_t i = 0; i < kSequencesAPolicy && counts.sequences < options.sequences; ++i, ++counts.sequences) {
        const std::vector<Sent> sent = sequence(random, terms);
        std::size_t last = 0;
        std::string difference;
        if (run_sequence(**created, terms, sent, counts, last, difference) != 0)
            return fail(seed, text, sent, last, difference);
    }
    ++counts.policies;
    counts.kernel_frames += (*created)->kernel_frames();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    Counts counts;
    for (std::uint64_t i = 0; counts.sequences < options.sequences; ++i)
        if (const int status = run_policy(options, options.seed + i, counts); status != 0) return status;
    fmt::print("seed {}: {} policies, {} sequences, {} packets ({} in the kernel), {} shares and {} surges exceeded\n",
               options.seed, counts.policies, counts.sequences, counts.packets, counts.kernel_frames, counts.shares,
               counts.surges);
    return counts.shares != 0 && counts.surges != 0 ? 0 : 1;  // else nothing was compared
}

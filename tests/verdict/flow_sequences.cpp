// Random policies that read flows, and timed sequences of packets of both ends, on all evaluators. A difference is a
// failure, whichever evaluator is right. It prints the seed, the policy, and the sequence up to the packet that shows
// it.
//   test_flow_sequences [--seed N] [--sequences N] [--policies N] [--engines native|all] [--show]
// --sequences in all, spread over the policies. WEIR_FLOW_SEQUENCES in the environment stands for --sequences. Status
// 0: no difference; 1: one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/packet/direction.h"
#include "tests/support/engines.h"
#include "tests/support/frames.h"
#include "tests/support/random.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000, kYear = 365ull * 86'400 * kSecond;
constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

struct Options {
    std::uint64_t seed = std::random_device()();
    std::uint64_t sequences = 100'000;
    std::uint64_t policies = 50;
    std::string engines = "all";
    bool show = false;
};

struct Timed {
    Bytes frame;
    std::uint64_t time_ns = 0;
    packet::Direction direction = packet::Direction::kIn;
};

// ---- policies ----

class Policies {
public:
    explicit Policies(Random& random) : random_(random) {}

    std::string make() {
        std::string text = random_.one_in(3) ? "default drop\n" : "default pass\n";
        // Small: it is emptied before each sequence. Larger than all of a sequence.
        text += fmt::format("flows size {}\n", random_.between(500, 4000));
        const std::size_t rules = random_.one_in(6) ? random_.between(65, 90) : random_.between(2, 12);
        for (std::size_t i = 0; i < rules; ++i) text += rule(i);
        // So that no policy refuses all that would begin a flow.
        return text + "rule last { when ip.ttl > 3 then pass }\n";
    }

private:
    std::string duration() {
        static const std::vector<std::string> kTimes{"0s", "1us", "50us", "1ms", "100ms",
                                                     "1s", "29s", "30s",  "5m",  "2h"};
        return random_.of(kTimes);
    }
    std::string comparison() {
        static const std::vector<std::string> kOps{"==", "!=", "<", "<=", ">", ">="};
        return random_.of(kOps);
    }
    std::string one() {
        switch (random_.below(15)) {
            case 0: return "flow.is_new";
            case 1: return "flow.established";
            case 2: return "flow.opened";
            case 3: return "flow.is_from_client";
            case 4: return "tcp.is_retransmit";
            case 5: return fmt::format("flow.packets {} {}", comparison(), random_.below(6));
            case 6: return fmt::format("flow.bytes {} {}", comparison(), random_.below(400));
            case 7: return fmt::format("flow.age {} {}", comparison(), duration());
            case 8: return fmt::format("flow.rtt {} {}", comparison(), duration());
            case 9: return fmt::format("http.latency {} {}", comparison(), duration());
            case 10: return "flow.rtt < flow.age";
            case 11: return fmt::format("ip.ttl == {}", random_.between(1, 4));
            case 12: return fmt::format("tcp.flags & 0x17 == {}", random_.below(24));
            case 13: return fmt::format("flow.packets & 3 == {}", random_.below(4));
            default: return random_.one_in(2) ? "tcp" : "udp";
        }
    }
    std::string condition() {
        std::string text = random_.one_in(4) ? "not " + one() : one();
        for (std::size_t i = random_.below(3); i > 0; --i)
            text += fmt::format(" {} {}{}", random_.one_in(3) ? "or" : "and", random_.one_in(4) ? "not " : "", one());
        return text;
    }
    std::string rule(std::size_t number) {
        const std::string verdict = random_.one_in(3) ? "drop" : "pass";
        // Mostly observed, so that all conditions are tried on each packet.
        return fmt::format("rule r{} {{ {}when {} then {} }}\n", number, random_.one_in(3) ? "" : "observe ",
                           condition(), verdict);
    }

    Random& random_;
};

// ---- packets ----

// One end of a connection: what it would send next.
struct End {
    Bytes address;
    std::uint16_t port = 0;
    std::uint32_t next = 0;
};

class Connection {
public:
    explicit Connection(Random& random) : random_(random) {
        is_ip6_ = random_.one_in(4);
        static const std::vector<std::uint8_t> kProtocols{6, 6, 6, 6, 6, 17, 132, 1, 89};
        protocol_ = random_.of(kProtocols);
        const bool is_same = random_.one_in(12);
        for (std::size_t i = 0; i < 2; ++i) {
            const auto host = static_cast<std::uint8_t>(is_same ? 1 : random_.between(1, 3));
            ends_[i].address = hex(is_ip6_ ? kSource6 : kSource4);
            ends_[i].address.back() = host;
            ends_[i].port = static_cast<std::uint16_t>(is_same || random_.one_in(2) ? 80 : 4000 + random_.below(2));
            ends_[i].next = static_cast<std::uint32_t>(random_.one_in(2)   ? random_.below(1000)
                                                       : random_.one_in(2) ? 0xffffff00 + random_.below(300)
                                                                           : random_.below(1ull << 32));
        }
        is_host_second_ = random_.one_in(2);
    }

    Timed packet(std::uint64_t now_ns) {
        const std::size_t from = side();
        const Bytes body = protocol_ == 6 ? segment(from) : other(from);
        const Bytes& source = ends_[from].address;
        const Bytes& destination = ends_[1 - from].address;
        const auto ttl = static_cast<std::uint8_t>(random_.one_in(5) ? random_.between(1, 4) : 64);
        Bytes frame;
        if (is_ip6_) {
            const std::uint8_t next = protocol_ == 1 ? 58 : protocol_;
            frame = eth(0x86dd) + ip6({.next = next, .hops = ttl, .source = source, .destination = destination}, body);
        } else {
            const auto fragment = static_cast<std::uint16_t>(random_.one_in(40) ? 0x2000 + random_.below(3) : 0);
            frame = eth(0x0800) + ip4({.fragment = fragment,
                                       .ttl = ttl,
                                       .protocol = protocol_,
                                       .source = source,
                                       .destination = destination},
                                      body);
        }
        if (random_.one_in(30)) frame = macs() + tag(0x8100, 7) + Bytes(frame.begin() + 12, frame.end());
        if (random_.one_in(60)) frame.resize(random_.between(14, frame.size()));
        const bool is_out = (from == 1) == is_host_second_;
        return {std::move(frame), now_ns, is_out ? packet::Direction::kOut : packet::Direction::kIn};
    }

private:
    std::size_t side() {
        if (random_.one_in(4)) return random_.below(2);
        return step_ % 2;  // one after the other, as handshakes go
    }
    std::uint8_t flags() {
        if (random_.one_in(5)) return static_cast<std::uint8_t>(random_.below(32));
        static const std::vector<std::uint8_t> kSteps{kSyn, kSyn | kAck, kAck, kAck, kAck, kAck};
        static const std::vector<std::uint8_t> kLater{kAck, kAck,        kAck, kFin | kAck, kFin | kAck,
                                                      kRst, kRst | kAck, kSyn, kSyn | kAck};
        return step_ < kSteps.size() ? kSteps[step_] : random_.of(kLater);
    }
    std::uint32_t near(std::uint32_t number) {
        switch (random_.below(12)) {
            case 0: return number + 1;
            case 1: return number - 1;
            case 2: return number + static_cast<std::uint32_t>(random_.below(2000)) - 1000;
            case 3: return number + (1u << 20) + static_cast<std::uint32_t>(random_.below(3)) - 1;
            case 4: return number + (1u << 31) + static_cast<std::uint32_t>(random_.below(3)) - 1;
            case 5: return static_cast<std::uint32_t>(random_.below(1ull << 32));
            default: return number;
        }
    }
    Bytes payload() {
        switch (random_.below(6)) {
            case 0: return counting(random_.between(1, 40));
            case 1: return text("GET / HTTP/1.1\r\n\r\n");
            case 2: return text(random_.one_in(2) ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.0 x");
            default: return {};
        }
    }
    Bytes segment(std::size_t from) {
        Tcp header;
        header.source = ends_[from].port;
        header.destination = ends_[1 - from].port;
        header.flags = flags();
        header.seq = near(ends_[from].next);
        header.ack = near(ends_[1 - from].next);
        const Bytes data = payload();
        if (random_.one_in(4)) return tcp(header, data);  // again, or lost: nothing moves
        ++step_;
        if ((header.flags & kRst) == 0)
            ends_[from].next = static_cast<std::uint32_t>(
                header.seq + data.size() + ((header.flags & kSyn) != 0 ? 1 : 0) + ((header.flags & kFin) != 0 ? 1 : 0));
        return tcp(header, data);
    }
    Bytes other(std::size_t from) {
        ++step_;
        if (protocol_ == 17) return udp({ends_[from].port, ends_[1 - from].port}, payload());
        if (protocol_ == 132) return sctp(ends_[from].port, ends_[1 - from].port, payload());
        if (protocol_ != 1) return counting(20);
        static const std::vector<std::uint8_t> kTypes4{8, 0, 8, 0, 11, 13}, kTypes6{128, 129, 128, 129, 1, 135};
        return icmp(random_.of(is_ip6_ ? kTypes6 : kTypes4), 0, static_cast<std::uint16_t>(random_.below(2)), 1,
                    counting(30));
    }

    Random& random_;
    bool is_ip6_ = false, is_host_second_ = false;
    std::uint8_t protocol_ = 6;
    std::array<End, 2> ends_{};
    std::size_t step_ = 0;
};

std::uint64_t pause(Random& random) {
    static const std::vector<std::uint64_t> kEnds{30 * kSecond, 300 * kSecond, 7500 * kSecond};
    switch (random.below(12)) {
        case 0: return random.of(kEnds) + random.below(3) - 1;
        case 1: return random.of(kEnds) / random.between(1, 4);
        case 2: return random.below(std::uint64_t{1} << random.below(50));
        case 3: return random.one_in(6) ? random.below(3 * kYear) : random.below(kSecond);
        case 4: return 0;
        default: return random.below(200'000);
    }
}

std::vector<Timed> sequence(Random& random) {
    std::vector<Timed> packets;
    std::uint64_t now_ns = random.one_in(2) ? 0 : random.below(9 * kYear);
    std::vector<Connection> connections;
    for (std::size_t i = random.between(1, 3); i > 0; --i) connections.emplace_back(random);
    for (std::size_t i = random.between(1, 24); i > 0; --i) {
        now_ns = std::min(now_ns + pause(random), 10 * kYear);
        packets.push_back(connections[random.one_in(4) ? random.below(connections.size()) : 0].packet(now_ns));
    }
    return packets;
}

Options read(int argc, char** argv) {
    Options options;
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 0); };
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--seed") options.seed = number(value), ++i;
        if (word == "--sequences") options.sequences = number(value), ++i;
        if (word == "--policies") options.policies = std::max<std::uint64_t>(1, number(value)), ++i;
        if (word == "--engines") options.engines = value, ++i;
        if (word == "--show") options.show = true;
    }
    if (const char* sequences = std::getenv("WEIR_FLOW_SEQUENCES")) options.sequences = number(sequences);
    return options;
}

struct Sums {
    std::uint64_t sequences = 0, packets = 0, kernel_frames = 0, matched = 0;
};

int report(std::uint64_t seed, const std::string& policy, const std::vector<Timed>& packets, std::size_t last,
           const std::string& difference) {
    fmt::print("seed {}\n{}\n--- policy\n{}--- packets\n", seed, difference, policy);
    for (std::size_t i = 0; i <= last && i < packets.size(); ++i)
        fmt::print("{} {} {}\n", packets[i].time_ns, packet::direction_name(packets[i].direction),
                   to_hex(packets[i].frame));
    return 1;
}

// Status 1 where a sequence shows a difference.
int run(const Options& options, std::uint64_t seed, std::uint64_t sequences, Sums& sums) {
    Random random(seed);
    const std::string policy = Policies(random).make();
    if (options.show) fmt::print("# seed {}\n{}\n", seed, policy);
    auto created = Evaluators::create(
        policy, {}, options.engines == "native" ? Evaluators::Kernel::kNot : Evaluators::Kernel::kToo);
    if (!created) return report(seed, policy, {}, 0, "the policy is refused:\n" + created.error().message);
    auto& engines = *created;
    for (std::uint64_t i = 0; i < sequences; ++i) {
        const std::vector<Timed> packets = sequence(random);
        engines->reset();
        for (std::size_t at = 0; at < packets.size(); ++at) {
            std::string difference;
            const Timed& one = packets[at];
            const Judged judged = engines->judge(one.frame, difference, one.time_ns, {}, one.direction);
            if (!difference.empty()) return report(seed, policy, packets, at, difference);
            sums.matched += judged.matched.size();
            ++sums.packets;
        }
        ++sums.sequences;
    }
    sums.kernel_frames += engines->kernel_frames();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    fmt::print("seed {}\n", options.seed);
    std::fflush(stdout);
    const auto begin = std::chrono::steady_clock::now();
    Sums sums;
    // Each policy has a seed of its own, so that it can be run alone: --seed S --policies 1.
    const std::uint64_t each = (options.sequences + options.policies - 1) / options.policies;
    for (std::uint64_t i = 0; i < options.policies; ++i)
        if (run(options, options.seed + i, each, sums) != 0) return 1;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print("{} sequences, {} packets, {} of them in the kernel, {} rules matched; {:.1f} s\n", sums.sequences,
               sums.packets, sums.kernel_frames, sums.matched, seconds);
    return 0;
}

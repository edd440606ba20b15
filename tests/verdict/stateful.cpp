// Random policies with state and throttles, and sequences of packets with times, on all engines. A difference is a
// failure, whichever engine is right. It prints the seed, the policy, and the sequence up to the packet that shows it.
//   test_stateful [--seed N] [--pairs N] [--sequences N] [--packets N] [--engines native|all] [--show]
// A pair is a policy and a sequence; --sequences of them a policy, --packets each. WEIR_STATEFUL_PAIRS and
// WEIR_STATEFUL_SEED in the environment stand for --pairs and --seed. Status 0: no difference; 1: one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/packet/frame_builder.h"
#include "tests/support/engines.h"
#include "tests/support/random.h"
#include "tests/support/tls_frames.h"

using namespace weir;
using namespace weir::tests;

namespace {

const std::vector<std::uint64_t> kWalkPauses{9'999'999'999, 10'000'000'000, 299'999'999'999, 300'000'000'000};
constexpr std::uint64_t kYear = 365ull * 86'400 * 1'000'000'000;

struct Options {
    std::uint64_t seed = 0;
    std::uint64_t pairs = 100'000;
    std::uint64_t sequences = 100;  // a policy
    std::uint64_t packets = 40;     // a sequence, at most
    std::string engines = "all";
    bool show = false;
};

struct Timed {
    Bytes frame;
    std::uint64_t time_ns = 0;
    packet::Direction direction = packet::Direction::kIn;
};

// "a, b" as "a, by b".
std::string joined_by(std::string list) {
    for (std::size_t at = list.find(", "); at != std::string::npos; at = list.find(", ", at + 1))
        list.replace(at, 2, ", by ");
    return list;
}

// Packets come from few places, so that they meet the same keys; tables are never half full, so that nothing is
// evicted.
class Generator {
public:
    explicit Generator(Random& random) : random_(random) {}
    std::string policy();
    std::vector<Timed> sequence(std::uint64_t packets);

private:
    struct LiveSet {
        std::string name;
        std::vector<std::string> types;
    };
    std::string perhaps_cut(const std::string& field);
    std::string fields();
    std::string term();
    std::string hit();
    std::string alerts();
    std::string key(const LiveSet& set);          // looked for
    std::string changed_key(const LiveSet& set);  // of a net perhaps a part
    std::string entries(const LiveSet& set);
    std::string condition();
    std::string rule(std::size_t number);
    std::string duration();
    std::uint64_t pause();
    Bytes packet();
    packet::Direction direction() {
        return goes_both_ways_ && random_.one_in(2) ? packet::Direction::kOut : packet::Direction::kIn;
    }
    std::vector<Bytes> hello();
    template <typename... Words>
    std::string one_of(Words... words) {
        return random_.of(std::vector<std::string>{words...});
    }

    Random& random_;
    std::vector<LiveSet> sets_;
    std::vector<std::string> alerts_;
    bool goes_both_ways_ = false;        // the policy judges packets on their way out, too
    std::vector<std::uint64_t> pauses_;  // what the policy's own times suggest, ns
};

std::string Generator::duration() {
    struct Unit {
        const char* word;
        std::uint64_t ns;
    };
    static const std::vector<Unit> kUnits{{"us", 1'000},         {"ms", 1'000'000},        {"s", 1'000'000'000},
                                          {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
    const Unit& unit = random_.of(kUnits);
    const std::uint64_t count = random_.one_in(4) ? random_.between(1, 1000) : random_.between(1, 5);
    pauses_.push_back(unit.ns * count);
    return fmt::format("{}{}", count, unit.word);
}

// Now and then the first bits of an address.
std::string Generator::perhaps_cut(const std::string& field) {
    const bool either_version = field.starts_with("ip.src") || field.starts_with("ip.dst");
    if ((!either_version && field != "arp.sender_ip") || random_.below(5) < 3) return field;
    // Packets differ in their last two bits.
    static const std::vector<unsigned> kBits4{1, 8, 24, 24, 30, 31, 32},
        kBits6{1, 20, 32, 33, 64, 64, 96, 126, 127, 128};
    const std::string cut = fmt::format("{}/{}", field, random_.of(kBits4));
    return either_version && random_.one_in(2) ? fmt::format("{}/{}", cut, random_.of(kBits6)) : cut;
}

// One to four, of which packets may lack some.
std::string Generator::fields() {
    static const std::vector<std::string> kKeys{"ip.src",    "ip.src",        "ip.src",        "ip.dst",  "tcp.dport",
                                                "udp.dport", "port.src",      "port.dst",      "eth.src", "ip.proto",
                                                "ip.ttl",    "packet.len",    "arp.sender_ip", "tcp.syn", "vlan.id",
                                                "rx_queue",  "ip.is_fragment"};
    std::vector<std::string> keys;
    for (std::size_t i = random_.one_in(2) ? 1 : random_.between(1, 4); i > 0; --i)
        keys.push_back(perhaps_cut(random_.of(kKeys)));
    return fmt::format("{}", fmt::join(keys, ", "));
}

// None to forty alerts, most of them throttled; keys of all throttles are in one table.
std::string Generator::alerts() {
    alerts_.clear();
    std::string text;
    if (random_.one_in(3)) text += fmt::format("throttles size {}\n", random_.between(4096, 20'000));
    const std::size_t count = random_.one_in(4) ? random_.between(2, 40) : 2;
    for (std::size_t i = 0; i < count; ++i) {
        alerts_.push_back(fmt::format("a{}", i));
        const std::string throttle = random_.one_in(4) ? ""
                                                       : fmt::format(" throttle {} per {} every {}",
                                                                     random_.between(1, 3), fields(), duration());
        text += fmt::format("alert a{} {{ message \"{}\"{} }}\n", i, i, throttle);
    }
    return text;
}

// Of what a share is: conditions of every kind, those that read the frame among them.
std::string Generator::hit() {
    return one_of("tcp.syn", "tcp", "not tcp.dport == 22", "ip.src in 198.51.100.0/30", "(udp or ip.ttl < 64)",
                  "payload contains \"ab\"", "payload ends_with \"b\"", "len(payload) > 20", "tls.is_client_hello",
                  "tls.sni == \"a.example\"", "port.src == port.dst", "(ip.src, port.dst) in { (198.51.100.1, 22) }");
}

std::string Generator::term() {
    const std::string list = random_.one_in(8) ? "" : fields();  // without a key: the rule has one
    const std::string listed = list.empty() ? "" : list + ", ";
    const std::string sign = random_.one_in(3) ? "<=" : ">";
    const std::string size = random_.one_in(3) ? fmt::format(" size {}", random_.between(512, 3000)) : "";
    struct Unit {
        const char* word;
        std::uint64_t ns;
    };
    static const std::vector<Unit> kUnits{{"s", 1'000'000'000}, {"min", 60'000'000'000}, {"h", 3'600'000'000'000}};
    const Unit& unit = random_.of(kUnits);
    switch (random_.below(6)) {
        case 4: {
            const std::string least =
                fmt::format("of {}", random_.one_in(3) ? random_.between(1, 20) : random_.between(1, 4));
            const std::string by = list.empty() ? "" : "by " + joined_by(list) + ", ";
            return fmt::format("share({}, {}in {}, {}) {} {}%{}", hit(), by, duration(), least, sign,
                               one_of("0", "10", "33.33", "50", "75.5", "99.99"), size);
        }
        case 5: {
            const std::string floor = random_.one_in(4) ? "" : fmt::format(", floor {}", random_.below(4));
            return fmt::format("surge({}in {}{}) {} {}{}", listed, duration(), floor, sign, random_.between(1, 4),
                               size);
        }
        case 0: {
            const std::uint64_t count = random_.one_in(3) ? random_.between(1, 100'000) : random_.between(1, 5);
            pauses_.push_back(unit.ns / count);
            const std::string burst = random_.one_in(2) ? fmt::format(" burst {}", random_.between(1, 7)) : "";
            return fmt::format("rate({}) {} {}/{}{}{}", list, sign, count, unit.word, burst, size);
        }
        case 1: {
            const std::uint64_t bytes = random_.one_in(3) ? random_.between(1, 1'000'000) : random_.between(1, 300);
            pauses_.push_back(unit.ns / bytes * 60);
            const std::string burst = random_.below(4) != 0 ? fmt::format(" burst {}B", random_.between(1, 400)) : "";
            return fmt::format("byterate({}) {} {}B/s{}{}", list, sign, bytes, burst, size);
        }
        case 2:
            return fmt::format("distinct({}, {}in {}) {} {}{}",
                               perhaps_cut(one_of("tcp.dport", "port.src", "ip.src", "ip.dst", "eth.src", "ip.ttl",
                                                  "packet.len", "arp.sender_ip", "udp")),
                               list.empty() ? "" : "by " + joined_by(list) + ", ", duration(), sign,
                               random_.one_in(6) ? random_.between(33, 40) : random_.below(6), size);
        default: return fmt::format("count({}in {}) {} {}{}", listed, duration(), sign, random_.below(5), size);
    }
}

std::string Generator::key(const LiveSet& set) {
    std::vector<std::string> fields;
    for (const std::string& type : set.types) {
        if (type == "ip" || type == "net")
            fields.push_back(one_of("ip.src", "ip.src", "ip.dst", "arp.sender_ip"));
        else if (type == "port")
            fields.push_back(one_of("tcp.dport", "udp.dport", "port.src", "port.dst"));
        else if (type == "mac")
            fields.push_back(one_of("eth.src", "eth.dst"));
        else
            fields.push_back(one_of("ip.ttl", "ip.proto", "tcp.flags"));
    }
    return fields.size() == 1 ? fields[0] : fmt::format("({})", fmt::join(fields, ", "));
}

std::string Generator::changed_key(const LiveSet& set) {
    std::string text = key(set);
    const auto net = std::find(set.types.begin(), set.types.end(), "net") - set.types.begin();
    if (net == static_cast<std::ptrdiff_t>(set.types.size())) return text;
    for (const std::string field : {"ip.src", "ip.dst", "arp.sender_ip"})
        if (const std::size_t at = text.find(field); at != std::string::npos)
            return text.replace(at, field.size(), perhaps_cut(field));
    return text;
}

// Entries to begin with, or none.
std::string Generator::entries(const LiveSet& set) {
    static const std::map<std::string, std::vector<std::string>> kElements{
        {"ip", {"198.51.100.1", "198.51.100.2", "192.0.2.1", "2001:db8::1", "2001:db8::9"}},
        {"net", {"198.51.100.0/30", "198.51.0.0/16", "198.51.100.1", "0.0.0.0/0", "2001:db8::/64", "2001:db8::1"}},
        {"port", {"22", "80", "53"}},
        {"mac", {"02:00:00:00:00:01", "02:00:00:00:00:07"}},
        {"u8", {"64", "6", "17"}}};
    std::vector<std::string> all;
    for (std::size_t i = random_.below(4); i > 0; --i) {
        std::vector<std::string> parts;
        for (const std::string& type : set.types) parts.push_back(random_.of(kElements.at(type)));
        all.push_back(parts.size() == 1 ? parts[0] : fmt::format("({})", fmt::join(parts, ", ")));
    }
    return all.empty() ? "" : fmt::format(" = {{ {} }}", fmt::join(all, ", "));
}

std::string Generator::condition() {
    std::vector<std::string> parts;
    for (std::size_t i = random_.below(3); i > 0; --i) {
        if (!sets_.empty() && random_.one_in(2)) {
            const LiveSet& set = random_.of(sets_);
            parts.push_back(fmt::format("{} {} {}", key(set), random_.one_in(3) ? "not in" : "in", set.name));
            continue;
        }
        // An or is several boxes: a rule with state must count once all the same.
        parts.push_back(one_of("tcp", "udp", "not tcp", "ip6", "tcp.syn", "tcp.dport == 22", "tcp.dport in 20..80",
                               "ip.src in 198.51.100.0/30", "ip.src == 198.51.100.1",
                               "(tcp.dport == 22 or tcp.dport == 80 or ip.ttl > 60)",
                               "(ip.src == ip.dst or udp or ip.proto == 6)", "not ip.ttl == 64", "tls",
                               "tls.is_client_hello", "tls.sni == \"a.example\"", "tls.sni in { \"example\" }",
                               "not tls.is_cut", "payload contains \"ab\"", "ip.ttl in { 1..63, 65..255 }",
                               "(tcp or udp or ip)", "port.src == port.dst"));
    }
    // State terms anywhere among the others: they are tried last.
    for (std::size_t i = random_.below(3); i > 0; --i)
        parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(random_.below(parts.size() + 1)), term());
    return parts.empty() ? "ip" : fmt::format("{}", fmt::join(parts, " and "));
}

std::string Generator::rule(std::size_t number) {
    std::vector<std::string> actions;
    for (std::size_t i = random_.below(3); i > 0; --i) {
        if (sets_.empty() || random_.one_in(3)) {
            actions.push_back("alert " + random_.of(alerts_) + one_of("", "", "", " sample 1/3", " sample 1/2"));
            continue;
        }
        const LiveSet& set = random_.of(sets_);
        const std::string what = changed_key(set);
        if (random_.one_in(4))
            actions.push_back(fmt::format("remove {} from {}", what, set.name));
        else
            actions.push_back(
                fmt::format("add {} to {}{}", what, set.name, random_.one_in(2) ? " for " + duration() : ""));
    }
    if (actions.empty() || random_.one_in(3)) actions.push_back(one_of("drop", "pass"));
    return fmt::format("rule r{} {{ {}{}when {} then {} }}\n", number, random_.one_in(6) ? "observe " : "",
                       goes_both_ways_ && random_.one_in(2) ? "egress " : "", condition(), fmt::join(actions, ", "));
}

std::string Generator::policy() {
    sets_.clear();
    pauses_.clear();
    goes_both_ways_ = random_.one_in(3);
    std::string text;
    if (goes_both_ways_) text += one_of("", "default egress drop\n", "default egress pass\n");
    static const std::vector<std::vector<std::string>> kTypes{
        {"ip"},  {"ip"}, {"net"},        {"net"},      {"net", "port"},       {"u8", "net"},     {"port"},
        {"mac"}, {"u8"}, {"ip", "port"}, {"ip", "ip"}, {"port", "mac", "u8"}, {"ip", "ip", "ip"}};
    for (std::size_t i = random_.below(4); i > 0; --i) {
        sets_.push_back({fmt::format("live{}", i), random_.of(kTypes)});
        const std::string types = sets_.back().types.size() == 1
                                      ? sets_.back().types[0]
                                      : fmt::format("({})", fmt::join(sets_.back().types, ", "));
        const std::string first = random_.one_in(3) ? entries(sets_.back()) : "";
        text += fmt::format("set live{} : {} size {}{}{}\n", i, types,
                            random_.one_in(2) ? random_.between(first.empty() ? 1 : 3, 3) : random_.between(4, 100),
                            random_.one_in(2) ? " ttl " + duration() : "", first);
    }
    text += alerts();
    if (random_.one_in(2)) text += "default drop\n";
    // Few rules are code; many are trees.
    const std::size_t rules = random_.one_in(5) ? random_.between(65, 120) : random_.between(1, 12);
    for (std::size_t i = 0; i < rules; ++i)
        text += rules > 64 && random_.below(6) != 0
                    ? fmt::format("rule s{} {{ when tcp.dport == {} and ip.src in 198.51.{}.0/24 then {} }}\n", i,
                                  1000 + i, i, one_of("drop", "pass", "alert a0"))
                    : rule(i);
    return text;
}

Bytes Generator::packet() {
    packet::TestPacket packet;
    const std::uint64_t kind = random_.below(8);
    packet.protocol = kind < 4   ? packet::TestProtocol::kTcp
                      : kind < 7 ? packet::TestProtocol::kUdp
                                 : packet::TestProtocol::kArp;
    if (kind == 7 && random_.one_in(2)) packet.protocol = packet::TestProtocol::kIcmp;
    const bool six = kind < 6 && random_.one_in(4);
    packet.source = *parse_ip(six ? fmt::format("2001:db8:{}::{}", random_.one_in(4) ? "1" : "0", random_.between(1, 2))
                                  : fmt::format("198.51.{}.{}", random_.one_in(8) ? 101 : 100, random_.between(1, 3)));
    packet.destination = *parse_ip(six ? "2001:db8::9" : fmt::format("192.0.2.{}", random_.between(1, 2)));
    static const std::vector<std::uint16_t> kPorts{22, 22, 80, 53, 1001};
    packet.source_port = random_.of(kPorts);
    packet.destination_port = random_.of(kPorts);
    packet.tcp_flags = random_.one_in(2) ? 2 : 0x10;
    packet.ttl = random_.one_in(4) ? 3 : 64;
    packet.eth_source.bytes[5] = random_.one_in(3) ? 7 : 1;
    if (random_.one_in(6)) packet.vlans = {5};
    if (packet.protocol != packet::TestProtocol::kArp && random_.one_in(3))
        packet.payload = std::string(random_.below(100), 'a') + "b";
    Bytes frame = packet::build_frame(packet);
    if (random_.one_in(20)) frame.resize(random_.between(14, frame.size()));
    return frame;
}

// The segments of one ClientHello, mostly in order; some come again.
std::vector<Bytes> Generator::hello() {
    std::vector<Bytes> extensions{tls_extension(45, zeros(2))};
    for (std::size_t i = random_.below(4); i > 0; --i)
        extensions.push_back(tls_extension(51, zeros(random_.below(random_.one_in(4) ? 1500 : 60))));
    if (!random_.one_in(5))
        extensions.insert(extensions.begin() + static_cast<std::ptrdiff_t>(random_.below(extensions.size() + 1)),
                          server_name(one_of("a.example", "B.example.", "www.a.example")));
    Bytes whole = client_hello({.extensions = extensions, .session_id = random_.below(33)});
    if (random_.one_in(6)) whole[random_.below(whole.size())] ^= static_cast<std::uint8_t>(1u << random_.below(8));
    const auto seq = static_cast<std::uint32_t>(random_.one_in(2) ? 1 : random_.below(1ull << 32));
    std::vector<Bytes> segments;
    for (std::size_t from = 0; from < whole.size();) {
        const std::size_t to = from + random_.between(1, random_.one_in(3) ? 20 : 1400);
        segments.push_back(tls_segment(part(whole, from, to), seq + static_cast<std::uint32_t>(from)));
        from = to;
    }
    if (random_.one_in(4)) segments.push_back(random_.of(segments));
    if (random_.one_in(4)) std::swap(segments[random_.below(segments.size())], segments.back());
    if (segments.size() > 40) segments.resize(40);
    return segments;
}

// Just what a policy's time is, one less, one more, or any other up to years.
std::uint64_t Generator::pause() {
    switch (random_.below(10)) {
        case 0:
        case 1:
        case 2: return 0;
        case 3: return random_.below(3);
        case 4:
        case 5:
        case 6: return pauses_.empty() ? 1 : random_.of(pauses_) + random_.below(3) - 1;
        case 7: return pauses_.empty() ? 1 : random_.of(pauses_) / random_.between(1, 5);
        case 8: return random_.below(std::uint64_t{1} << random_.below(50));
        default: return random_.one_in(8) ? random_.below(3 * kYear) : random_.below(1'000'000'000);
    }
}

std::vector<Timed> Generator::sequence(std::uint64_t packets) {
    std::vector<Timed> sequence;
    std::uint64_t now_ns = random_.one_in(2) ? 0 : random_.below(kYear);
    std::vector<Bytes> some;
    for (std::size_t i = random_.between(1, 6); i > 0; --i) some.push_back(packet());
    for (std::uint64_t i = random_.between(1, packets); i > 0; --i) {
        now_ns = std::min(now_ns + pause(), 10 * kYear);
        sequence.push_back({random_.one_in(6) ? packet() : random_.of(some), now_ns, direction()});
        // The kernel would refuse it there, and its state would be another one from then on.
        if (!tooling::kernel_takes(sequence.back().frame, sequence.back().direction))
            sequence.back().direction = packet::Direction::kIn;
        if (!random_.one_in(20)) continue;
        const packet::Direction way = direction();
        for (Bytes& segment : hello()) {
            now_ns += random_.one_in(6) ? random_.of(kWalkPauses) : random_.below(1'000'000);
            sequence.push_back({std::move(segment), now_ns, way});
        }
    }
    return sequence;
}

Options read(int argc, char** argv) {
    Options options;
    options.seed = std::random_device()();
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 0); };
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--seed")
            options.seed = number(value), ++i;
        else if (word == "--pairs")
            options.pairs = number(value), ++i;
        else if (word == "--sequences")
            options.sequences = std::max<std::uint64_t>(1, number(value)), ++i;
        else if (word == "--packets")
            options.packets = std::max<std::uint64_t>(1, number(value)), ++i;
        else if (word == "--engines")
            options.engines = value, ++i;
        else if (word == "--show")
            options.show = true;
    }
    if (const char* pairs = std::getenv("WEIR_STATEFUL_PAIRS")) options.pairs = number(pairs);
    if (const char* seed = std::getenv("WEIR_STATEFUL_SEED")) options.seed = number(seed);
    return options;
}

struct Sums {
    std::uint64_t policies = 0, pairs = 0, packets = 0, kernel_frames = 0, exceeded = 0, held_back = 0;
};

int report(std::uint64_t seed, const std::string& policy, const std::vector<Timed>& sequence, std::size_t last,
           const std::string& difference) {
    fmt::print("seed {}\n{}--- policy\n{}--- packets\n", seed, difference, policy);
    for (std::size_t i = 0; i <= last && i < sequence.size(); ++i)
        fmt::print("{} {} {}\n", sequence[i].time_ns, packet::direction_name(sequence[i].direction),
                   to_hex(sequence[i].frame));
    return 1;
}

// Status 1 where a sequence shows a difference.
int run(const Options& options, std::uint64_t seed, Sums& sums) {
    Random random(seed);
    Generator generator(random);
    const std::string policy = generator.policy();
    if (options.show) fmt::print("# seed {}\n{}\n", seed, policy);
    auto created = Evaluators::create(
        policy, {}, options.engines == "native" ? Evaluators::Kernel::kNot : Evaluators::Kernel::kToo);
    if (!created) return report(seed, policy, {}, 0, "the policy is refused:\n" + created.error().message);
    auto& engines = *created;
    for (std::uint64_t i = 0; i < options.sequences; ++i) {
        const std::vector<Timed> sequence = generator.sequence(options.packets);
        engines->reset();
        for (std::size_t at = 0; at < sequence.size(); ++at) {
            std::string difference;
            const Judged judged =
                engines->judge(sequence[at].frame, difference, sequence[at].time_ns, {}, sequence[at].direction);
            if (!difference.empty()) return report(seed, policy, sequence, at, difference);
            sums.held_back += static_cast<std::uint64_t>(
                std::count(judged.suppressed.begin(), judged.suppressed.end(), WEIR_HELD_BACK));
            sums.exceeded += judged.matched.size();
            ++sums.packets;
        }
        ++sums.pairs;
    }
    sums.kernel_frames += engines->kernel_frames();
    ++sums.policies;
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    fmt::print("seed {}\n", options.seed);
    std::fflush(stdout);
    const auto begin = std::chrono::steady_clock::now();
    Sums sums;
    // Each policy has a seed of its own, so that it can be run alone: --seed S --pairs 1.
    for (std::uint64_t seed = options.seed; sums.pairs < options.pairs; ++seed)
        if (run(options, seed, sums) != 0) return 1;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print(
        "{} pairs of {} policies, {} packets, {} of them in the kernel, {} rules matched, {} events held back; {:.1f} "
        "s\n",
        sums.pairs, sums.policies, sums.packets, sums.kernel_frames, sums.exceeded, sums.held_back, seconds);
    return 0;
}

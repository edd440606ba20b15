// Sets from files, on all three engines against a search through the entries one by one.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/native.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"
#include "grammar/base/seeded.h"
#include "grammar/value.h"
#include "runtime/trial_run.h"

using namespace weir;

namespace {

using Random = Seeded;

// A policy of one set, and a rule that drops what is in it; or a rule alone, where the list is in its text.
Compiled compiled_of(const std::string& text, const std::string& list) {
    Sources sources;
    Diagnostics diagnostics;
    sema::Files files;
    files.read = [&](const std::string&) { return Result<std::string>(list); };
    auto compiled = analyse(sources, "sets.rules", text, files, diagnostics);
    REQUIRE(compiled);
    return std::move(*compiled);
}

struct Type {
    std::string_view name, key;
};
constexpr Type kNet{"net", "ip.src"}, kIp{"ip", "ip.src"}, kPort{"port", "tcp.sport"}, kU8{"u8", "ip.ttl"},
    kU16{"u16", "tcp.window"}, kU32{"u32", "tcp.seq"}, kMac{"mac", "eth.src"},
    kIpPort{"(ip, port)", "(ip.src, udp.sport)"}, kPortNet{"(port, net)", "(udp.sport, ip.src)"};

std::string policy_of(const Type& type) {
    return "set s : " + std::string(type.name) + " from \"list\"\nrule r { when " + std::string(type.key) +
           " in s then drop }\n";
}

// UDP over the address's version.
std::vector<std::uint8_t> frame_from(const IpAddress& source, std::uint16_t port = 1) {
    const bool four = source.version == 4;
    std::vector<std::uint8_t> frame(four ? 42 : 62);
    frame[12] = four ? 0x08 : 0x86;
    frame[13] = four ? 0x00 : 0xdd;
    std::uint8_t* ip = &frame[14];
    if (four)
        ip[0] = 0x45, ip[3] = 28, ip[8] = 64, ip[9] = 17;
    else
        ip[0] = 0x60, ip[5] = 8, ip[6] = 17, ip[7] = 64;
    std::copy_n(source.bytes.begin(), four ? 4 : 16, ip + (four ? 12 : 8));
    std::uint8_t* udp = ip + (four ? 20 : 40);
    udp[0] = static_cast<std::uint8_t>(port >> 8), udp[1] = static_cast<std::uint8_t>(port);
    udp[5] = 8;
    return frame;
}

void put(std::uint8_t* bytes, std::size_t count, std::uint64_t number) {
    while (count-- > 0) bytes[count] = static_cast<std::uint8_t>(number), number >>= 8;
}

// TCP over IPv4, the number in the field of that type.
std::vector<std::uint8_t> frame_with(const Type& type, std::uint64_t number) {
    std::vector<std::uint8_t> frame(54);
    frame[12] = 0x08;
    std::uint8_t *ip = &frame[14], *tcp = &frame[34];
    ip[0] = 0x45, ip[3] = 40, ip[8] = 64, ip[9] = 6;
    tcp[12] = 0x50;
    if (type.key == kMac.key)
        put(&frame[6], 6, number);
    else if (type.key == kU8.key)
        put(ip + 8, 1, number);
    else if (type.key == kPort.key)
        put(tcp, 2, number);
    else if (type.key == kU32.key)
        put(tcp + 4, 4, number);
    else
        put(tcp + 14, 2, number);
    return frame;
}

// kLive: in a table that can change, where these entries are what it begins with.
enum class Kept { kFixed, kLive };

class Evaluators {
public:
    Evaluators(const Type& type, const std::string& list, Kept kept = Kept::kFixed)
        : Evaluators(policy_of(type), list, kept) {}
    Evaluators(const std::string& text, const std::string& list, Kept kept = Kept::kFixed)
        : compiled_(compiled_of(text, list)), oracle_(compiled_.policy) {
        if (kept == Kept::kLive) compiled_.policy.sets.front().dynamic = true;
        auto native = codegen::NativeEngine::create(compiled_);
        if (!native) FAIL(native.error().message);
        native_ = std::move(*native);
        if (!runtime::TestRunner::allowed()) {
            WARN("the kernel engine needs root: native engine and oracle only");
            return;
        }
        const auto object = compile(compiled_, {});
        if (!object) FAIL(object.error().message);
        auto runner = runtime::TestRunner::create(*object);
        if (!runner) FAIL(runner.error().message);
        kernel_ = std::move(*runner);
    }
    // What all of them say.
    bool in(const std::vector<std::uint8_t>& frame) {
        const bool native = native_->judge(frame, 0).verdict == WEIR_DROP;
        CHECK((oracle_.judge(frame, 0).verdict.kind == policy::VerdictKind::kDrop) == native);
        if (kernel_) {
            auto trace = kernel_->judge(frame, 0);
            REQUIRE(trace);
            CHECK((trace->verdict == WEIR_DROP) == native);
        }
        return native;
    }
    std::size_t entries() const { return compiled_.policy.sets.front().entries.size(); }

private:
    Compiled compiled_;
    oracle::Oracle oracle_;
    std::unique_ptr<codegen::NativeEngine> native_;
    std::unique_ptr<runtime::TestRunner> kernel_;
};

bool naive(const std::vector<IpPrefix>& nets, const IpAddress& address) {
    return std::any_of(nets.begin(), nets.end(), [&](const IpPrefix& net) {
        return net.address.version == address.version && network({address, net.length}) == net;
    });
}

// One more or one less; wraps round.
IpAddress next_to(IpAddress address, std::uint8_t step) {
    for (std::size_t i = address.version == 4 ? 4 : 16; i-- > 0;) {
        address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] + step);
        if (address.bytes[i] != (step == 1 ? 0 : 0xff)) break;
    }
    return address;
}

IpAddress random_address(Random& random, std::uint8_t version) {
    IpAddress address;
    address.version = version;
    for (std::size_t i = 0; i < (version == 4 ? 4u : 16u); ++i) address.bytes[i] = static_cast<std::uint8_t>(random());
    return address;
}

std::string mac_text(std::uint64_t number) {
    std::string text;
    for (int shift = 40; shift >= 0; shift -= 8) {
        char octet[4];
        std::snprintf(octet, sizeof(octet), "%02x:", static_cast<unsigned>(number >> shift & 0xff));
        text += octet;
    }
    return text.substr(0, text.size() - 1);
}

std::string list_of(const std::vector<IpPrefix>& nets) {
    std::string list;
    for (const IpPrefix& net : nets) list += to_string(net) + "\n";
    return list;
}

// Every range's ends and their neighbours, of `step`th nets, and some addresses at random.
void check_all(Evaluators& engines, const std::vector<IpPrefix>& nets, Random& random, std::size_t step = 1) {
    std::vector<IpAddress> probes;
    for (std::size_t i = 0; i < nets.size(); i += step) {
        const IpAddress first = first_address(nets[i]), last = last_address(nets[i]);
        for (const IpAddress& probe : {next_to(first, 0xff), first, last, next_to(last, 1)}) probes.push_back(probe);
    }
    for (int i = 0; i < 50; ++i)
        for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}})
            probes.push_back(random_address(random, version));
    for (const IpAddress& probe : probes) {
        INFO(to_string(probe));
        CHECK(engines.in(frame_from(probe)) == naive(nets, probe));
    }
}

std::vector<IpPrefix> prefixes(std::initializer_list<const char*> texts) {
    std::vector<IpPrefix> nets;
    for (const char* text : texts) nets.push_back(*parse_prefix(text));
    return nets;
}

// Crowded: few first bytes, so that prefixes nest and touch.
std::vector<IpPrefix> crowd(Random& random, std::size_t count, std::uint8_t version, unsigned longest) {
    std::vector<IpPrefix> nets;
    while (nets.size() < count) {
        IpAddress address = random_address(random, version);
        address.bytes[0] = static_cast<std::uint8_t>((random() % 4) << 6);
        if (random() % 2) address.bytes[1] = 0;
        nets.push_back(network({address, static_cast<std::uint8_t>(10 + random() % (longest - 9))}));
    }
    return nets;
}

}  // namespace

TEST_CASE("sets of nets at the edges of the address space") {
    Random random(1);
    const std::vector<std::vector<IpPrefix>> sets = {
        {},
        prefixes({"0.0.0.0/0"}),
        prefixes({"::/0"}),
        prefixes({"0.0.0.0/0", "::/0", "10.0.0.0/8", "2001:db8::/32"}),
        prefixes({"0.0.0.0/32", "255.255.255.255/32", "::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}),
        prefixes({"0.0.0.0/1", "128.0.0.0/1"}),
        prefixes({"::/1", "8000::/1"}),
        prefixes({"::ffff:0:0/96", "192.0.2.0/24"}),
        prefixes({"10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "11.0.0.0/8", "12.0.0.0/32"}),
        prefixes({"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "4000::/128", "8000::/2", "bfff::/16", "c000::/128"}),
    };
    for (std::vector<IpPrefix> nets : sets) {
        Evaluators few(kNet, list_of(nets)), live(kNet, list_of(nets), Kept::kLive);
        check_all(few, nets, random);
        check_all(live, nets, random);
        // The same looked up: enough ranges of either version beside them.
        for (int i = 0; i < 20; ++i) {
            nets.push_back(*parse_prefix("100.0." + std::to_string(2 * i) + ".0/24"));
            nets.push_back(*parse_prefix("2001:db8:0:" + std::to_string(2 * i) + "::/64"));
        }
        Evaluators many(kNet, list_of(nets));
        check_all(many, nets, random);
    }
}

TEST_CASE("sets of nets that nest and touch") {
    struct Shape {
        std::size_t count;
        std::uint8_t version;
        unsigned longest;
        std::size_t step;
    };
    for (const Shape& shape :
         {Shape{9, 4, 32, 1}, Shape{300, 4, 32, 1}, Shape{6000, 4, 32, 40}, Shape{9, 6, 64, 1}, Shape{300, 6, 65, 1},
          Shape{300, 6, 128, 1}, Shape{6000, 6, 128, 40}, Shape{6000, 6, 64, 40}}) {
        Random random(shape.count + shape.longest);
        const auto nets = crowd(random, shape.count, shape.version, shape.longest);
        for (const Kept kept : {Kept::kFixed, Kept::kLive}) {
            Evaluators engines(kNet, list_of(nets), kept);
            check_all(engines, nets, random, shape.step);
        }
    }
}

// Lengths where the trees' keys change; on networks that nest, touch, and lie at both ends of each quarter of the
// space.
TEST_CASE("sets of nets of each length") {
    for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
        const unsigned longest = version == 4 ? 32 : 128;
        Random random(version);
        std::vector<IpPrefix> all;
        for (unsigned length = 1; length <= longest; ++length) {
            std::vector<IpPrefix> nets;
            for (int i = 0; i < 40; ++i) {
                IpAddress address = random_address(random, version);
                if (i % 4 == 0) std::fill(address.bytes.begin(), address.bytes.end(), std::uint8_t{0xff});
                if (i % 4 == 1) std::fill(address.bytes.begin(), address.bytes.end(), std::uint8_t{0});
                address.bytes[0] = static_cast<std::uint8_t>((address.bytes[0] & 0x3f) | i / 4 % 4 << 6);
                nets.push_back(network({address, static_cast<std::uint8_t>(length)}));
                nets.push_back(network(
                    {next_to(last_address(nets.back()), 1), static_cast<std::uint8_t>(std::min(length + 1, longest))}));
            }
            for (std::size_t i = 0; i < nets.size(); ++i)
                if (version == 4)
                    std::fill(nets[i].address.bytes.begin() + 4, nets[i].address.bytes.end(), std::uint8_t{0});
            all.insert(all.end(), nets.begin(), nets.begin() + 3);
            const bool is_edge = length <= 2 || length % 32 <= 1 || length % 32 == 31 || length == 66;
            if (!is_edge) continue;
            for (const Kept kept : {Kept::kFixed, Kept::kLive}) {
                Evaluators engines(kNet, list_of(nets), kept);
                check_all(engines, nets, random);
            }
        }
        for (const Kept kept : {Kept::kFixed, Kept::kLive}) {
            Evaluators engines(kNet, list_of(all), kept);
            check_all(engines, all, random);
        }
    }
}

TEST_CASE("sets of nets crowded into one place") {
    // All first bits are the same, so that walks begin high up; one far away.
    Random random(5);
    for (const unsigned longest : {32u, 64u, 128u}) {
        std::vector<IpPrefix> nets = prefixes({"203.0.113.0/24", "ffff::/16"});
        for (int i = 0; i < 5000; ++i) {
            IpAddress address = random_address(random, longest == 32 ? 4 : 6);
            address.bytes[0] = 10, address.bytes[1] = 20;
            if (longest != 32) std::fill(address.bytes.begin() + 2, address.bytes.begin() + 5, std::uint8_t{7});
            if (longest == 128) std::fill(address.bytes.begin() + 5, address.bytes.begin() + 14, std::uint8_t{0xff});
            nets.push_back(network({address, static_cast<std::uint8_t>(longest - random() % 3)}));
        }
        Evaluators engines(kNet, list_of(nets));
        check_all(engines, nets, random, 40);
    }
}

TEST_CASE("sets of numbers of each width") {
    struct Width {
        Type type;
        std::uint64_t largest;
    };
    for (const auto& [type, largest] : {Width{kU8, 0xff}, Width{kPort, 0xffff}, Width{kU16, 0xffff},
                                        Width{kU32, 0xffff'ffff}, Width{kMac, 0xffff'ffff'ffff}})
        for (const std::size_t count : {0u, 1u, 3u, 20u, 70u, 3000u}) {
            Random random(count);
            std::set<std::uint64_t> members;
            std::vector<std::uint64_t> probes{0, 1, largest - 1, largest};
            std::string list;
            // Alone, in runs, and at both ends.
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint64_t number = i == 1                           ? 0
                                             : i == 2                         ? largest
                                             : i % 3 == 0 && !members.empty() ? std::min(*members.rbegin() + 1, largest)
                                                                              : random() & largest;
                if (!members.insert(number).second) continue;
                list += (type.key == kMac.key ? mac_text(number) : std::to_string(number)) + "\n";
                if (i % (count / 50 + 1) == 0)
                    probes.insert(probes.end(), {(number - 1) & largest, number, (number + 1) & largest});
            }
            for (int i = 0; i < 50; ++i) probes.push_back(random() & largest);
            Evaluators engines(type, list);
            for (const std::uint64_t number : probes) {
                INFO(type.name << " " << count << " " << number);
                CHECK(engines.in(frame_with(type, number)) == members.contains(number));
            }
        }
}

TEST_CASE("sets of addresses") {
    Random random(7);
    std::vector<IpPrefix> hosts;
    std::string addresses;
    for (int i = 0; i < 500; ++i) {
        const auto version = static_cast<std::uint8_t>(i % 2 == 0 ? 4 : 6);
        hosts.push_back({random_address(random, version), static_cast<std::uint8_t>(version == 4 ? 32 : 128)});
        addresses += to_string(hosts.back().address) + "\n";
    }
    Evaluators engines(kIp, addresses);
    check_all(engines, hosts, random);
    Evaluators none(kIp, "# nobody\n");
    check_all(none, {}, random);
}

TEST_CASE("sets of tuples") {
    Random random(9);
    std::vector<std::pair<IpPrefix, std::uint16_t>> entries;
    std::string hosts, nets;
    for (int i = 0; i < 300; ++i) {
        const auto version = static_cast<std::uint8_t>(i % 2 == 0 ? 4 : 6);
        const unsigned shortest = version == 4 ? 12 : 40;
        const IpPrefix net =
            network({random_address(random, version), static_cast<std::uint8_t>(shortest + random() % 20)});
        const auto port = static_cast<std::uint16_t>(random());
        entries.push_back({net, port});
        hosts += to_string(net.address) + ", " + std::to_string(port) + "\n";
        nets += std::to_string(port) + ", " + to_string(net) + "\n";
    }
    Evaluators pairs(kIpPort, hosts), subnets(kPortNet, nets), live(kPortNet, nets, Kept::kLive);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto& [net, port] = entries[i];
        const std::uint16_t other = entries[(i + 1) % entries.size()].second;
        INFO(to_string(net) << " " << port);
        CHECK(pairs.in(frame_from(net.address, port)));
        CHECK_FALSE(pairs.in(frame_from(net.address, other)));
        CHECK_FALSE(pairs.in(frame_from(next_to(net.address, 1), port)));
        for (Evaluators* of_nets : {&subnets, &live}) {
            CHECK(of_nets->in(frame_from(net.address, port)));
            CHECK(of_nets->in(frame_from(last_address(net), port)));
            CHECK_FALSE(of_nets->in(frame_from(next_to(last_address(net), 1), port)));
            CHECK_FALSE(of_nets->in(frame_from(net.address, other)));
        }
    }
}

TEST_CASE("literals of many ranges") {
    Random random(11);
    std::vector<IpPrefix> hosts;
    std::string list;
    for (std::size_t i = 0; i < 65536; ++i) {
        hosts.push_back({random_address(random, 6), 128});
        list += (i == 0 ? "" : ", ") + to_string(hosts.back().address);
    }
    Evaluators engines("rule r { when ip.src in { " + list + " } then drop }", "");
    check_all(engines, hosts, random, 4000);
    std::string ports;
    for (int port = 10; port < 3000; port += 30)
        ports += (ports.empty() ? "" : ", ") + std::to_string(port) + ".." + std::to_string(port + 9);
    Evaluators ranges("rule r { when tcp.sport in { " + ports + " } then drop }", "");
    for (std::uint64_t port = 0; port < 3100; ++port) {
        INFO(port);
        CHECK(ranges.in(frame_with(kPort, port)) == (port >= 10 && port < 3000 && (port - 10) % 30 < 10));
    }
}

TEST_CASE("a million nets") {
    constexpr std::size_t kNets = 1'000'000;
    Random random(42);
    std::vector<IpPrefix> nets;
    for (std::size_t i = 0; i < kNets; ++i) {
        const auto version = static_cast<std::uint8_t>(i % 2 == 0 ? 4 : 6);
        nets.push_back(network({random_address(random, version),
                                static_cast<std::uint8_t>(version == 4 ? 24 + random() % 9 : 48 + random() % 17)}));
    }
    Evaluators engines(kNet, list_of(nets));
    std::sort(nets.begin(), nets.end());
    CHECK(engines.entries() == static_cast<std::size_t>(std::unique(nets.begin(), nets.end()) - nets.begin()));
    check_all(engines, nets, random, 50'000);
}

TEST_CASE("set files as people have them") {
    Evaluators engines(
        kNet,
        "# a list\r\n\r\n192.0.2.1\r\n  198.51.100.0/24   # a network\n\t\n2001:db8::/32\n192.0.2.1\n203.0.113.7");
    CHECK(engines.entries() == 4);
    for (const char* text : {"192.0.2.1", "198.51.100.255", "2001:db8::9", "203.0.113.7"})
        CHECK(engines.in(frame_from(*parse_ip(text))));
    for (const char* text : {"192.0.2.2", "198.51.101.0", "2001:db9::", "203.0.113.8"})
        CHECK_FALSE(engines.in(frame_from(*parse_ip(text))));
}

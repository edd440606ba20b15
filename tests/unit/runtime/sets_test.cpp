// Sets from files, on all three engines against a search through the entries one by one.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "compiler/codegen/native.h"
#include "compiler/compiler.h"
#include "compiler/sema/evaluate.h"
#include "grammar/value.h"
#include "runtime/test_run.h"

using namespace weir;

namespace {

using Random = std::mt19937_64;

Compiled compiled_of(const std::string& type, const std::string& list) {
    Sources sources;
    Diagnostics diagnostics;
    sema::Files files;
    files.read = [&](const std::string&, std::string&) { return std::optional<std::string>(list); };
    const std::string field = type == "port" ? "udp.sport" : "ip.src";
    auto compiled = analyse(sources, "sets.rules", "set s : " + type + " from \"list\"\nrule r { when " + field + " in s then drop }\n", files, diagnostics);
    REQUIRE(compiled);
    return std::move(*compiled);
}

// UDP over the address's version.
std::vector<std::uint8_t> frame_from(const IpAddress& source, std::uint16_t port = 1) {
    const bool four = source.version == 4;
    std::vector<std::uint8_t> frame(four ? 42 : 62);
    frame[12] = four ? 0x08 : 0x86;
    frame[13] = four ? 0x00 : 0xdd;
    std::uint8_t* ip = &frame[14];
    if (four) ip[0] = 0x45, ip[3] = 28, ip[8] = 64, ip[9] = 17;
    else ip[0] = 0x60, ip[5] = 8, ip[6] = 17, ip[7] = 64;
    std::copy_n(source.bytes.begin(), four ? 4 : 16, ip + (four ? 12 : 8));
    std::uint8_t* udp = ip + (four ? 20 : 40);
    udp[0] = static_cast<std::uint8_t>(port >> 8), udp[1] = static_cast<std::uint8_t>(port);
    udp[5] = 8;
    return frame;
}

class Engines {
public:
    Engines(const std::string& type, const std::string& list) : compiled_(compiled_of(type, list)), oracle_(compiled_.policy) {
        std::string error;
        native_ = codegen::NativeEngine::create(compiled_, error);
        REQUIRE(error == "");
        if (!runtime::TestRunner::allowed()) {
            WARN("the kernel engine needs root: native engine and oracle only");
            return;
        }
        const auto object = compile(compiled_, {}, error);
        REQUIRE(error == "");
        auto runner = runtime::TestRunner::create(*object);
        if (!runner) FAIL(runner.error().message);
        kernel_ = std::move(*runner);
    }
    // What all of them say.
    bool in(const std::vector<std::uint8_t>& frame) {
        const bool native = native_->judge(frame, 0).verdict == WEIR_DROP;
        CHECK((oracle_.judge(frame, 0).verdict.kind == sema::VerdictKind::kDrop) == native);
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
    sema::Oracle oracle_;
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

std::string list_of(const std::vector<IpPrefix>& nets) {
    std::string list;
    for (const IpPrefix& net : nets) list += to_string(net) + "\n";
    return list;
}

// Every range's ends and their neighbours, of `step`th nets, and some addresses at random.
void check_all(Engines& engines, const std::vector<IpPrefix>& nets, Random& random, std::size_t step = 1) {
    std::vector<IpAddress> probes;
    for (std::size_t i = 0; i < nets.size(); i += step) {
        const IpAddress first = first_address(nets[i]), last = last_address(nets[i]);
        for (const IpAddress& probe : {next_to(first, 0xff), first, last, next_to(last, 1)}) probes.push_back(probe);
    }
    for (int i = 0; i < 50; ++i)
        for (const std::uint8_t version : {4, 6}) probes.push_back(random_address(random, version));
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
        Engines few("net", list_of(nets));
        check_all(few, nets, random);
        // The same looked up: enough ranges of either version beside them.
        for (int i = 0; i < 20; ++i) {
            nets.push_back(*parse_prefix("100.0." + std::to_string(2 * i) + ".0/24"));
            nets.push_back(*parse_prefix("2001:db8:0:" + std::to_string(2 * i) + "::/64"));
        }
        Engines many("net", list_of(nets));
        check_all(many, nets, random);
    }
}

TEST_CASE("sets of nets that nest and touch") {
    struct Shape { std::size_t count; std::uint8_t version; unsigned longest; std::size_t step; };
    for (const Shape& shape : {Shape{9, 4, 32, 1}, Shape{300, 4, 32, 1}, Shape{6000, 4, 32, 40}, Shape{9, 6, 64, 1},
                               Shape{300, 6, 65, 1}, Shape{300, 6, 128, 1}, Shape{6000, 6, 128, 40}, Shape{6000, 6, 64, 40}}) {
        Random random(shape.count + shape.longest);
        const auto nets = crowd(random, shape.count, shape.version, shape.longest);
        Engines engines("net", list_of(nets));
        check_all(engines, nets, random, shape.step);
    }
}

TEST_CASE("sets of ports and of addresses") {
    Random random(7);
    std::string list;
    std::vector<bool> member(65536);
    for (const std::size_t count : {3u, 30u, 400u, 20000u}) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t port = i == 0 ? 0 : i == 1 ? 65535 : random() % 65536;
            member[port] = true;
            list += std::to_string(port) + "\n";
        }
        Engines engines("port", list);
        for (int i = 0; i < 300; ++i) {
            const std::size_t port = i == 0 ? 0 : i == 1 ? 65535 : random() % 65536;
            INFO(count << " " << port);
            CHECK(engines.in(frame_from({}, static_cast<std::uint16_t>(port))) == member[port]);
        }
    }
    std::vector<IpPrefix> hosts;
    std::string addresses;
    for (int i = 0; i < 500; ++i) {
        const auto version = static_cast<std::uint8_t>(i % 2 == 0 ? 4 : 6);
        hosts.push_back({random_address(random, version), static_cast<std::uint8_t>(version == 4 ? 32 : 128)});
        addresses += to_string(hosts.back().address) + "\n";
    }
    Engines engines("ip", addresses);
    check_all(engines, hosts, random);
}

TEST_CASE("a million nets") {
    constexpr std::size_t kNets = 1'000'000;
    Random random(42);
    std::vector<IpPrefix> nets;
    for (std::size_t i = 0; i < kNets; ++i) {
        const auto version = static_cast<std::uint8_t>(i % 2 == 0 ? 4 : 6);
        nets.push_back(network({random_address(random, version), static_cast<std::uint8_t>(version == 4 ? 24 + random() % 9 : 48 + random() % 17)}));
    }
    Engines engines("net", list_of(nets));
    std::sort(nets.begin(), nets.end());
    CHECK(engines.entries() == static_cast<std::size_t>(std::unique(nets.begin(), nets.end()) - nets.begin()));
    check_all(engines, nets, random, 50'000);
}

TEST_CASE("set files as people have them") {
    Engines engines("net", "# a list\r\n\r\n192.0.2.1\r\n  198.51.100.0/24   # a network\n\t\n2001:db8::/32\n192.0.2.1\n203.0.113.7");
    CHECK(engines.entries() == 4);
    for (const char* text : {"192.0.2.1", "198.51.100.255", "2001:db8::9", "203.0.113.7"}) CHECK(engines.in(frame_from(*parse_ip(text))));
    for (const char* text : {"192.0.2.2", "198.51.101.0", "2001:db9::", "203.0.113.8"}) CHECK_FALSE(engines.in(frame_from(*parse_ip(text))));
}

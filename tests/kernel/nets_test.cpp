// Sets of nets that `weir set` fills: runtime::LiveSet is what it works with.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "grammar/base/seeded.h"
#include "grammar/value.h"
#include "runtime/engine/accounts.h"
#include "runtime/state/live_set.h"
#include "tests/kernel/trial.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using namespace std::chrono_literals;

namespace {

constexpr const char* kPolicy = "set bad : net size 100 rule bad { when ip.src in bad then drop }";

struct Running {
    explicit Running(const std::string& policy) {
        auto started = Engine::start(compiled(policy), on("b0"));
        REQUIRE(started);
        engine = std::move(*started);
    }
    runtime::LiveSet set(const std::string& name = "bad") const {
        auto found = engine->set(name);
        REQUIRE(found);
        return std::move(*found);
    }
    void add(const std::vector<std::string>& nets, std::chrono::nanoseconds lasts = 0s) const {
        auto added = set().add(nets, static_cast<std::uint64_t>(lasts.count()));
        REQUIRE(added);
        REQUIRE(added->added == nets.size());
    }
    std::vector<std::string> members() const {
        const auto entries = *set().list();
        std::vector<std::string> values;
        for (const auto& entry : entries) values.push_back(entry.value);
        std::sort(values.begin(), values.end());
        return values;
    }
    // Frames come from 10.0.0.1: are those to ports 20 and 9 dropped now?
    bool drops() {
        const std::uint64_t before = rule(status_of(*engine), "bad").packets;
        wire.send(udp(20));
        wire.send(udp(9));
        std::uint64_t now = before;
        for (int i = 0; i < 200 && now < before + 2; ++i) {
            std::this_thread::sleep_for(1ms);
            now = rule(status_of(*engine), "bad").packets;
        }
        return now == before + 2;
    }
    std::unique_ptr<Engine> engine{};
    Wire wire{};
};

}  // namespace

TEST_CASE("an address is in a set of nets as long as any net around it is", "[nets]") {
    Running running(kPolicy);
    CHECK_FALSE(running.drops());
    running.add({"10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32", "10.0.0.2", "0.0.0.0/8"});
    CHECK(running.drops());
    CHECK(*running.set().remove({"10.0.0.0/9"}) == 1);
    CHECK_FALSE(running.drops());
    CHECK(*running.set().remove({"10.0.0.0/9", "10.0.0.0/10"}) == 0);
    running.add({"0.0.0.0/0"});
    CHECK(running.drops());
    CHECK(*running.set().remove({"0.0.0.0/0"}) == 1);
    running.add({"::/0"});
    CHECK_FALSE(running.drops());
    running.add({"10.0.0.1"});
    CHECK(running.drops());
    CHECK(*running.set().remove({"10.0.0.1/32"}) == 1);
    CHECK_FALSE(running.drops());
    CHECK(running.members() ==
          std::vector<std::string>{"0.0.0.0/8", "10.0.0.2", "10.128.0.0/9", "2001:db8::/32", "::/0"});
}

TEST_CASE("a longer prefix that has ended hides no shorter one, and the other way round", "[nets]") {
    Running running(kPolicy);
    running.add({"10.0.0.0/24", "10.0.0.1"}, 300ms);
    running.add({"10.0.0.0/8"}, 1h);
    CHECK(running.drops());
    std::this_thread::sleep_for(400ms);
    CHECK(running.drops());
    CHECK(running.members() == std::vector<std::string>{"10.0.0.0/8"});
    running.add({"10.0.0.0/8"}, 300ms);
    running.add({"10.0.0.0/31"}, 1h);
    std::this_thread::sleep_for(400ms);
    CHECK(running.drops());
    running.add({"10.0.0.0/31"}, 1ms);
    std::this_thread::sleep_for(100ms);
    CHECK_FALSE(running.drops());
}

TEST_CASE("a net of each length is found among many others, and no longer once it is removed", "[nets]") {
    Running running("set bad : net size 2000 rule bad { when ip.src in bad then drop }");
    Seeded random(7);
    std::vector<std::string> others;
    for (int i = 0; i < 1900; ++i) {
        const IpAddress address =
            *parse_ip(fmt::format("{}.{}.{}.{}", 11 + random() % 200, random() % 256, random() % 256, random() % 256));
        others.push_back(to_string(network({address, static_cast<std::uint8_t>(8 + random() % 25)})));
    }
    REQUIRE(running.set().add(others, 0));
    CHECK_FALSE(running.drops());
    for (std::uint8_t length = 0; length <= 32; ++length) {
        const std::string net = to_string(network({*parse_ip("10.0.0.1"), length}));
        INFO(net);
        running.add({net});
        CHECK(running.drops());
        CHECK(*running.set().remove({net}) == 1);
    }
    CHECK_FALSE(running.drops());
}

TEST_CASE("an IPv6 net of each length is found among many others, and packets around it are in none", "[nets]") {
    const bpf::Object object = compiled("set bad : net size 4000 rule bad { when ip.src in bad then drop }");
    const runtime::Program program = loaded(object, 0);
    const bpf::SetInfo& info = object.manifest.sets.front();
    runtime::SetChanger changer;
    const auto set = runtime::LiveSet::open(info, program.state().fd(info.identity), &changer);
    REQUIRE(set);
    // UDP from that address, or from one that differs from it in a bit, the first being 0.
    const std::string text = "20a5:5a0f:c3d2:e1b4:8796:a578:69ff:0001";
    const IpAddress address = *parse_ip(text);
    const auto frame = [&](std::optional<unsigned> bit) {
        Frame bytes(14 + 40 + 8);
        bytes[12] = 0x86, bytes[13] = 0xdd, bytes[14] = 0x60, bytes[19] = 8, bytes[20] = 17, bytes[21] = 64;
        for (std::size_t i = 0; i < 16; ++i) bytes[22 + i] = address.bytes[i];
        if (bit) bytes[22 + *bit / 8] = static_cast<std::uint8_t>(bytes[22 + *bit / 8] ^ 0x80 >> *bit % 8);
        bytes[38] = 0x20, bytes[57] = 53, bytes[59] = 8;
        return bytes;
    };
    const auto matched = [&] {
        bpf::Manifest manifest;
        manifest.rules.resize(1);
        const auto counts = runtime::read_counts(program, manifest);
        REQUIRE(counts);
        return counts->rows[0].packets;
    };
    const auto drops = [&](std::optional<unsigned> bit) {
        const std::uint64_t before = matched();
        run(program, frame(bit), 1);
        return matched() - before == 1;
    };
    Seeded random(9);
    std::vector<std::string> others;
    for (int i = 0; i < 3'000; ++i) {
        std::string other = "d";  // no bit of the address makes one of it
        for (int digit = 1; digit < 32; ++digit)
            other += fmt::format("{}{:x}", digit % 4 == 0 ? ":" : "", random() % 16);
        others.push_back(to_string(network({*parse_ip(other), static_cast<std::uint8_t>(8 + random() % 121)})));
    }
    REQUIRE(set->add(others, 0));
    CHECK_FALSE(drops(std::nullopt));
    for (unsigned length = 0; length <= 128; ++length) {
        const std::string net = to_string(network({address, static_cast<std::uint8_t>(length)}));
        INFO(net);
        const auto added = set->add({net}, 0);
        REQUIRE(added);
        REQUIRE(added->added == 1);
        CHECK(drops(std::nullopt));
        if (length > 0) CHECK_FALSE(drops(length - 1));
        if (length < 128) CHECK(drops(length));
        CHECK(*set->remove({net}) == 1);
        CHECK_FALSE(drops(std::nullopt));
    }
}

TEST_CASE("a set of nets has its size, takes its nets along, and refuses what is none", "[nets]") {
    Running running(kPolicy);
    std::vector<std::string> nets;
    for (int i = 0; i < 150; ++i) nets.push_back(fmt::format("192.168.{}.0/{}", i, 24 + i % 8));
    auto added = running.set().add(nets, 0);
    REQUIRE(added);
    CHECK(added->added == 100);
    CHECK(added->refused == 50);
    CHECK(*running.set().count() == 100);
    const auto wrong = [&](const std::string& net) {
        auto refused = running.set().add({net}, 0);
        REQUIRE(!refused);
        return refused.error().message;
    };
    CHECK(wrong("10.0.0.1/8") == "`10.0.0.1/8` has host bits set: the network is 10.0.0.0/8");
    CHECK(wrong("2001:db8::1/64") == "`2001:db8::1/64` has host bits set: the network is 2001:db8::/64");
    for (const char* net : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8", "10.0/8", "10.0.0.0/8/8", ""})
        CHECK_THAT(wrong(net), Catch::EndsWith("is no network"));
    CHECK(*running.set().remove(nets) == 100);
    running.add({"10.0.0.0/8", "2001:db8::/33"});
    REQUIRE(
        running.engine->swap(compiled("set first : net set bad : net size 50 rule bad { when ip.src in bad then drop } "
                                      "rule also { when ip.dst in first then drop }")));
    CHECK(running.members() == std::vector<std::string>{"10.0.0.0/8", "2001:db8::/33"});
    CHECK(running.drops());
    // Another type is another set.
    REQUIRE(running.engine->swap(compiled("set bad : ip size 50 rule bad { when ip.src in bad then drop }")));
    CHECK(running.members().empty());
}

TEST_CASE("nets in tuples, wherever they stand", "[nets]") {
    Running running(
        "set bad : (port, net) set wide : (ip, net, u8) rule bad { when (udp.dport, ip.src) in bad or (ip.dst, ip.src, "
        "ip.ttl) in wide then drop }");
    running.add({"20, 10.0.0.0/8", "9, 10.0.0.0/30", "9, 0.0.0.0/0", "80, 2001:db8::/32"});
    CHECK(running.drops());
    CHECK(*running.set().remove({"20, 10.0.0.0/8"}) == 1);
    CHECK_FALSE(running.drops());
    auto wide = running.set("wide");
    REQUIRE(wide.add({"10.0.0.2, 10.0.0.0/25, 64", "10.0.0.3, 0.0.0.0/0, 64"}, 0));
    CHECK(running.drops());
    REQUIRE(wide.remove({"10.0.0.2, 10.0.0.0/25, 64"}));
    CHECK_FALSE(running.drops());
    CHECK(wide.list()->front().value == "10.0.0.3, 0.0.0.0/0, 64");
}

TEST_CASE("packets add and remove their network; a reload keeps it, and adds what the policy begins with again",
          "[nets]") {
    const std::string policy =
        "set bad : net size 100 ttl 1h = { 192.0.2.0/24, 2001:db8::/48 } "
        "rule ban { when udp.dport == 7 then add ip.src/24 to bad } "
        "rule wide { when udp.dport == 6 then add ip.src/8 to bad for 2h } "
        "rule unban { when udp.dport == 8 then remove ip.src/24 from bad } "
        "rule bad { when ip.src in bad then drop } ";
    Running running(policy);
    const auto change = [&](std::uint16_t port) {
        running.wire.send(udp(port));
        running.drops();  // waits until both are judged
    };
    CHECK_FALSE(running.drops());
    change(7);
    CHECK(running.drops());
    CHECK(running.members() == std::vector<std::string>{"10.0.0.0/24", "192.0.2.0/24", "2001:db8::/48"});
    CHECK(*running.set().remove({"192.0.2.0/24"}) == 1);
    REQUIRE(running.engine->swap(compiled(policy + "rule other { when tcp.dport == 9 then drop }")));
    CHECK(running.members() == std::vector<std::string>{"10.0.0.0/24", "192.0.2.0/24", "2001:db8::/48"});
    CHECK(running.drops());
    change(6);
    change(8);
    CHECK(running.members() == std::vector<std::string>{"10.0.0.0/8", "192.0.2.0/24", "2001:db8::/48"});
    CHECK(running.drops());
    CHECK(*running.set().remove({"10.0.0.0/8"}) == 1);
    CHECK_FALSE(running.drops());
}

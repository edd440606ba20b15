#include <catch2/catch.hpp>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::AttachMode;
using runtime::Engine;

namespace {
constexpr const char* kPolicy = "rule bad { when udp.dport == 9 then drop }";
}

TEST_CASE("native and generic: drops, passes, counts", "[attach]") {
    const AttachMode mode = GENERATE(AttachMode::kAuto, AttachMode::kNative, AttachMode::kGeneric);
    auto options = on("b0");
    options.mode = mode;
    std::set<std::string> things;
    {
        auto engine = Engine::start(compiled(kPolicy), options);
        REQUIRE(engine);
        things = held();
        Wire wire;
        wire.send(udp(9), 5);
        wire.send(udp(10), 7);
        CHECK(wire.passed(10, 7) == 7);
        CHECK(wire.passed(9, 7) == 0);
        const auto status = status_of(**engine);
        CHECK(status.name == "b0");
        CHECK(status.in_force.policy == "test");
        CHECK(status.in_force.generation == 1);
        REQUIRE(status.interfaces.size() == 1);
        CHECK(status.interfaces[0].mode == (mode == AttachMode::kGeneric ? mode : AttachMode::kNative));
        CHECK(rule(status, "bad").packets == 5);
        CHECK(rule(status, "bad").bytes == 5 * udp(9).size());
        CHECK(status.default_.packets == 7);
        CHECK(status.malformed.packets == 0);
    }
    CHECK(things.size() >= 3);
    CHECK_FALSE(has_program("b0"));
    CHECK(are_gone(things));
}

TEST_CASE("auto falls back to generic mode and says so", "[attach]") {
    auto options = on("lo");
    std::string said;
    options.on_notice = [&](const std::string& sentence) { said += sentence; };
    {
        auto engine = Engine::start(compiled(kPolicy), options);
        REQUIRE(engine);
        CHECK(status_of(**engine).interfaces[0].mode == AttachMode::kGeneric);
        CHECK_THAT(said, Catch::Contains("lo") && Catch::Contains("generic mode"));
    }
    options.mode = AttachMode::kNative;
    auto refused = Engine::start(compiled(kPolicy), options);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("lo in native mode"));
    CHECK_FALSE(has_program("lo"));
}

TEST_CASE("an interface whose packets have no Ethernet header is refused", "[attach]") {
    const runtime::UniqueFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (!tun) {
        WARN("no /dev/net/tun here: " << std::strerror(errno));
        return;
    }
    ifreq request{};
    std::strncpy(request.ifr_name, "tun0", IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    REQUIRE(ioctl(tun.get(), TUNSETIFF, &request) == 0);
    auto refused = Engine::start(compiled(kPolicy), on("tun0"));
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("tun0 have no Ethernet header"));
    CHECK_FALSE(refused.error().help.empty());
    CHECK_FALSE(has_program("tun0"));
}

TEST_CASE("an interface that is taken is refused, with the reason; the first one stays in force", "[attach]") {
    auto first = Engine::start(compiled(kPolicy), on("b0"));
    REQUIRE(first);
    const std::size_t fds = open_fds();
    const AttachMode mode = GENERATE(AttachMode::kAuto, AttachMode::kNative, AttachMode::kGeneric);
    auto options = on("b0");
    options.mode = mode;
    auto second = Engine::start(compiled("default drop"), options);
    REQUIRE_FALSE(second);
    CHECK(second.error().number == EBUSY);
    CHECK_THAT(second.error().message,
               Catch::Contains("XDP on b0 is taken by another weir") && Catch::Contains("held by test_kernel"));
    CHECK_FALSE(second.error().help.empty());
    CHECK(open_fds() == fds);
    Wire wire;
    wire.send(udp(10));
    CHECK(wire.passed(10, 1) == 1);
}

TEST_CASE("all interfaces or none", "[attach]") {
    auto other = Engine::start(compiled(kPolicy), on("b1"));
    REQUIRE(other);
    const std::size_t fds = open_fds();
    auto options = on("b0");
    SECTION("one is taken") { options.interfaces.push_back("b1"); }
    SECTION("one does not exist") { options.interfaces.push_back("nowhere0"); }
    SECTION("one is named twice") { options.interfaces.push_back("b0"); }
    CHECK_FALSE(Engine::start(compiled(kPolicy), options));
    CHECK_FALSE(has_program("b0"));
    CHECK(has_program("b1"));
    CHECK(open_fds() == fds);
}

TEST_CASE("one engine on two interfaces: one policy, one swap, iface told apart", "[attach]") {
    auto options = on("b0");
    options.interfaces.push_back("b1");
    auto engine = Engine::start(compiled("rule first { when iface == \"b0\" and udp then drop }"), options);
    REQUIRE(engine);
    Wire zero, one("a1", "b1");
    zero.send(udp(10), 3);
    one.send(udp(10), 4);
    CHECK(one.passed(10, 4) == 4);
    CHECK(zero.passed(10, 0) == 0);
    CHECK(rule(status_of(**engine), "first").packets == 3);
    REQUIRE((*engine)->swap(compiled("rule second { when iface ends_with \"1\" and udp then drop }")));
    zero.send(udp(10), 3);
    one.send(udp(10), 4);
    CHECK(zero.passed(10, 3) == 3);
    CHECK(one.passed(10, 4) == 4);
    CHECK(rule(status_of(**engine), "second").packets == 4);
}

TEST_CASE("VLAN offload is off while a policy reads tags, and on again after", "[attach]") {
    // True where the offload was on; leaves it on.
    const auto was_on = [] {
        auto on = runtime::disable_vlan_offload("b0");
        REQUIRE(on);
        if (*on) REQUIRE(runtime::enable_vlan_offload("b0"));
        return *on;
    };
    REQUIRE(was_on());
    std::string said;
    auto options = on("b0");
    options.on_notice = [&](const std::string& sentence) { said += sentence; };
    const bool from_the_start = GENERATE(true, false);
    {
        constexpr const char* kTagged = "rule guests { when vlan.id == 7 then drop }";
        auto engine = Engine::start(compiled(from_the_start ? kTagged : kPolicy), options);
        REQUIRE(engine);
        if (!from_the_start) REQUIRE((*engine)->swap(compiled(kTagged)));
        CHECK_FALSE(was_on());
        CHECK_THAT(said, Catch::Contains("b0: rx VLAN offload is off"));
        Wire wire;
        wire.send(tagged(7, 10), 2);
        wire.send(tagged(8, 10), 3);
        wire.passed(10, 3);
        CHECK(wire.passed_in_all() == 3);
        CHECK(rule(status_of(**engine), "guests").packets == 2);
    }
    CHECK(was_on());
}

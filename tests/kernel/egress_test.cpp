// Packets on their way out: what is sent on b0 is judged there, and comes in on a0 where it passes.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "compiler/compiler.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/hook.h"
#include "runtime/engine/pins.h"
#include "runtime/kernel.h"
#include "tests/kernel/trial.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;

namespace {

constexpr const char* kBoth =
    "rule comes { when udp.dport == 9 then drop } rule goes { egress when udp.dport == 10 then drop }";
constexpr const char* kOther =
    "rule goes { egress when udp.dport == 11 then drop } rule comes { when udp.dport == 12 then drop }";
constexpr const char* kIn = "rule comes { when udp.dport == 9 then drop }";

struct Wires {
    Wire in{"a0", "b0"}, out{"b0", "a0"};
    // Sends ports 9 to 12 each way. What passed, as bits of the ports: in, then out.
    std::string sent() {
        std::string ports;
        for (auto* wire : {&in, &out}) {
            std::uint64_t before[4] = {};
            for (std::uint16_t i = 0; i < 4; ++i) before[i] = wire->passed(static_cast<std::uint16_t>(9 + i), 0);
            const std::uint64_t marks = wire->passed(99, 0);
            for (std::uint16_t i = 0; i < 4; ++i) wire->send(udp(static_cast<std::uint16_t>(9 + i)));
            wire->send(udp(99));  // passes: nothing is under way behind it
            for (int i = 0; i < 5000 && wire->passed(99, 0) == marks; ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            for (std::uint16_t i = 0; i < 4; ++i)
                ports += wire->passed(static_cast<std::uint16_t>(9 + i), 0) > before[i] ? '1' : '0';
            ports += wire == &in ? " " : "";
        }
        return ports;
    }
};

std::size_t on_egress(const std::string& interface) {
    auto on = runtime::kEgressHook.query(if_nametoindex(interface.c_str()));
    REQUIRE(on);
    return on->programs.size();
}

std::unique_ptr<Engine> started(const std::string& policy, runtime::EngineOptions options = on("b0")) {
    auto engine = Engine::start(compiled(policy), std::move(options));
    INFO((engine ? "" : engine.error().message));
    REQUIRE(engine);
    return std::move(*engine);
}

runtime::EngineOptions pinned() {
    auto options = on("b0");
    options.name = "out";
    options.lifetime = runtime::Lifetime::kPinned;
    return options;
}

template <typename Life>
void killed_engine(const std::string& policy, const Life& life) {
    const auto object = compiled(policy);
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        auto engine = Engine::start(object, pinned());
        if (!engine) _exit(1);
        life(**engine);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE(waitpid(process, &how, 0) == process);
    REQUIRE((WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
}

void run(const std::string& command) { REQUIRE(std::system(command.c_str()) == 0); }

}  // namespace

TEST_CASE("one store puts both directions in force, takes them back and confirms them", "[egress]") {
    auto options = on("b0");
    options.mode = GENERATE(runtime::AttachMode::kNative, runtime::AttachMode::kGeneric);
    auto engine = started(kBoth, options);
    Wires wires;
    CHECK(wires.sent() == "0111 1011");
    REQUIRE(engine->swap(compiled(kOther)));
    CHECK(wires.sent() == "1110 1101");
    REQUIRE(engine->rollback());
    CHECK(wires.sent() == "0111 1011");
    REQUIRE(engine->swap(compiled(kOther), {.confirm_within_ms = 60'000}));
    CHECK(wires.sent() == "1110 1101");
    REQUIRE(engine->confirm());
    CHECK(wires.sent() == "1110 1101");
    REQUIRE(engine->swap(compiled(kBoth), {.confirm_within_ms = 50}));
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    // The kernel goes back by itself, whichever way the first packet goes.
    CHECK(wires.sent() == "1110 1101");
    const auto status = status_of(*engine);
    CHECK(status.auto_rollbacks == 1);
    CHECK(rule(status, "goes").direction == bpf::Direction::kOut);
    CHECK(rule(status, "comes").direction == bpf::Direction::kIn);
    CHECK(rule(status, "goes").packets == 6);
    CHECK(rule(status, "goes").bytes == 6 * udp(9).size());
    REQUIRE(status.default_egress);
    CHECK(status.default_egress->packets == 6 * 4);
    CHECK(status.interfaces[0].egress == true);
    engine->detach();
    CHECK(on_egress("b0") == 0);
    CHECK(wires.sent() == "1111 1111");
}

TEST_CASE("a packet that leaves while the policies change meets one of them", "[egress]") {
    auto engine = started(kBoth);
    Wires wires;
    for (int i = 0; i < 20; ++i) {
        REQUIRE(engine->swap(compiled(i % 2 == 0 ? kOther : kBoth)));
        CHECK(wires.sent() == (i % 2 == 0 ? "1110 1101" : "0111 1011"));
    }
}

TEST_CASE("the egress hook is attached while some policy in a slot needs it", "[egress]") {
    auto engine = started(kIn);
    Wires wires;
    CHECK(on_egress("b0") == 0);
    CHECK_FALSE(status_of(*engine).interfaces[0].egress);
    CHECK_FALSE(status_of(*engine).default_egress);
    REQUIRE(engine->swap(compiled(kBoth), {.confirm_within_ms = 60'000}));
    CHECK(on_egress("b0") == 1);
    CHECK(wires.sent() == "0111 1011");
    REQUIRE(engine->rollback());  // nothing to go back to needs it, and the next may come at any time
    CHECK(wires.sent() == "0111 1111");
    status_of(*engine);
    CHECK(on_egress("b0") == 0);
    REQUIRE(engine->swap(compiled(kBoth)));
    REQUIRE(engine->swap(compiled(kIn)));
    status_of(*engine);
    CHECK(on_egress("b0") == 1);  // rollback() goes back to one that needs it
    CHECK(wires.sent() == "0111 1111");
    REQUIRE(engine->rollback());
    CHECK(wires.sent() == "0111 1011");
}

TEST_CASE("a policy that cannot be loaded leaves no egress hook", "[egress]") {
    auto engine = started(kIn);
    auto bad = compiled(kBoth);
    bad.egress_elf.resize(100);
    REQUIRE_FALSE(engine->swap(bad));
    CHECK(on_egress("b0") == 0);
    Wires wires;
    CHECK(wires.sent() == "0111 1111");
}

TEST_CASE("state, sets, alerts and interfaces are shared by both directions", "[egress]") {
    std::vector<runtime::Event> events;
    auto options = hearing(events);
    options.interfaces = {"b0", "b1"};
    auto engine = started(
        "set asked : port size 100 "
        "rule answers { when udp.dport in asked then pass } "
        "rule others { when udp then alert unasked, drop } "
        "rule asks { egress when udp.dport == 10 and iface == \"b0\" then add udp.dport to asked, alert left } "
        "rule held { egress when udp.dport == 12 and count(in 1h) > 2 then drop } "
        "alert unasked { message \"{iface}\" } alert left { message \"by {iface}, {rx_queue}\" }",
        options);
    Wires wires;
    Wire in1("a1", "b1"), out1("b1", "a1");
    wires.in.send(udp(10));
    wires.out.send(udp(10));
    wires.in.send(udp(10));
    CHECK(wires.out.passed(10, 1) == 1);
    CHECK(wires.in.passed(10, 1) == 1);
    CHECK(poll_events(*engine, 2) == 2);
    REQUIRE(events.size() == 2);
    CHECK(events[0].message == "b0");
    CHECK(events[1].message.starts_with("by b0, "));
    CHECK(events[1].message.find('0', 6) == std::string::npos);  // no receive queue has had it
    out1.send(udp(10));                                          // another interface: not by this rule
    out1.send(udp(12), 2);
    wires.out.send(udp(12), 2);
    CHECK(out1.passed(12, 3) == 2);
    CHECK(wires.out.passed(12, 1) == 0);
    const auto status = status_of(*engine);
    CHECK(rule(status, "asks").packets == 1);
    CHECK(rule(status, "held").packets == 2);
    CHECK((status.interfaces[0].egress == true && status.interfaces[1].egress == true));
    CHECK(alert(status, "left").matched == 1);
    CHECK(alert(status, "unasked").matched == 1);
}

TEST_CASE("an engine that observes drops nothing on the way out", "[egress]") {
    Sources sources;
    Diagnostics diagnostics;
    const auto policy = analyse(sources, "test.rules", std::string(kBoth) + " default egress drop", {}, diagnostics);
    REQUIRE(policy);
    auto object = compile(*policy, {.observe = true});
    REQUIRE(object);
    auto engine = Engine::start(*object, on("b0"));
    REQUIRE(engine);
    Wires wires;
    CHECK(wires.sent() == "1111 1111");
    CHECK(rule(status_of(**engine), "goes").packets == 1);
}

TEST_CASE("a killed engine leaves both directions in force; the next goes on with them", "[egress]") {
    killed_engine(kIn, [](Engine& engine) {
        static_cast<void>(engine.swap(compiled(kBoth)));
        static_cast<void>(engine.swap(compiled(kOther)));
    });
    Wires wires;
    CHECK(wires.sent() == "1110 1101");
    CHECK(on_egress("b0") == 1);
    {
        auto engine = started(kOther, pinned());
        const auto status = status_of(*engine);
        CHECK(rule(status, "goes").packets == 1);
        CHECK(status.default_egress->packets == 4);
        CHECK(wires.sent() == "1110 1101");
        CHECK(on_egress("b0") == 1);
        REQUIRE(engine->rollback());
        REQUIRE(engine->rollback());
        CHECK(wires.sent() == "0111 1011");
        REQUIRE(engine->rollback());
        CHECK(wires.sent() == "0111 1111");
    }
    CHECK(on_egress("b0") == 0);
    CHECK_FALSE(std::filesystem::exists(std::string(runtime::kPinRoot) + "/out"));
}

TEST_CASE("one that was killed with nothing on the way out is followed by one that judges it", "[egress]") {
    killed_engine(kIn, [](Engine&) {});
    auto engine = started(kBoth, pinned());
    Wires wires;
    CHECK(wires.sent() == "0111 1011");
    REQUIRE(engine->rollback());
    CHECK(wires.sent() == "0111 1111");
}

TEST_CASE("a candidate is compared both ways", "[egress]") {
    std::vector<std::string> samples;
    auto options = on("b0");
    options.on_disagreement = [&](const runtime::Disagreement& one) {
        samples.push_back(one.live + " / " + one.candidate);
    };
    SECTION("both judge packets on their way out") {
        auto engine = started(kBoth, options);
        REQUIRE(engine->shadow(compiled(kOther), {"next.rules", {}}));
        Wires wires;
        CHECK(wires.sent() == "0111 1011");
        const auto status = status_of(*engine);
        REQUIRE(status.shadow);
        CHECK(status.shadow->disagreements == 4);
        CHECK(status.shadow->packets == 10);
        REQUIRE(engine->poll(0));
        CHECK(samples == std::vector<std::string>{"drop by comes / pass by default", "pass by default / drop by comes",
                                                  "drop by goes / pass by default egress",
                                                  "pass by default egress / drop by goes"});
        REQUIRE(engine->promote());
        CHECK(wires.sent() == "1110 1101");
    }
    SECTION("only the candidate does") {
        auto engine = started(kIn, options);
        REQUIRE(engine->shadow(compiled(kBoth), {"next.rules", {}}));
        Wires wires;
        CHECK(wires.sent() == "0111 1111");
        REQUIRE(engine->poll(0));
        CHECK(samples == std::vector<std::string>{"pass by default egress / drop by goes"});
        engine->end_shadow();
        CHECK(on_egress("b0") == 0);
    }
    SECTION("only the policy in force does") {
        auto engine = started(kBoth, options);
        REQUIRE(engine->shadow(compiled(kIn), {"next.rules", {}}));
        Wires wires;
        CHECK(wires.sent() == "0111 1011");
        REQUIRE(engine->poll(0));
        CHECK(samples == std::vector<std::string>{"drop by goes / pass by default egress"});
        CHECK(rule(status_of(*engine), "goes").packets == 1);
    }
}

TEST_CASE("what others do to the egress hook is repaired and said", "[egress]") {
    std::string said;
    auto options = on("b0");
    options.on_notice = [&](const std::string& sentence) { said += sentence + "\n"; };
    auto engine = started(kBoth, options);
    Wires wires;
    // Links are of all namespaces, and other tests have a `b0` of this index: ours is the one with our program.
    const auto ours = runtime::kEgressHook.query(if_nametoindex("b0"));
    REQUIRE((ours && ours->programs.size() == 1));
    std::uint32_t id = 0;
    for (std::uint32_t next = 0; id == 0 && bpf_link_get_next_id(next, &next) == 0;) {
        const runtime::UniqueFd link(bpf_link_get_fd_by_id(next));
        bpf_link_info info{};
        __u32 length = sizeof(info);
        if (link && bpf_obj_get_info_by_fd(link.get(), &info, &length) == 0 &&
            info.type == runtime::kEgressHook.link_type && info.prog_id == ours->programs.front())
            id = next;
    }
    REQUIRE(id != 0);
    REQUIRE(bpf_link_detach(runtime::UniqueFd(bpf_link_get_fd_by_id(id)).get()) == 0);
    CHECK(on_egress("b0") == 0);
    CHECK(status_of(*engine).interfaces[0].egress == true);
    CHECK_THAT(said, Catch::Contains("b0: its program on the egress hook has been detached; it is back"));
    CHECK(wires.sent() == "0111 1011");
}

TEST_CASE("an interface that goes and comes back is judged both ways again", "[egress]") {
    const auto make = [] {
        run("ip link add x0 type veth peer name y0 && ip link set x0 arp off up && ip link set y0 arp off up");
    };
    make();
    auto options = on("y0");
    options.lifetime = GENERATE(runtime::Lifetime::kProcess, runtime::Lifetime::kPinned);
    auto engine = started(kBoth, options);
    run("ip link del x0");
    REQUIRE(engine->poll(1000));
    CHECK_FALSE(status_of(*engine).interfaces[0].attached);
    CHECK(status_of(*engine).interfaces[0].egress == false);
    make();
    for (int i = 0; i < 100 && status_of(*engine).interfaces[0].egress != true; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(on_egress("y0") == 1);
    Wire out("y0", "x0");
    out.send(udp(10));
    out.send(udp(11));
    CHECK(out.passed(11, 1) == 1);
    CHECK(out.passed(10, 1) == 0);
    run("ip link del x0");
}

namespace {

// A program before weir's that puts a tag beside the frame, as a VLAN device does.
runtime::UniqueFd tagging(const std::string& interface, int vlan) {
    const bpf_insn code[] = {
        {BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0x0081},  // ETH_P_8021Q in network byte order
        {BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, vlan},   {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_vlan_push},
        {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -1},     {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    };
    const runtime::UniqueFd program(
        bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tagging", "GPL", code, std::size(code), nullptr));
    REQUIRE(program);
    constexpr std::uint32_t kBefore = 1u << 3;  // BPF_F_BEFORE
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = kBefore);
    runtime::UniqueFd link(bpf_link_create(program.get(), static_cast<int>(if_nametoindex(interface.c_str())),
                                           runtime::kEgressHook.attach_type, &opts));
    REQUIRE(link);
    return link;
}

}  // namespace

TEST_CASE("a tag beside the frame is a tag of the frame", "[egress]") {
    auto engine = started(
        "rule seven { egress when vlan.id == 7 and vlan.pcp == 5 and vlan.depth == 1 and packet.len == 50 and "
        "udp.dport == 10 then drop } "
        "rule two { egress when vlan.id == 7 and vlan.inner_id == 8 and vlan.depth == 2 and udp.dport == 10 then pass "
        "} "
        "rule cut { egress when malformed then pass } rule none { egress when vlan.depth == 0 then pass } "
        "default egress drop");
    const auto link = tagging("b0", 5 << 13 | 7);
    Wire out("b0", "a0");
    out.send(udp(10));
    out.send(tagged(8, 10));
    Frame three = tagged(9, 10);
    const Frame tag{0x81, 0, 0, 8};
    three.insert(three.begin() + 12, tag.begin(), tag.end());
    out.send(three);
    CHECK(out.passed_in_all() == 0);
    out.passed(10, 2);
    CHECK(out.passed_in_all() == 2);
    const auto status = status_of(*engine);
    CHECK(rule(status, "seven").packets == 1);
    CHECK(rule(status, "seven").bytes == 50);
    CHECK(rule(status, "two").packets == 1);
    CHECK(rule(status, "cut").packets == 1);
    CHECK(status.default_egress->packets == 0);
}

TEST_CASE("in generic mode the device's GRO is off, and on again behind it", "[egress]") {
    const auto ask = [](std::uint32_t command, std::uint32_t wanted) {
        const runtime::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ethtool_value value{command, wanted};
        ifreq request{};
        std::strcpy(request.ifr_name, "b0");
        request.ifr_data = reinterpret_cast<char*>(&value);
        REQUIRE(ioctl(fd.get(), SIOCETHTOOL, &request) == 0);
        return value.data != 0;
    };
    const auto gro = [&] { return ask(ETHTOOL_GGRO, 0); };
    ask(ETHTOOL_SGRO, 1);
    REQUIRE(gro());
    std::string said;
    auto options = on("b0");
    options.on_notice = [&](const std::string& sentence) { said += sentence + "\n"; };
    options.mode = runtime::AttachMode::kGeneric;
    {
        auto engine = started(kIn, options);
        CHECK_FALSE(gro());
        CHECK_THAT(said, Catch::Contains("b0: GRO is off while the policy is attached in generic mode"));
        // The other end of a veth pair sends merged packets all the same.
        CHECK_THAT(status_of(*engine).interfaces[0].may_be_merged, Catch::Contains("ethtool -K PEER tso off"));
    }
    CHECK(gro());
    options.mode = runtime::AttachMode::kNative;
    auto engine = started(kIn, options);
    CHECK(gro());
    CHECK(status_of(*engine).interfaces[0].may_be_merged.empty());
}

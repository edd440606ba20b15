// What others do to an engine's interfaces, links, slots and pins is noticed, repaired and reported.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "bpf/abi.h"
#include "runtime/engine/pins.h"
#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::UniqueFd;

namespace {

constexpr const char* kPolicy = "rule bad { when udp.dport == 9 then drop }";

void run(const std::string& command) { REQUIRE(std::system(command.c_str()) == 0); }

void make_pair(const std::string& near, const std::string& far) {
    run("ip link add " + near + " type veth peer name " + far + " && ip link set " + near +
        " arp off up && ip link set " + far + " arp off up");
}

// Passes everything.
UniqueFd stranger() {
    const std::array<bpf_insn, 2> program{bpf_insn{0xb7, 0, 0, 0, 2}, bpf_insn{0x95, 0, 0, 0, 0}};
    LIBBPF_OPTS(bpf_prog_load_opts, opts,
                .expected_attach_type = BPF_XDP);  // as the root's, so that they are exchanged
    UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", program.data(), program.size(), &opts));
    REQUIRE(fd);
    return fd;
}

UniqueFd pin(const std::string& engine, const std::string& name) {
    UniqueFd fd(bpf_obj_get((std::string(runtime::kPinRoot) + "/" + engine + "/" + name).c_str()));
    REQUIRE(fd);
    return fd;
}

// A pinned engine on y0, whose other end is x0.
struct Pinned {
    std::string said{};
    std::unique_ptr<Engine> engine{};

    explicit Pinned(std::vector<std::string> interfaces = {"y0"}, const std::string& policy = kPolicy) {
        if (if_nametoindex("y0") == 0) make_pair("x0", "y0");
        auto options = on("y0");
        options.interfaces = std::move(interfaces);
        options.name = "watched";
        options.lifetime = runtime::Lifetime::kPinned;
        options.on_notice = [this](const std::string& sentence) { said += sentence + "\n"; };
        auto started = Engine::start(compiled(policy), options);
        REQUIRE(started);
        engine = std::move(*started);
        CHECK(row().attached);
        CHECK(row().problem.empty());
    }
    ~Pinned() {
        engine.reset();
        for (const char* left : {"x0", "x1"})
            if (if_nametoindex(left) != 0) static_cast<void>(std::system((std::string("ip link del ") + left).c_str()));
    }
    runtime::InterfaceStatus row() { return status_of(*engine).interfaces.at(0); }
    // The next tick: what nothing announces is noticed there.
    void tick() {
        usleep(1'050'000);
        REQUIRE(engine->poll(0));
    }
};

// Does the policy judge what comes in on the other end of `near`?
void check_judges(const std::string& near, const std::string& far) {
    Wire wire(near, far);
    wire.send(udp(9), 3);
    wire.send(udp(10));
    CHECK(wire.passed(10, 1) == 1);
    CHECK(wire.passed(9, 1) == 0);
}

}  // namespace

TEST_CASE("an interface is renamed: the policy stays on it; one of its old name comes, and gets the policy",
          "[verify]") {
    Pinned one;
    const bool asks_status = GENERATE(true, false);
    run("ip link set y0 down && ip link set y0 name z0 && ip link set z0 up");
    if (!asks_status) REQUIRE(one.engine->poll(100));
    auto row = one.row();
    CHECK_FALSE(row.attached);
    CHECK_THAT(row.problem, Catch::Contains("called z0 now"));
    CHECK_FALSE(row.seen_at.empty());
    check_judges("x0", "z0");
    make_pair("x1", "y0");
    if (!asks_status) REQUIRE(one.engine->poll(1000));
    row = one.row();
    CHECK(row.attached);
    CHECK_THAT(row.problem, Catch::Contains("attached again"));
    CHECK(row.gaps == 1);
    CHECK(has_program("y0"));
    CHECK_FALSE(has_program("z0"));
    check_judges("x1", "y0");
    CHECK_THAT(one.said, Catch::Contains("y0: the interface is called z0 now"));
}

TEST_CASE("an interface has its old name again: the policy never left it", "[verify]") {
    Pinned one;
    run("ip link set y0 down && ip link set y0 name z0");
    CHECK_FALSE(one.row().attached);
    run("ip link set z0 name y0 && ip link set y0 up");
    CHECK(one.row().attached);
    CHECK(one.row().gaps == 1);
    check_judges("x0", "y0");
}

TEST_CASE("an interface moves to another network namespace; one of its name comes, and gets the policy", "[verify]") {
    Pinned one;
    const std::string space = "weirmoved" + std::to_string(getpid());
    const unsigned index = if_nametoindex("y0");
    run("ip netns add " + space + " && ip link set y0 netns " + space);
    auto row = one.row();
    CHECK_FALSE(row.attached);
    CHECK_THAT(row.problem, Catch::Contains("another network namespace"));
    // The new one may have the number of the old one.
    const bool same_number = GENERATE(true, false);
    run("ip link add name y0 " + (same_number ? "index " + std::to_string(index) : std::string()) +
        " type veth peer name x1 && ip link set y0 arp off up && ip link set x1 arp off up");
    row = one.row();
    CHECK(row.attached);
    CHECK(has_program("y0"));
    check_judges("x1", "y0");
    run("ip netns delete " + space);
}

TEST_CASE("a link is detached, or given another program: within a second it is as it was", "[verify]") {
    Pinned one;
    const UniqueFd link = pin("watched", "link-y0");
    const UniqueFd other = stranger();
    const bool asks_status = GENERATE(true, false);
    const bool detaches = GENERATE(true, false);
    REQUIRE((detaches ? bpf_link_detach(link.get()) : bpf_link_update(link.get(), other.get(), nullptr)) == 0);
    if (!asks_status) one.tick();
    const auto row = one.row();
    CHECK(row.attached);
    CHECK_THAT(row.problem, Catch::Contains(detaches ? "its program has been detached" : "given another program") &&
                                Catch::Contains("; attached again, after"));
    CHECK_FALSE(row.seen_at.empty());
    CHECK(row.gaps == 1);
    check_judges("x0", "y0");
    CHECK_THAT(one.said, Catch::Contains("y0: its"));
}

TEST_CASE("a link is detached: a reload repairs it, too", "[verify]") {
    Pinned one;
    REQUIRE(bpf_link_detach(pin("watched", "link-y0").get()) == 0);
    REQUIRE_FALSE(has_program("y0"));
    REQUIRE(one.engine->swap(compiled("rule other { when udp.dport == 9 then drop }")));
    CHECK(has_program("y0"));
    check_judges("x0", "y0");
}

TEST_CASE("somebody writes the active word: the policy is in force again", "[verify]") {
    Pinned one;
    REQUIRE(one.engine->swap(compiled(kPolicy)));
    REQUIRE(one.engine->poll(0));
    const UniqueFd word = pin("watched", "word");
    const std::uint32_t zero = 0;
    // An empty slot; one of a policy that is kept; no slot's number; the mark of an unconfirmed one.
    const auto written = GENERATE(as<std::uint32_t>(), 5u, 1u, 0xffffffffu, 8u | 7u | 6u << 4);
    weir_root root{};
    REQUIRE(bpf_map_lookup_elem(word.get(), &zero, &root) == 0);
    const weir_root before = root;
    root.active = written;
    root.abi = 1;
    REQUIRE(bpf_map_update_elem(word.get(), &zero, &root, BPF_ANY) == 0);
    const bool asks_status = GENERATE(true, false);
    if (!asks_status) one.tick();
    const auto status = status_of(*one.engine);
    CHECK(status.in_force.generation == 2);
    CHECK(status.auto_rollbacks == 0);
    REQUIRE(status.problems.size() == 1);
    CHECK_THAT(status.problems[0].problem, Catch::Contains("active word") && Catch::Contains("generation 2"));
    CHECK_FALSE(status.problems[0].seen_at.empty());
    REQUIRE(bpf_map_lookup_elem(word.get(), &zero, &root) == 0);
    CHECK((root.active == before.active && root.abi == before.abi));
    check_judges("x0", "y0");
    CHECK(rule(status_of(*one.engine), "bad").packets == 3);
}

TEST_CASE("somebody empties a slot, or puts another program there: the policy is there again", "[verify]") {
    Pinned one;
    REQUIRE(
        one.engine->swap(compiled("rule bad { when udp.dport == 9 then drop } rule b { when udp.dport == 1 then "
                                  "pass }")));
    REQUIRE(one.engine->poll(0));
    const UniqueFd slots = pin("watched", "slots");
    const UniqueFd other = stranger();
    const int other_fd = other.get();
    const bool empties = GENERATE(true, false);
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot) {
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(slots.get(), &slot, &id) != 0) continue;
        REQUIRE((empties ? bpf_map_delete_elem(slots.get(), &slot)
                         : bpf_map_update_elem(slots.get(), &slot, &other_fd, BPF_ANY)) == 0);
    }
    const auto status = status_of(*one.engine);
    CHECK(status.problems.size() == 2);  // the policy in force, and the one to go back to
    CHECK_THAT(status.problems[0].problem, Catch::Contains("generation 2") && Catch::Contains("it is back"));
    check_judges("x0", "y0");
    REQUIRE(one.engine->rollback());
    check_judges("x0", "y0");
    CHECK(rule(status_of(*one.engine), "bad").packets == 6);
}

TEST_CASE("somebody empties the slots of a comparison: it goes on", "[verify]") {
    Pinned one;
    REQUIRE(one.engine->shadow(compiled("default drop")));
    const UniqueFd shadowed = pin("watched", "shadow-1");
    for (std::uint32_t slot = 0; slot < WEIR_SHADOW_PROGRAMS; ++slot)
        REQUIRE(bpf_map_delete_elem(shadowed.get(), &slot) == 0);
    const auto status = status_of(*one.engine);
    REQUIRE(status.problems.size() == 1);
    CHECK_THAT(status.problems[0].problem, Catch::Contains("the policy in force and the candidate"));
    check_judges("x0", "y0");
    CHECK(status_of(*one.engine).shadow->disagreements == 1);
}

TEST_CASE("an interface that cannot be asked about is not taken for one that has gone", "[verify]") {
    Pinned one;
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    const auto polls = [&] {
        REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
        usleep(1'050'000);
        const bool polled = static_cast<bool>(one.engine->poll(0));
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        return polled;
    };
    CHECK(polls());
    CHECK(has_program("y0"));
    const auto row = one.row();
    INFO(row.problem << "\n" << one.said);
    CHECK(row.attached);
    CHECK(row.gaps == 0);
    CHECK(row.problem.empty());
}

TEST_CASE("an interface that nobody touches has no gap, whatever others do", "[verify]") {
    Pinned one({"y0", "b1"});
    for (int i = 0; i < 30; ++i) {
        const std::string far = "q" + std::to_string(i);
        run("ip link add p0 type veth peer name " + far +
            " && ip link set p0 up && ip link set p0 mtu 1400 && ip link "
            "del p0");
        if (i % 10 == 0)
            run("ip link set b1 down && ip link set b1 name c1 && ip link set c1 name b1 && ip link set b1 up");
        REQUIRE(one.engine->poll(0));
    }
    CHECK(one.row().gaps == 0);
    CHECK(one.row().problem.empty());
}

// Tables of sets: what a new one gets of an old one, and what a head is worth that others can write.
#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <algorithm>

#include "bpf/table.h"
#include "runtime/engine/program.h"
#include "runtime/state/state_count.h"
#include "runtime/state/state_table.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;

TEST_CASE("what packets add to a set of another size, until the new policy is in force, is not lost", "[state]") {
    const auto policy = [](int size) {
        return compiled("set seen : port size " + std::to_string(size) +
                        " rule add { when udp then add udp.dport to seen, pass }");
    };
    Wire wire;
    std::uint64_t sent = 0;
    const auto send = [&](std::uint16_t port) {
        wire.send(udp(port));
        REQUIRE(wire.passed(port, ++sent) == 1);
    };
    auto options = on("b0");
    bool is_loading = false;
    options.load = [&](const bpf::Object& object, const runtime::ProgramOptions& with) {
        auto program = runtime::Program::load(object, with);
        if (is_loading) send(22);  // the tables have been filled, the policy before is in force
        return program;
    };
    auto engine = runtime::Engine::start(policy(100), options);
    REQUIRE(engine);
    send(21);
    is_loading = true;
    REQUIRE((*engine)->swap(policy(200)));
    REQUIRE((*engine)->poll(0));
    CHECK(members(**engine, "seen") == std::vector<std::string>{"21", "22"});
    send(23);
    CHECK(members(**engine, "seen") == std::vector<std::string>{"21", "22", "23"});
}

TEST_CASE("a table whose head a program has written is refused, or read inside of its memory", "[state]") {
    const auto made = runtime::StateTable::make_set({100, 2, 0}, {}, nullptr);
    REQUIRE(made);
    constexpr std::size_t kBytes = 4096;
    void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, made->get(), 0);
    REQUIRE(memory != MAP_FAILED);
    auto& head = *static_cast<weir_table_head*>(memory);
    const weir_table_head good = head;
    const auto opened = runtime::StateTable::open(made->get());
    REQUIRE(opened);
    std::fill(std::begin(head.regions), std::end(head.regions), ~std::uint64_t{0});
    for (const std::uint32_t groups : {0u, 12u, 1000u, 1u << 20, ~0u}) {
        head.groups = groups;
        CHECK_FALSE(runtime::StateTable::open(made->get()));
    }
    for (const std::uint32_t groups : {1000u, 1u << 20, ~0u}) {
        head.groups = groups;
        CHECK_FALSE(runtime::count_held({bpf::StateKind::kSet, made->get()}));
        CHECK_FALSE(runtime::remove_expired(made->get()));
    }
    head.groups = good.groups;
    head.region_shift = 40;
    CHECK_FALSE(runtime::count_held({bpf::StateKind::kSet, made->get()}));
    head.region_shift = good.region_shift;
    for (const std::uint32_t words : {0u, 1u, 16u, ~0u}) {
        head.key_words = words;
        CHECK_FALSE(runtime::StateTable::open(made->get()));
    }
    head.groups = head.key_words = head.region_shift = ~0u;
    std::uint64_t entries = 0;
    opened->each([&](const std::uint32_t*, std::uint64_t) { ++entries; });
    const std::uint32_t key[2] = {};
    CHECK(opened->find(key) == nullptr);
    CHECK(entries == 0);
    munmap(memory, kBytes);
}

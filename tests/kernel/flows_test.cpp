// Flows with the kernel's clock and table, and from policy to policy. What they are is in tests/verdict/flows_test.cpp.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "grammar/base/seeded.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/flow_list.h"
#include "runtime/kernel.h"
#include "runtime/state/flow_table.h"
#include "runtime/state/host_sockets.h"
#include "tests/kernel/trial.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;

namespace {

constexpr const char* kPolicy = "rule known { when flow.packets > 1 then drop }";

// The same datagram the other way.
Frame turned(Frame frame) {
    std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
    std::swap_ranges(frame.begin() + 34, frame.begin() + 36, frame.begin() + 36);
    return frame;
}

weir_state_account flows_account(const runtime::Program& program) {
    const auto accounts = runtime::read_state_accounts(program);
    REQUIRE(accounts);
    const auto flows = std::find_if(accounts->begin(), accounts->end(),
                                    [](const auto& account) { return account.first == bpf::kFlowsIdentity; });
    REQUIRE(flows != accounts->end());
    return flows->second;
}
std::uint64_t flows_in(const runtime::Program& program) {
    const auto list = runtime::list_flows(program.state().flows(), 0);
    REQUIRE(list);
    return list->flows;
}
std::uint64_t matched(const runtime::Program& program, std::size_t rules = 1) {
    bpf::Manifest manifest;
    manifest.rules.resize(rules);
    auto counts = runtime::read_counts(program, manifest);
    REQUIRE(counts);
    return counts->rows[0].packets;
}

}  // namespace

TEST_CASE("a flow of the kernel's own clock, listed", "[flows]") {
    const auto program = loaded(compiled("rule r { when flow.established then pass }"), 0);
    run(program, udp(53), 3);
    run(program, turned(udp(53)), 2);
    CHECK(matched(program) == 2);
    const auto list = runtime::list_flows(program.state().flows(), 10);
    REQUIRE(list);
    REQUIRE(list->flows == 1);
    const runtime::ListedFlow& flow = list->top.front();
    CHECK(flow.protocol == "udp");
    CHECK(flow.client == "10.0.0.1:4000");
    CHECK(flow.server == "10.0.0.2:53");
    CHECK(flow.state == "established");
    CHECK(flow.packets == 5);
    CHECK(flow.bytes == 5 * udp(53).size());
    CHECK_FALSE(flow.rtt_ns);
    CHECK_FALSE(flow.is_of_socket);
}

TEST_CASE("a flood of new flows evicts half-open ones, never established ones, and the table is bounded", "[flows]") {
    constexpr std::uint32_t kSize = 10'000, kSteady = 2'000, kFlood = 400'000;
    const auto program = loaded(compiled("flows size 10000 rule r { when flow.established then pass }"), 0);
    for (std::uint32_t i = 0; i < kSteady; ++i) {
        const Frame frame = from(udp(53), 0xc6336400 + i);
        run(program, frame, 1);
        run(program, turned(frame), 1);
    }
    for (std::uint32_t i = 0; i < kFlood; ++i) run(program, from(udp(53), 0x0b000000 + i), 1);
    const std::uint64_t before = matched(program);
    for (std::uint32_t i = 0; i < kSteady; ++i) run(program, from(udp(53), 0xc6336400 + i), 1);
    CHECK(matched(program) - before == kSteady);
    const std::uint32_t cells = weir_flow_groups_of(kSize) * WEIR_FLOW_CELLS;
    CHECK(flows_in(program) <= cells);
    CHECK(flows_in(program) > cells * 99 / 100);
    const weir_state_account account = flows_account(program);
    CHECK(account.inserted == kSteady + kFlood);
    CHECK(account.inserted - account.evicted == flows_in(program));
    CHECK(account.refused == 0);
}

TEST_CASE("hardly a flow is evicted before there are as many as the size says", "[flows]") {
    const auto program = loaded(compiled("flows size 20000 rule r { when flow.established then pass }"), 0);
    for (std::uint32_t i = 0; i < 10'000; ++i) run(program, from(udp(53), 0x0b000000 + i), 1);
    CHECK(flows_in(program) >= 9'995);
    for (std::uint32_t i = 10'000; i < 20'000; ++i) run(program, from(udp(53), 0x0b000000 + i), 1);
    CHECK(flows_in(program) >= 19'900);
    CHECK(flows_account(program).evicted == 20'000 - flows_in(program));
}

TEST_CASE("among established flows the one that has been silent longest goes", "[flows]") {
    const auto program = loaded(compiled("flows size 1 rule r { when flow.packets > 1 then pass }"), 0);  // one group
    for (std::uint32_t i = 0; i < 8; ++i) {
        const Frame frame = from(udp(53), 0x0b000000 + i);
        run(program, frame, 1);
        run(program, turned(frame), 1);
        std::this_thread::sleep_for(std::chrono::milliseconds(12));  // the clock's tick
    }
    run(program, from(udp(53), 0x0b000000), 1);
    run(program, from(udp(53), 0x0c000000), 1);  // takes the place of 0x0b000001
    const std::uint64_t before = matched(program);
    run(program, from(udp(53), 0x0b000000), 1);
    for (std::uint32_t i = 2; i < 8; ++i) run(program, from(udp(53), 0x0b000000 + i), 1);
    CHECK(matched(program) - before == 7);
    run(program, from(udp(53), 0x0b000001), 1);
    CHECK(matched(program) - before == 7);
}

TEST_CASE("flows of one group whose tags are the same are told apart", "[flows]") {
    const auto trial = loaded(compiled(kPolicy), 0);
    std::map<std::uint64_t, std::vector<std::uint32_t>> by_tag;
    for (std::uint32_t i = 0; i < 3'000; ++i) run(trial, from(udp(53), 0x0b000000 + i), 1);
    const auto table = runtime::FlowTable::open(trial.state().flows());
    REQUIRE(table);
    table->each(runtime::monotonic_ns(), [&](const runtime::FlowEntry& entry) {
        const auto* ends = entry.rest.addresses;
        by_tag[weir_flow_tag(entry.flow.print)].push_back(ends[0][0] >> 24 == 0x0b ? ends[0][0] : ends[1][0]);
        return true;
    });
    const auto largest = std::max_element(
        by_tag.begin(), by_tag.end(), [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    const std::vector<std::uint32_t>& sources = largest->second;
    REQUIRE(sources.size() > WEIR_FLOW_CELLS);
    const auto program = loaded(compiled("flows size 1 " + std::string(kPolicy)), 0);  // one group
    for (std::uint32_t i = 0; i < WEIR_FLOW_CELLS; ++i) run(program, from(udp(53), sources[i]), 1);
    CHECK(matched(program) == 0);
    for (std::uint32_t i = 0; i < WEIR_FLOW_CELLS; ++i) run(program, from(udp(53), sources[i]), 1);
    CHECK(matched(program) == WEIR_FLOW_CELLS);
    run(program, from(udp(53), sources[WEIR_FLOW_CELLS]), 1);  // takes a place
    CHECK(matched(program) == WEIR_FLOW_CELLS);
    CHECK(flows_account(program).evicted == 1);
    run(program, from(udp(53), sources[WEIR_FLOW_CELLS]), 1);
    CHECK(matched(program) == WEIR_FLOW_CELLS + 1);
    CHECK(flows_in(program) == WEIR_FLOW_CELLS);
}

TEST_CASE("the groups of a table are known by its elements", "[flows]") {
    for (std::uint32_t groups = 1; groups < 100'000; ++groups)
        if (weir_flow_groups_in(weir_flow_elements(groups)) != groups) FAIL(groups << " groups");
    for (const std::uint32_t groups : {weir_flow_groups_of(1), weir_flow_groups_of(4'000'000)})
        CHECK(weir_flow_groups_in(weir_flow_elements(groups)) == groups);
}

TEST_CASE("a policy that reads no flows has no table of them", "[flows]") {
    CHECK(loaded(compiled("rule r { when tcp.dport == 1 then drop }"), 0).map("weir_flows") < 0);
    CHECK(loaded(compiled("rule r { when tls.version == 0x0301 then drop }"), 0).map("weir_flows") < 0);
}

TEST_CASE("several CPUs count exactly", "[flows]") {
    const auto program = loaded(compiled("rule r { when flow.packets > 1000000 then drop }"), 0);
    constexpr int kThreads = 4, kEach = 50'000;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] { run(program, i % 2 == 0 ? udp(53) : turned(udp(53)), kEach); });
    for (std::thread& thread : threads) thread.join();
    const auto list = runtime::list_flows(program.state().flows(), 10);
    REQUIRE(list);
    REQUIRE(list->flows == 1);
    CHECK(list->top[0].packets == kThreads * kEach);
    CHECK(list->top[0].bytes == kThreads * kEach * udp(53).size());
}

TEST_CASE("CPUs that take one another's cells leave no flow twice, and each where its tag is", "[flows]") {
    const auto program = loaded(compiled("flows size 1 rule r { when ip.ttl == 1 then reject }"
                                         " rule s { when flow.packets > 1000000 then drop }"),
                                0);  // one group
    constexpr std::uint32_t kThreads = 4, kFlows = 12, kEach = 10'000;
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] {
            Seeded random(i);
            for (std::uint32_t n = 0; n < kEach; ++n) {
                Frame frame = from(udp(53), 0x0b000000 + static_cast<std::uint32_t>(random() % kFlows));
                if (random() % 8 == 0) frame[22] = 1;
                run(program, frame, 4);
            }
        });
    for (std::thread& thread : threads) thread.join();
    const int map = program.state().flows();
    const std::uint32_t groups = program.state().flow_groups();
    REQUIRE(groups == 1);
    const std::size_t bytes = weir_flow_elements(groups) * sizeof(weir_flow_element);
    const runtime::UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), bytes);
    REQUIRE(memory);
    const auto* table = static_cast<const weir_flow_element*>(memory.get());
    std::set<std::uint64_t> prints;
    std::uint64_t used = 0;
    for (std::uint32_t cell = 0; cell < WEIR_FLOW_CELLS; ++cell) {
        const weir_flow& flow = table[0].group.cells[cell];
        if (flow.print == 0) continue;
        ++used;
        CHECK(prints.insert(flow.print).second);
        CHECK(table[weir_flow_tag_element(groups, 0)].tags[0][cell] == weir_flow_tag(flow.print));
    }
    CHECK(used > 4);
    CHECK(table[0].group.cells[0].lock == 0);
    CHECK(flows_account(program).evicted > 1'000);
    CHECK(flows_account(program).refused == 0);
}

// ---- from policy to policy ----

namespace {

std::uint64_t flows_of(Engine& engine) {
    const auto status = status_of(engine);
    REQUIRE(status.flows);
    return status.flows->flows.value_or(999);
}

}  // namespace

TEST_CASE("flows are carried over a reload, also of another size", "[flows]") {
    // Compiled before a flow is entered: on a busy machine it takes as long as a flow of one side lives.
    const auto first = compiled(kPolicy), none = compiled("rule r { when udp.dport == 1 then drop }");
    const auto more = compiled(std::string("rule more { when udp.dport == 7 then pass } ") + kPolicy);
    const auto small = compiled("flows size 100 " + std::string(kPolicy));
    const auto large = compiled("flows size 200000 " + std::string(kPolicy));
    auto engine = Engine::start(first, on("b0"));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(9), 3);
    CHECK(wire.passed(9, 1) == 1);
    REQUIRE((*engine)->swap(more));
    wire.send(udp(9), 2);
    wire.send(udp(10), 1);
    CHECK(wire.passed(10, 2) == 1);
    CHECK(wire.passed(9, 2) == 1);
    for (const auto* sized : {&small, &large}) {
        REQUIRE((*engine)->swap(*sized));
        wire.send(udp(9), 1);
        wire.send(udp(10), 1);
    }
    wire.send(udp(11), 1);
    CHECK(wire.passed(11, 3) == 1);
    CHECK(wire.passed_in_all() == 3);
    CHECK(flows_of(**engine) >= 3);
    CHECK(status_of(**engine).flows->size == 200'000);

    // A policy that reads none forgets them.
    REQUIRE((*engine)->swap(none));
    CHECK_FALSE(status_of(**engine).flows);
    CHECK_FALSE((*engine)->flows(1));
    REQUIRE((*engine)->swap(first));
    wire.send(udp(9), 1);
    CHECK(wire.passed(9, 4) == 2);
}

TEST_CASE("flows stay where the engine is killed", "[flows]") {
    auto options = on("b0");
    options.name = "one";
    options.lifetime = runtime::Lifetime::kPinned;
    const auto object = compiled(kPolicy);
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        auto engine = Engine::start(object, options);
        if (!engine) _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE(waitpid(process, &how, 0) == process);
    REQUIRE((WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
    Wire wire;
    wire.send(udp(9), 2);
    CHECK(wire.passed(9, 1) == 1);
    auto engine = Engine::start(object, options);
    REQUIRE(engine);
    CHECK(flows_of(**engine) >= 1);
    wire.send(udp(9), 1);
    wire.send(udp(10), 1);
    CHECK(wire.passed(10, 2) == 1);
    CHECK(wire.passed(9, 2) == 1);
    (*engine)->detach();
}

TEST_CASE("a candidate reads the flows of the policy in force and enters none", "[flows]") {
    auto engine = Engine::start(compiled(kPolicy), on("b0"));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(9), 1);
    CHECK(wire.passed(9, 1) == 1);
    // Of another size: it is the same table.
    REQUIRE((*engine)->shadow(compiled(std::string("flows size 100 ") + kPolicy), {"next.rules", {}}));
    wire.send(udp(9), 3);
    wire.send(udp(10), 3);
    CHECK(wire.passed(10, 2) == 1);
    const auto status = status_of(**engine);
    REQUIRE(status.shadow);
    CHECK(status.shadow->packets == 6);
    CHECK(status.shadow->disagreements == 0);
    CHECK(rule(status, "known").packets == 3 + 2);
    const auto list = (*engine)->flows(10);
    REQUIRE(list);
    const auto ninth = std::find_if(list->top.begin(), list->top.end(),
                                    [](const runtime::ListedFlow& flow) { return flow.server == "10.0.0.2:9"; });
    REQUIRE(ninth != list->top.end());
    CHECK(ninth->packets == 1);  // the others were dropped
}

// ---- the host's connections ----

namespace {

// A connection over the loopback, and its listener.
struct Connection {
    explicit Connection(int family) {
        REQUIRE(std::system("ip link set lo up") == 0);
        sockaddr_storage address{};
        socklen_t length = sizeof(address);
        address.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET)
            reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        listener = runtime::UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return;
        REQUIRE(listen(listener.get(), 1) == 0);
        REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
        client = runtime::UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(connect(client.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
        server = runtime::UniqueFd(accept(listener.get(), nullptr, nullptr));
        REQUIRE(server);
        port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
    }
    runtime::UniqueFd listener, client, server;
    std::uint16_t port = 0;
};

}  // namespace

TEST_CASE("the host's connections are flows, and the listener is their server", "[flows]") {
    for (const int family : {AF_INET, AF_INET6}) {
        const Connection connection(family);
        if (connection.port == 0) continue;  // no IPv6 on the loopback of this namespace
        const auto flows = runtime::host_flows(runtime::monotonic_ns());
        REQUIRE(flows);
        std::size_t found = 0;
        for (const runtime::FlowEntry& entry : *flows) {
            const std::size_t client = (entry.flow.state & WEIR_FLOW_CLIENT) != 0 ? 1 : 0;
            if (entry.rest.ports[1 - client] != connection.port) continue;
            ++found;
            CHECK((entry.flow.state & WEIR_FLOW_ESTABLISHED) != 0);
            CHECK(((entry.flow.state & WEIR_FLOW_IP6) != 0) == (family == AF_INET6));
        }
        CHECK(found == 2);  // both ends are sockets of this host
    }
}

TEST_CASE("a connection of the host is an established flow from the first packet on", "[flows]") {
    const Connection connection(AF_INET);
    REQUIRE(connection.port != 0);
    auto engine = Engine::start(compiled("rule r { when flow.established then drop }"), on("b0"));
    REQUIRE(engine);
    const auto list = (*engine)->flows(100);
    REQUIRE(list);
    const std::string server = "127.0.0.1:" + std::to_string(connection.port);
    const auto flow = std::find_if(list->top.begin(), list->top.end(),
                                   [&](const runtime::ListedFlow& one) { return one.server == server; });
    REQUIRE(flow != list->top.end());
    CHECK(flow->is_of_socket);
    CHECK(flow->state == "established");
    CHECK(flow->packets == 0);

    // A segment of it, as one of the other host's would come.
    sockaddr_in own{};
    socklen_t length = sizeof(own);
    REQUIRE(getsockname(connection.client.get(), reinterpret_cast<sockaddr*>(&own), &length) == 0);
    Frame segment = udp(connection.port);
    segment[23] = 6;  // TCP
    segment.resize(34 + 20);
    segment[17] = 40;  // of the datagram
    for (const std::size_t at : {26u, 30u}) std::copy_n(Frame{127, 0, 0, 1}.begin(), 4, segment.begin() + at);
    segment[34] = static_cast<std::uint8_t>(ntohs(own.sin_port) >> 8);
    segment[35] = static_cast<std::uint8_t>(ntohs(own.sin_port));
    segment[36] = static_cast<std::uint8_t>(connection.port >> 8);
    segment[37] = static_cast<std::uint8_t>(connection.port);
    segment[46] = 0x50;
    segment[47] = 0x10;
    Wire wire;
    wire.send(segment, 2);
    wire.send(udp(9), 1);
    CHECK(wire.passed(9, 1) == 1);
    CHECK(rule(status_of(**engine), "r").packets == 2);
}

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::Event;

namespace {

constexpr const char* kAlerting = R"(
policy edge
rule telnet  { when udp.dport == 23 then alert seen, drop }
rule watched { observe when udp.dport == 24 then alert seen, drop }
rule noted   { when udp.dport == 25 then alert seen, alert also }
alert seen { severity high message "{rule}: {verdict} {ip.src} to {udp.dport} {tcp.dport}" }
alert also { message "again" }
)";

void check_settled(const runtime::Account& account) {
    CHECK(account.matched == account.delivered + account.suppressed + account.lost + account.pending);
    CHECK(account.pending == 0);
}

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("an event says what the packet was, and what its rule did", "[events]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled(kAlerting), hearing(events));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23));
    wire.send(udp(24));
    wire.send(udp(25));
    REQUIRE(poll_events(**engine, 4) == 4);
    CHECK(wire.passed(24, 2) == 1);
    CHECK(wire.passed(25, 2) == 1);
    CHECK(events[0].message == "telnet: drop 10.0.0.1 to 23 -");
    CHECK(events[0].severity == "high");
    CHECK(events[0].policy == "edge");
    CHECK(events[0].interface == "b0");
    CHECK(events[0].record.generation == 1);
    CHECK(events[1].message == "watched: would drop 10.0.0.1 to 24 -");
    CHECK(events[1].verdict == "would drop");
    CHECK(events[2].message == "noted: - 10.0.0.1 to 25 -");
    CHECK(events[2].verdict.empty());
    CHECK(events[3].alert == "also");
    CHECK(events[3].severity == "medium");
    const auto status = status_of(**engine);
    CHECK(alert(status, "seen").matched == 3);
    CHECK(alert(status, "seen").delivered == 3);
    CHECK(alert(status, "also").matched == 1);
}

TEST_CASE("events that outrun their reader are counted as lost, exactly", "[events]") {
    std::uint64_t events = 0;
    auto options = on("b0");
    options.ring_bytes = 4096;
    options.on_event = [&](const Event&) { ++events; };
    auto engine = Engine::start(
        compiled("rule r { when udp.dport == 23 then alert a, drop } alert a { message \"x\" }"), options);
    REQUIRE(engine);
    Wire wire;
    constexpr int kSent = 1000;
    for (int round = 1; round <= 3; ++round) {
        wire.send(udp(23), kSent);
        wire.send(udp(24));
        wire.passed(24, static_cast<std::uint64_t>(round));  // all before it have been judged
        auto a = alert(status_of(**engine), "a");
        CHECK(a.matched == static_cast<std::uint64_t>(round * kSent));
        CHECK(a.pending > 0);
        CHECK(a.matched == a.delivered + a.lost + a.pending);
        const std::uint64_t lost = a.lost;
        CHECK(poll_events(**engine, static_cast<int>(a.pending)) == static_cast<int>(a.pending));
        a = alert(status_of(**engine), "a");
        check_settled(a);
        CHECK(a.lost == lost);
        CHECK(a.delivered == events);
    }
}

TEST_CASE("events name their generation, and keep its words after the swap", "[events]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled("rule old { when udp.dport == 23 then alert gone, alert kept } "
                                         "alert gone { message \"gone\" } alert kept { message \"first\" }"),
                                hearing(events));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23), 5);
    wire.passed(23, 5);
    REQUIRE((*engine)->swap(
        compiled("rule new { when udp.dport == 23 then alert kept } alert kept { message \"second\" }")));
    CHECK(alert(status_of(**engine), "kept").pending == 5);
    wire.send(udp(23), 2);
    REQUIRE(poll_events(**engine, 12) == 12);
    for (std::size_t i = 0; i < 10; ++i) {
        CHECK(events[i].record.generation == 1);
        CHECK(events[i].rule == "old");
        CHECK(events[i].message == (i % 2 == 0 ? "gone" : "first"));
    }
    for (std::size_t i = 10; i < 12; ++i) {
        CHECK(events[i].record.generation == 2);
        CHECK(events[i].message == "second");
    }
    const auto status = status_of(**engine);
    CHECK(status.alerts.size() == 1);
    CHECK(alert(status, "kept").matched == 7);
    CHECK(alert(status, "kept").delivered == 7);
    check_settled(alert(status, "kept"));
}

constexpr int kPatience_ms = 60'000;

TEST_CASE("a sink's account, while it can write, cannot, and can again", "[events]") {
    std::string folder = std::filesystem::temp_directory_path() / "weir-kernel-XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/sub/eve.json";
    auto options = on("b0");
    options.deliver_to_sinks = true;
    const std::string policy =
        "rule r { when udp.dport == 23 then alert a, drop } alert a { message \"x\" } "
        "sink events = eve(\"" +
        path + "\")";
    auto engine = Engine::start(compiled(policy), options);
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23), 3);  // its folder is not there yet
    REQUIRE(poll_events(**engine, 3) == 3);
    REQUIRE((*engine)->flush(kPatience_ms));
    auto sink = status_of(**engine).sinks.at(0);
    CHECK(sink.name == "events");
    CHECK((sink.kind == "eve" && sink.offered == 3 && sink.lost_by.size() == 1));
    CHECK(sink.lost == 3);
    CHECK_THAT(sink.state, Catch::Contains("No such file"));
    std::filesystem::create_directory(folder + "/sub");
    wire.send(udp(23), 4);
    REQUIRE(poll_events(**engine, 4) == 4);
    REQUIRE((*engine)->flush(kPatience_ms));
    REQUIRE((*engine)->swap(compiled(policy + " rule s { when udp.dport == 24 then alert a, drop }")));
    wire.send(udp(24), 2);
    wire.send(udp(23), 1);
    (*engine)->detach();  // delivers what waits
    const auto status = status_of(**engine);
    sink = status.sinks.at(0);
    CHECK(sink.state == "ok");
    CHECK(sink.matched == 10);
    CHECK(sink.delivered == 7);
    CHECK(sink.lost == 3);
    check_settled(sink);
    CHECK(alert(status, "a").delivered == 7);
    CHECK(alert(status, "a").lost == 3);
    CHECK(lines_of(path).size() == 7);
    CHECK_FALSE((*engine)->swap(compiled(policy)));
    std::filesystem::remove_all(folder);
}

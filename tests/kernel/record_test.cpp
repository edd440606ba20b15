#include <bpf/bpf.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "runtime/recorder.h"
#include "runtime/ticks.h"
#include "tests/kernel/trial.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::Event;
using runtime::Recorder;
using runtime::Recording;

namespace {

Recorder recorder_of(const runtime::Program& program, const bpf::Object& object) {
    auto recorder = Recorder::open(program.map("weir_record"), object.manifest.record);
    if (!recorder) FAIL(recorder.error().message);
    return std::move(*recorder);
}

// A UDP datagram to `port` with so many bytes of payload, all `mark`; its source address, too.
Frame marked(std::uint16_t port, std::size_t payload, std::uint8_t mark) {
    Frame frame = from(udp(port), mark * 0x01010101u);
    constexpr std::size_t kIp = 14, kUdp = 34, kHeaders = 42;
    frame.resize(kHeaders);
    frame.resize(kHeaders + payload, mark);
    const auto put = [&](std::size_t at, std::size_t value) {
        frame[at] = static_cast<std::uint8_t>(value >> 8);
        frame[at + 1] = static_cast<std::uint8_t>(value);
    };
    put(kIp + 2, 28 + payload);
    put(kUdp + 4, 8 + payload);
    return frame;
}

constexpr const char* kRecording = R"(
record {} bytes, {} packets
rule telnet {{ when udp.dport == 23 then drop }}
rule seen   {{ observe when udp.dport == 24 then drop }}
default pass
)";

bpf::Object recording(int bytes, int packets) { return compiled(fmt::format(kRecording, bytes, packets)); }

constexpr const char* kCapturing = R"(
record 128 bytes, 64 packets
rule telnet { when udp.dport == 23 then capture before 3 per ip.src, alert seen, drop }
rule plain  { when udp.dport == 25 then alert seen, drop }
rule short  { when udp.dport == 26 then capture, alert seen }
alert seen { message "{rule}" }
)";

}  // namespace

TEST_CASE("every packet is recorded whatever its verdict: its first bytes, exactly", "[record]") {
    for (const int bytes : {64, 72, 128, 256}) {
        const bpf::Object object = recording(bytes, 512);
        const runtime::Program program = loaded(object, 0);
        std::vector<Frame> sent;
        for (std::size_t payload = 0; payload < 300; ++payload)
            sent.push_back(
                marked(static_cast<std::uint16_t>(23 + payload % 3), payload, static_cast<std::uint8_t>(payload)));
        for (const Frame& frame : sent) run(program, frame, 1);
        std::map<std::size_t, int> seen;
        const Recording all = recorder_of(program, object).all();
        REQUIRE(all.packets().size() == sent.size());
        for (const runtime::RecordedPacket& packet : all.packets()) {
            const Frame& frame = sent[packet.original_bytes - 42];
            ++seen[packet.original_bytes];
            const std::size_t captured = std::min(frame.size(), static_cast<std::size_t>(bytes));
            const Frame head(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(captured));
            if (Frame(packet.bytes.begin(), packet.bytes.end()) != head)
                FAIL(bytes << " bytes of a frame of " << frame.size());
            const std::uint32_t port = 23 + (packet.original_bytes - 42) % 3;
            CHECK(packet.row == (port == 23 ? 0u : 2u));  // `seen` decides nothing
            CHECK(packet.verdict == (port == 23 ? WEIR_DROP : WEIR_PASS));
            CHECK(packet.direction == runtime::PacketDirection::kIn);
        }
        CHECK(seen.size() == sent.size());
    }
}

TEST_CASE("a policy without `record` has no recorder; the number of packets becomes a power of two", "[record]") {
    const bpf::Object without = compiled("rule telnet { when udp.dport == 23 then drop }");
    CHECK(loaded(without, 0).map("weir_record") < 0);
    CHECK(without.manifest.record == bpf::RecordInfo{});
    const bpf::Object object = recording(64, 5);
    CHECK(object.manifest.record.packets == 8);
    const runtime::Program program = loaded(object, 0);
    for (int i = 0; i < 100; ++i) run(program, udp(23), 1);
    const Recording all = recorder_of(program, object).all();
    CHECK(all.packets().size() >= 8);
    CHECK(all.packets().size() <= 8 * std::size_t{std::thread::hardware_concurrency()});
}

TEST_CASE("ticks are counted by the clock", "[record]") {
    const auto ticks = runtime::kernel_ticks();
    REQUIRE(ticks);
    const auto [tick_ns, begin_ns] = *ticks;
    CHECK(tick_ns >= 1'000'000);
    CHECK(tick_ns <= 10'000'000);
    const bpf::Object object = recording(64, 64);
    const runtime::Program program = loaded(object, 0);
    // A recorded packet came after what was seen before it, to a tick. (A machine that stands still has late ticks.)
    for (int i = 0; i < 20; ++i) {
        const std::uint64_t before_ns = runtime::monotonic_ns();
        run(program, udp(23), 1);
        const std::uint64_t after_ns = runtime::monotonic_ns();
        const Recording all = recorder_of(program, object).all();
        const std::uint64_t time_ns = all.packets().back().time_ns;
        CHECK(time_ns <= after_ns + tick_ns);
        CHECK((time_ns - begin_ns) % tick_ns == 0);
        CHECK(time_ns + 10'000'000'000 >= before_ns);
    }
}

TEST_CASE("programs that keep time without a recorder count ticks, too", "[record]") {
    const auto ticks = runtime::kernel_ticks();
    REQUIRE(ticks);
    for (const char* policy :
         {"rule r { when udp and rate(ip.src) > 5/s then drop }",
          "rule r { when udp and count(ip.src, in 1m) > 5 then drop }",
          "rule r { when udp then alert a }\nalert a { message \"{rule}\" throttle 1 per ip.src every 1m }",
          "set s : ip size 10 ttl 1h\nrule r { when udp and ip.src not in s then add ip.src to s }",
          "default drop\nrule r { when flow.established then pass }", "rule r { when udp then reject }"}) {
        INFO(policy);
        const runtime::Program program = loaded(compiled(policy), 0);
        const std::vector<int> tables = program.data(".data.weir_ticks");
        CHECK(!tables.empty());
        for (const int table : tables) {  // with flows the program of packets on their way out has one, too
            std::array<std::uint64_t, WEIR_TICK_WORDS> filled{};
            const std::uint32_t zero = 0;
            REQUIRE(bpf_map_lookup_elem(table, &zero, filled.data()) == 0);
            CHECK(filled == *ticks);
        }
    }
    CHECK(loaded(compiled("rule r { when udp then drop }"), 0).data(".data.weir_ticks").empty());
}

TEST_CASE("what is read under load is whole", "[record]") {
    const bpf::Object object = recording(256, 128);
    const runtime::Program program = loaded(object, 0);
    const Recorder recorder = recorder_of(program, object);
    std::atomic<bool> ends = false;
    std::vector<std::thread> senders;
    for (const std::uint8_t first : {std::uint8_t{1}, std::uint8_t{101}})
        senders.emplace_back([&, first] {
            for (std::uint8_t i = 0; !ends; i = static_cast<std::uint8_t>((i + 1) % 100))
                run(program, marked(24, 250, static_cast<std::uint8_t>(first + i)), 200);
        });
    std::size_t read = 0;
    while (read < 50'000) {
        const Recording all = recorder.all();
        for (const runtime::RecordedPacket& packet : all.packets()) {
            ++read;
            const std::uint8_t mark = packet.bytes.back();
            const bool whole = packet.bytes.size() == 256 && packet.original_bytes == 292 && packet.bytes[26] == mark &&
                               std::all_of(packet.bytes.begin() + 42, packet.bytes.end(),
                                           [&](std::uint8_t byte) { return byte == mark; });
            if (!whole) FAIL("a torn packet");
        }
    }
    ends = true;
    for (std::thread& sender : senders) sender.join();
}

TEST_CASE("captures ride along with the events of their rule, with what came before", "[record]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled(kCapturing), hearing(events));
    REQUIRE(engine);
    Wire wire;
    for (std::uint8_t mark = 1; mark <= 5; ++mark) wire.send(marked(80, 10, mark));
    for (int i = 0; i < 4; ++i) wire.send(marked(static_cast<std::uint16_t>(81 + i), 300, 9));
    wire.send(marked(23, 300, 9));
    wire.send(marked(25, 300, 9));
    wire.send(marked(26, 100, 8));
    REQUIRE(poll_events(**engine, 3) == 3);
    REQUIRE(events[0].packet);
    const Frame sent = marked(23, 300, 9);
    CHECK(events[0].packet->bytes == Frame(sent.begin(), sent.begin() + 256));
    CHECK(events[0].packet->original_bytes == 342);
    CHECK(events[0].packet->interface == "b0");
    CHECK(events[0].packet->verdict == "drop");
    CHECK(events[0].packet->direction == runtime::PacketDirection::kIn);
    REQUIRE(events[0].before.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const runtime::CapturedPacket& before = events[0].before[i];
        const Frame frame = marked(static_cast<std::uint16_t>(82 + i), 300, 9);
        CHECK(before.bytes == Frame(frame.begin(), frame.begin() + 128));
        CHECK(before.rule == "default");
        CHECK(before.verdict == "pass");
        CHECK(before.interface == "b0");
        CHECK(before.original_bytes == 342);
        constexpr std::uint64_t kTickNs = 10'000'000;  // the recorder's clock, where HZ is 100
        CHECK(before.wall_clock_ns <= events[0].wall_clock_ns + kTickNs);
        CHECK(before.wall_clock_ns + 60'000'000'000 > events[0].wall_clock_ns);
    }
    CHECK_FALSE(events[1].packet);
    CHECK(events[1].before.empty());
    REQUIRE(events[2].packet);
    CHECK(events[2].packet->bytes == marked(26, 100, 8));
    CHECK(events[2].packet->verdict.empty());
    CHECK(events[2].before.empty());
}

TEST_CASE("an event that a throttle holds back captures nothing", "[record]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled("rule r { when udp.dport == 23 then capture, alert a } alert a { message "
                                         "\"x\" throttle 1 per ip.src every 1h }"),
                                hearing(events));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23), 10);
    wire.passed(23, 10);
    CHECK(poll_events(**engine, 1) == 1);
    CHECK(events.size() == 1);
    CHECK(events[0].packet->bytes == udp(23));
    CHECK(alert(status_of(**engine), "a").suppressed == 9);
}

TEST_CASE("events with names inside have captures, too", "[record]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled("rule r { when udp.dport == 53 then capture, alert a } "
                                         "alert a { message \"{dns.qname} {http.target}\" }"),
                                hearing(events));
    REQUIRE(engine);
    Wire wire;
    const Frame frame = marked(53, 200, 6);
    wire.send(frame);
    REQUIRE(poll_events(**engine, 1) == 1);
    REQUIRE(events[0].packet);
    CHECK(events[0].packet->bytes == frame);
    CHECK(events[0].message == "- -");
}

TEST_CASE("the recorder stays over a reload that records alike, and is another one where it does not", "[record]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled(kCapturing), hearing(events));
    REQUIRE(engine);
    Wire wire;
    wire.send(marked(80, 10, 7));
    wire.passed(80, 1);
    std::string renamed(kCapturing);
    renamed.replace(renamed.find("rule plain"), 10, "rule other");
    REQUIRE((*engine)->swap(compiled(renamed)));
    wire.send(marked(23, 10, 7));
    REQUIRE(poll_events(**engine, 1) == 1);
    REQUIRE(events[0].before.size() == 1);
    CHECK(events[0].before[0].rule == "default");
    CHECK(events[0].before[0].bytes == marked(80, 10, 7));
    std::string larger(kCapturing);
    larger.replace(larger.find("128 bytes"), 9, "136 bytes");
    REQUIRE((*engine)->swap(compiled(larger)));
    wire.send(marked(23, 10, 7));
    REQUIRE(poll_events(**engine, 1) == 1);
    CHECK(events[1].packet);
    CHECK(events[1].before.empty());
}

TEST_CASE("a candidate records nothing; the policy in force goes on recording beside it", "[record]") {
    const bpf::Object object = recording(64, 64);
    auto engine = Engine::start(object, on("b0"));
    REQUIRE(engine);
    REQUIRE((*engine)->shadow(recording(64, 64)));
    Wire wire;
    wire.send(marked(80, 10, 7), 5);
    wire.passed(80, 5);
    const auto access = (*engine)->recorder();
    REQUIRE(access);
    auto recorder = Recorder::open(access->map, access->view.shape);
    REQUIRE(recorder);
    CHECK(recorder->all().packets().size() == 5);
    CHECK(access->view.rules.size() == 1);
    CHECK(access->view.rules[0].names == std::vector<std::string>{"telnet", "seen"});
    REQUIRE((*engine)->swap(compiled("rule r { when tcp then drop }")));
    CHECK_FALSE((*engine)->recorder());
}

// Whole captures through a policy.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/captures.h"
#include "tests/unit/tooling/judging.h"
#include "tooling/judge/replay.h"
#include "tooling/judge/report.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

constexpr const char* kPolicy =
    "malformed drop\nrule many { when udp and count(ip.src, in 10s) > 2 then alert a, drop }\n"
    "rule one { observe when udp then drop }\nalert a { message \"x\" }\n";

std::string text_of(const Bytes& frame) { return {frame.begin(), frame.end()}; }

Capture capture_of(const std::string& packets) {
    auto capture = Capture::of_bytes("x", pcap_head() + packets);
    REQUIRE(capture);
    return std::move(*capture);
}

}  // namespace

TEST_CASE("a replay counts what the capture would have left, and can be repeated") {
    const LoadedPolicy loaded = loaded_policy(kPolicy);
    const std::string frame = text_of(udp4());
    Capture capture = capture_of(pcap_packet(frame, 1) + pcap_packet(frame, 2) + pcap_packet(frame, 3) +
                                 pcap_packet(frame, 11) + pcap_packet(text_of(udp4()).substr(0, 20), 12));
    auto facts = capture.facts();
    REQUIRE(facts);
    for (const std::string engine : {"oracle", "native", "native"}) {
        auto evaluators = Evaluators::create(*loaded.compiled, engine);
        REQUIRE(evaluators);
        REQUIRE(capture.rewind());
        ReplayCounts counts(loaded.compiled->policy);
        std::string lines;
        REQUIRE(replay(capture, *facts, *evaluators, [&](const ReplayedPacket& packet) -> Status {
            counts.add(packet);
            lines += json_line(packet.number, packet.direction, packet.answer.judged, loaded.compiled->policy);
            return Done{};
        }));
        CHECK(counts.packets == 5);
        CHECK(counts.bytes == 4 * frame.size() + 20);
        CHECK(counts.matched == std::vector<std::uint64_t>{1, 3});
        CHECK(counts.decided == std::vector<std::uint64_t>{1, 0});
        CHECK(counts.alerts == std::vector<std::uint64_t>{1});
        CHECK(counts.by_default == 3);
        CHECK(counts.by_malformed == 1);
        CHECK(counts.verdicts[0] == 3);
        CHECK(counts.verdicts[1] == 2);
        CHECK(counts.differences == 0);
        CHECK_THAT(
            lines,
            Catch::Contains(
                R"({"packet":3,"direction":"in","verdict":"drop","rule":"many","matched":["many"],"alerts":["a"]})"
                "\n"
                R"({"packet":4,"direction":"in","verdict":"pass","rule":null,"matched":["one"],"alerts":[]})"
                "\n"
                R"({"packet":5,"direction":"in","verdict":"drop","rule":"malformed","matched":[],"alerts":[]})"
                "\n"));
    }
}

TEST_CASE("all frames of a capture share one state, whichever evaluator takes them") {
    if (!kernel_is_allowed()) return;
    const LoadedPolicy loaded = loaded_policy(kPolicy);
    const std::string frame = text_of(udp4()), long_frame = text_of(udp4({}, zeros(4000)));
    Capture capture =
        capture_of(pcap_packet(frame) + pcap_packet(long_frame) + pcap_packet(frame) + pcap_packet(long_frame));
    auto facts = capture.facts();
    REQUIRE(facts);
    for (const std::string engine : {"kernel", "all"}) {
        auto evaluators = Evaluators::create(*loaded.compiled, engine);
        REQUIRE(evaluators);
        REQUIRE(capture.rewind());
        ReplayCounts counts(loaded.compiled->policy);
        REQUIRE(replay(capture, *facts, *evaluators,
                       [&](const ReplayedPacket& packet) { return counts.add(packet), Status(Done{}); }));
        CHECK(counts.decided == std::vector<std::uint64_t>{2, 0});
        CHECK(counts.differences == 0);
        CHECK(evaluators->judging().front() == Evaluator::kNative);
    }
}

TEST_CASE("what takes the packets may end it") {
    const LoadedPolicy loaded = loaded_policy(kPolicy);
    Capture capture = capture_of(pcap_packet("a") + pcap_packet("b"));
    auto facts = capture.facts();
    REQUIRE(facts);
    auto evaluators = Evaluators::create(*loaded.compiled, "oracle");
    REQUIRE(evaluators);
    const Status ended = replay(capture, *facts, *evaluators, [](const ReplayedPacket& packet) -> Status {
        return Error{"full at packet " + std::to_string(packet.number), {}, 0};
    });
    REQUIRE(!ended);
    CHECK(ended.error().message == "full at packet 1");
}

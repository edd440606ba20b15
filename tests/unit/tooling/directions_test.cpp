// Which way the packets of a capture went.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/captures.h"
#include "tests/unit/tooling/judging.h"
#include "tooling/judge/replay.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

using packet::Direction;

std::string text_of(const Bytes& frame) { return {frame.begin(), frame.end()}; }

// epb_flags: the lowest two bits are the direction, the others say how it was received.
std::string flags(std::uint32_t word, Order order = Order::kLittle) {
    return option(2, u32(word, order), order) + u32(0, order);
}

std::vector<std::optional<Direction>> directions(const std::string& bytes) {
    auto capture = Capture::of_bytes("x", bytes);
    REQUIRE(capture);
    std::vector<std::optional<Direction>> all;
    for (;;) {
        auto frame = capture->next();
        REQUIRE(frame);
        if (!*frame) return all;
        all.push_back((*frame)->direction);
    }
}

}  // namespace

TEST_CASE("a pcapng packet's flags say which way it went", "[directions]") {
    const std::string frame = text_of(udp4());
    for (const Order order : {Order::kLittle, Order::kBig})
        CHECK(directions(section(order) + interface(1, 0, {}, order) +
                         enhanced_packet(0, frame, 1, order, 0, flags(1, order)) +
                         enhanced_packet(0, frame, 2, order, 0, flags(2 | 1 << 2, order)) +
                         enhanced_packet(0, frame, 3, order, 0, flags(0, order)) + enhanced_packet(0, frame, 4, order) +
                         enhanced_packet(0, frame, 5, order, 0, option(1, "a comment", order) + flags(2, order))) ==
              std::vector<std::optional<Direction>>{Direction::kIn, Direction::kOut, std::nullopt, std::nullopt,
                                                    Direction::kOut});
    CHECK(directions(pcap_head() + pcap_packet(frame, 1)) == std::vector<std::optional<Direction>>{std::nullopt});
    // What is no whole option says nothing.
    CHECK(directions(section() + interface() + enhanced_packet(0, frame, 1, Order::kLittle, 0, u16(2) + u16(8))) ==
          std::vector<std::optional<Direction>>{std::nullopt});
}

TEST_CASE("without that the host's own addresses say it", "[directions]") {
    const Bytes frame = udp4();  // from 198.51.100.7
    CapturedFrame captured;
    captured.bytes = frame;
    const auto nets = [](const char* text) { return std::vector<IpPrefix>{*parse_prefix(text)}; };
    CHECK(direction_of(captured, {}) == Direction::kIn);
    CHECK(direction_of(captured, nets("198.51.100.0/24")) == Direction::kOut);
    CHECK(direction_of(captured, nets("2001:db8::/32")) == Direction::kIn);
    CHECK(direction_of(captured, nets("10.0.0.0/8")) == Direction::kIn);
    captured.direction = Direction::kIn;
    CHECK(direction_of(captured, nets("198.51.100.0/24")) == Direction::kIn);
    const Bytes asked = arp();
    captured = {};
    captured.bytes = asked;
    CHECK(direction_of(captured, nets("0.0.0.0/0")) == Direction::kIn);
}

TEST_CASE("a replay judges each packet as it went", "[directions]") {
    const LoadedPolicy loaded =
        loaded_policy("rule comes { when udp then drop } rule goes { egress when udp then pass } default egress drop");
    const std::string frame = text_of(udp4());
    auto capture =
        Capture::of_bytes("x", section() + interface() + enhanced_packet(0, frame, 1, Order::kLittle, 0, flags(1)) +
                                   enhanced_packet(0, frame, 2, Order::kLittle, 0, flags(2)) +
                                   enhanced_packet(0, text_of(tcp4()), 3, Order::kLittle, 0, flags(2)));
    REQUIRE(capture);
    auto facts = capture->facts();
    REQUIRE(facts);
    CHECK(facts->frames_with_direction == 3);
    for (const std::string engine : {"oracle", "native"}) {
        auto evaluators = Evaluators::create(*loaded.compiled, engine);
        REQUIRE(evaluators);
        REQUIRE(capture->rewind());
        ReplayCounts counts(loaded.compiled->policy);
        REQUIRE(replay(*capture, *facts, *evaluators, [&](const ReplayedPacket& packet) -> Status {
            counts.add(packet);
            return Done{};
        }));
        CHECK(counts.decided == std::vector<std::uint64_t>{1, 1});
        CHECK(counts.by_egress == 1);
        CHECK(counts.by_default == 0);
        CHECK(counts.outgoing == 2);
    }
}

// `measure`: every evaluator has the same histograms, by key.
#include <catch2/catch.hpp>

#include "compiler/packet/frame_builder.h"
#include "tests/support/random.h"
#include "tests/support/table.h"
#include "tooling/judge/measures.h"

using namespace weir;
using namespace weir::tests;

namespace {

std::unique_ptr<Evaluators> evaluators(const std::string& policy) {
    auto created = Evaluators::create(policy);
    INFO(policy << "\n" << why_not(created));
    REQUIRE(created);
    return std::move(*created);
}

// What the oracle measured; the others must have the same.
std::map<std::string, tooling::MeasuredByKey> measured(Evaluators& engines) {
    std::map<std::string, tooling::MeasuredByKey> expected;
    for (const tooling::Evaluator one : engines.all().added()) {
        auto all = engines.all().measures(one);
        REQUIRE(all);
        if (one == tooling::Evaluator::kOracle) expected = std::move(*all);
    }
    for (const tooling::Evaluator one : engines.all().added()) {
        INFO(tooling::evaluator_name(one));
        CHECK(*engines.all().measures(one) == expected);
    }
    return expected;
}

using Key = std::vector<std::string>;

}  // namespace

TEST_CASE("values by key, in the buckets that they fall into", "[measures]") {
    const auto engines = evaluators(
        "rule sizes { when udp then measure packet.len by (ip.src/24/64, udp.dport) as by_net, drop }\n"
        "rule all   { when tcp then measure ip.ttl, pass }\n");
    std::string difference;
    const auto send = [&](const std::string& source, std::uint16_t port, std::size_t bytes, packet::TestProtocol of) {
        packet::TestPacket packet;
        packet.protocol = of;
        packet.source = *parse_ip(source);
        packet.destination = *parse_ip(packet.source.version == 4 ? "192.0.2.1" : "2001:db8::9");
        packet.destination_port = port;
        packet.ttl = 9;
        packet.payload = std::string(bytes, 'x');
        engines->judge(packet::build_frame(packet), difference);
    };
    send("198.51.100.7", 53, 100, packet::TestProtocol::kUdp);
    send("198.51.100.8", 53, 101, packet::TestProtocol::kUdp);
    send("198.51.100.8", 54, 0, packet::TestProtocol::kUdp);
    send("2001:db8::1", 53, 0, packet::TestProtocol::kUdp);
    for (int i = 0; i < 3; ++i) send("198.51.100.8", 80, 0, packet::TestProtocol::kTcp);
    send("198.51.100.8", 80, 0, packet::TestProtocol::kIcmp);
    CHECK(difference == "");
    const auto all = measured(*engines);
    const tooling::MeasuredByKey& nets = all.at("by_net");
    REQUIRE(nets.keys.size() == 3);
    CHECK(nets.refused == 0);
    const tooling::MeasuredValues& dns = nets.keys.at(Key{"198.51.100.0/24", "53"});
    CHECK(dns.sum == 142 + 143);
    CHECK(dns.largest == 143);
    CHECK(dns.buckets == std::map<std::uint64_t, std::uint64_t>{{128, 2}});  // 128 to 159
    CHECK(nets.keys.at(Key{"2001:db8::/64", "53"}).sum == 62);
    CHECK(all.at("all").keys.at(Key{}).sum == 27);
    engines->reset();
    CHECK(measured(*engines)["by_net"].keys.empty());
}

TEST_CASE("what does not fit is counted", "[measures]") {
    const auto engines = evaluators("rule r { when udp then measure packet.len by ip.src size 10 }\n");
    std::string difference;
    for (int round = 0; round < 2; ++round)
        for (std::uint32_t source = 0; source < 25; ++source)
            engines->judge(patched(udp4(), 26, be32(source)), difference);
    const auto all = measured(*engines);
    CHECK(all.at("r").keys.size() == 10);
    CHECK(all.at("r").refused == 30);
}

TEST_CASE("a packet that lacks the field or the key adds nothing; observed rules measure", "[measures]") {
    const auto engines = evaluators(
        "rule a { observe when ip then measure tcp.window by port.dst as windows, measure packet.len by vlan.id as "
        "tagged, drop }\n"
        "rule b { when tcp.syn and count(in 1h) > 1 then measure tcp.seq by tcp.syn as late, drop }\n");
    std::string difference;
    for (int i = 0; i < 3; ++i) engines->judge(tcp4({.flags = 2}), difference);
    engines->judge(udp4(), difference);
    CHECK(difference == "");
    const auto all = measured(*engines);
    REQUIRE(all.at("windows").keys.size() == 1);
    CHECK(all.at("tagged").keys.empty());
    CHECK(all.at("late").keys.at(Key{"true"}).buckets.begin()->second == 2);
}

TEST_CASE("durations of flows are measured, and their share is compared", "[measures]") {
    const auto engines = evaluators(
        "rule old { when tcp and share(flow.age > 1s, by port.dst, in 1h, of 2) > 49% then measure flow.age as old }\n"
        "rule age { when tcp then measure flow.age by port.dst }\n");
    std::string difference;
    constexpr std::uint64_t kMillisecond = 1'000'000;
    for (const std::uint64_t time_ns : {0 * kMillisecond, 1500 * kMillisecond, 1700 * kMillisecond})
        engines->judge(tcp4({.flags = 0x10}), difference, time_ns);
    CHECK(difference == "");
    const auto all = measured(*engines);
    REQUIRE(all.at("age").keys.size() == 1);
    CHECK(all.at("age").keys.begin()->second.sum == 3200 * kMillisecond);
    CHECK(all.at("old").keys.at(Key{}).sum == 3200 * kMillisecond);
}

TEST_CASE("random values by random keys", "[measures]") {
    Random random(7);
    for (const char* policy :
         {"rule r { when ip then measure ip.id by ip.src, measure ip.len by (ip.dst, ip.src, ip.ttl) as b size 1000 "
          "}\n",
          "rule r { when ip then measure tcp.seq by (eth.src, tcp.dport) size 50, measure tcp.ack_seq as b }\n",
          "rule r { when ip then measure packet.len by ip.is_fragment, measure ip.id by ip.src/8 as b size 4 }\n"}) {
        const auto engines = evaluators(policy);
        std::string difference;
        for (int i = 0; i < 2000; ++i) {
            packet::TestPacket packet;
            packet.protocol = packet::TestProtocol::kTcp;
            packet.source = *parse_ip("198.51.100." + std::to_string(random.below(40)));
            packet.destination = *parse_ip("192.0.2.1");
            packet.destination_port = static_cast<std::uint16_t>(random.below(3));
            packet.ttl = static_cast<std::uint8_t>(random.below(4));
            packet.eth_source.bytes[0] = static_cast<std::uint8_t>(2 * random.below(20));
            Bytes frame = packet::build_frame(packet);
            const auto bits = [&] {
                return static_cast<std::uint32_t>(random.below(std::uint64_t{1} << random.between(1, 32)));
            };
            frame = patched(frame, 38, be32(bits()));
            frame = patched(frame, 42, be32(bits()));
            engines->judge(frame, difference);
        }
        CHECK(difference == "");
        CHECK(measured(*engines).at("b").keys.size() >= 1);
    }
}

// Flows, sentence by sentence: docs/language.md, "Flows". On all evaluators.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/packet/direction.h"
#include "tests/support/engines.h"
#include "tests/support/frames.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000, kMinute = 60 * kSecond;
constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

// A segment of the client, 198.51.100.7:4000 -> 192.0.2.1:80, or of the server.
enum class From { kClient, kServer };
struct Segment {
    From from = From::kClient;
    std::uint8_t flags = kAck;
    std::uint32_t seq = 0, ack = 0;
    Bytes payload{};
    std::uint8_t ttl = 64;  // 1: the policy drops it; 2: it rejects it
    packet::Direction direction = packet::Direction::kIn;
    std::uint16_t client_port = 4000, server_port = 80;
};
Bytes frame_of(const Segment& s) {
    const bool is_client = s.from == From::kClient;
    Tcp header;
    header.source = is_client ? s.client_port : s.server_port;
    header.destination = is_client ? s.server_port : s.client_port;
    header.seq = s.seq;
    header.ack = s.ack;
    header.flags = s.flags;
    Ip4 ip;
    ip.ttl = s.ttl;
    ip.source = hex(is_client ? kSource4 : kDestination4);
    ip.destination = hex(is_client ? kDestination4 : kSource4);
    return eth(0x0800) + ip4(ip, tcp(header, s.payload));
}
Segment client(std::uint8_t flags, std::uint32_t seq = 0, std::uint32_t ack = 0, Bytes payload = {}) {
    return {From::kClient, flags, seq, ack, std::move(payload)};
}
Segment server(std::uint8_t flags, std::uint32_t seq = 0, std::uint32_t ack = 0, Bytes payload = {}) {
    return {From::kServer, flags, seq, ack, std::move(payload)};
}

Segment out(Segment segment) {
    segment.direction = packet::Direction::kOut;
    return segment;
}
Segment with_ttl(std::uint8_t ttl, Segment segment) {
    segment.ttl = ttl;
    return segment;
}

Bytes between(std::uint8_t protocol, const Bytes& body, From from = From::kClient, std::uint16_t fragment = 0) {
    Ip4 ip;
    ip.protocol = protocol;
    ip.fragment = fragment;
    ip.source = hex(from == From::kClient ? kSource4 : kDestination4);
    ip.destination = hex(from == From::kClient ? kDestination4 : kSource4);
    return eth(0x0800) + ip4(ip, body);
}

// What all evaluators say of one packet after the other.
class Conversation {
public:
    // `more`: rules of a case.
    explicit Conversation(const std::string& more = {}) {
        auto created = Evaluators::create(
            "default pass\n"
            "rule n { when flow.is_new then add ip.src to seen }\n"
            "rule e { when flow.established then add ip.src to seen }\n"
            "rule o { when flow.opened then add ip.src to seen }\n"
            "rule c { when flow.is_from_client then add ip.src to seen }\n"
            "rule r { when tcp.is_retransmit then add ip.src to seen }\n"
            "rule t { when flow.rtt >= 0s then add ip.src to seen }\n"
            "rule none { when not flow.packets >= 1 then add ip.src to seen }\n" +
            more +
            "rule dropped { when ip.ttl == 1 then drop }\nrule refused { when ip.ttl == 2 then reject }\n"
            "set seen : ip\n");
        INFO(why_not(created));
        REQUIRE(created);
        evaluators_ = std::move(*created);
        further_ = evaluators_->compiled().policy.rules.size() - 9;
    }

    void begin() { evaluators_->reset(), now_ns_ = 0; }
    void after(std::uint64_t ns) { now_ns_ += ns; }
    // What holds: n, e, o, c, r, t; x: the packet belongs to no flow. Then the further rules by number.
    std::string see(const Bytes& frame, packet::Direction direction = packet::Direction::kIn) {
        std::string difference;
        const Judged judged = evaluators_->judge(frame, difference, now_ns_, {}, direction);
        INFO(to_hex(frame));
        INFO(difference);
        CHECK(difference.empty());
        std::string seen;
        for (std::size_t rule = 0; rule < 7; ++rule)
            if (judged.has_matched(rule)) seen += "neocrtx"[rule];
        for (std::size_t rule = 0; rule < further_; ++rule)
            if (judged.has_matched(7 + rule)) seen += std::to_string(rule);
        return seen;
    }
    std::string see(const Segment& segment) { return see(frame_of(segment), segment.direction); }
    // SYN, SYN-ACK, ACK with numbers 100 and 900.
    void open() {
        CHECK(see(client(kSyn, 100)) == "nc");
        CHECK(see(server(kSyn | kAck, 900, 101)) == "");
        CHECK(see(client(kAck, 101, 901)) == "eoct");
    }

private:
    std::unique_ptr<Evaluators> evaluators_;
    std::size_t further_ = 0;
    std::uint64_t now_ns_ = 0;
};

}  // namespace

TEST_CASE("a handshake", "[flows]") {
    Conversation c;
    c.open();
    CHECK(c.see(server(kAck, 901, 101)) == "et");
    CHECK(c.see(client(kAck, 101, 901)) == "ect");
}

TEST_CASE("stages of a handshake go forward, one after the other", "[flows]") {
    Conversation c;
    SECTION("an ACK before the SYN-ACK opens nothing") {
        CHECK(c.see(client(kSyn, 100)) == "nc");
        CHECK(c.see(client(kAck, 101)) == "c");
        CHECK(c.see(server(kAck, 900, 101)) == "");
        CHECK(c.see(server(kSyn | kAck, 900, 101)) == "");
        CHECK(c.see(server(kAck, 901, 101)) == "");
        CHECK(c.see(client(kAck, 101, 901)) == "eoct");
    }
    SECTION("a SYN-ACK of the side that sent the SYN is no answer") {
        CHECK(c.see(client(kSyn, 100)) == "nc");
        CHECK(c.see(client(kSyn | kAck, 100)) == "c");
        CHECK(c.see(client(kAck, 101)) == "c");
    }
    SECTION("SYNs of both sides") {
        CHECK(c.see(client(kSyn, 100)) == "nc");
        CHECK(c.see(server(kSyn, 900)) == "");
        CHECK(c.see(server(kSyn | kAck, 900, 101)) == "");
        CHECK(c.see(client(kSyn | kAck, 100, 901)) == "eoct");
        CHECK(c.see(server(kAck, 901, 101)) == "et");
    }
}

TEST_CASE("a flow that was not seen from its SYN needs an ACK of each side", "[flows]") {
    Conversation c;
    SECTION("from the middle") {
        CHECK(c.see(client(kAck, 500, 900)) == "nc");
        CHECK(c.see(client(kAck, 500, 900)) == "c");
        CHECK(c.see(server(kAck, 900, 500)) == "eo");
        CHECK(c.see(client(kAck, 500, 900)) == "ec");
    }
    SECTION("from the SYN-ACK on") {
        CHECK(c.see(server(kSyn | kAck, 900, 101)) == "nc");
        CHECK(c.see(client(kAck, 101, 901)) == "eo");
    }
    SECTION("a segment without ACK is none") {
        CHECK(c.see(client(kAck, 500, 900)) == "nc");
        CHECK(c.see(server(kFin, 900)) == "");
        CHECK(c.see(server(kAck, 901, 500)) == "eo");
    }
}

TEST_CASE("which packets are a flow", "[flows]") {
    Conversation c;
    SECTION("UDP, either way") {
        CHECK(c.see(between(17, udp({4000, 53}))) == "nc");
        CHECK(c.see(between(17, udp({53, 4000}), From::kServer)) == "eo");
        CHECK(c.see(between(17, udp({4000, 53}))) == "ec");
        CHECK(c.see(between(17, udp({4001, 53}))) == "nc");
    }
    SECTION("SCTP is not UDP") {
        CHECK(c.see(between(17, udp({4000, 53}))) == "nc");
        CHECK(c.see(between(132, sctp(4000, 53))) == "nc");
        CHECK(c.see(between(132, sctp(53, 4000), From::kServer)) == "eo");
    }
    SECTION("echoes by addresses and number") {
        CHECK(c.see(between(1, icmp(8, 0, 7, 1))) == "nc");
        CHECK(c.see(between(1, icmp(8, 0, 8, 1))) == "nc");
        CHECK(c.see(between(1, icmp(0, 0, 7, 1), From::kServer)) == "eo");
        CHECK(c.see(between(1, icmp(8, 0, 7, 2))) == "ec");
    }
    SECTION("ICMP other than echo belongs to none") {
        CHECK(c.see(between(1, icmp(11, 0, 0, 0, counting(28)))) == "x");
        CHECK(c.see(between(1, icmp(13, 0, 7, 1, counting(12)))) == "x");
    }
    SECTION("other protocols by addresses") {
        CHECK(c.see(between(89, counting(24))) == "nc");
        CHECK(c.see(between(89, counting(24), From::kServer)) == "eo");
        CHECK(c.see(between(50, counting(24))) == "nc");
    }
    SECTION("later fragments and malformed packets belong to none") {
        CHECK(c.see(between(17, udp({4000, 53}, counting(16)), From::kClient, 0x2000)) == "nc");
        CHECK(c.see(between(17, counting(16), From::kClient, 0x0003)) == "x");
        CHECK(c.see(between(6, counting(8))) == "x");
        CHECK(c.see(eth(0x0806) + arp()) == "x");
    }
    SECTION("whatever VLAN") {
        CHECK(c.see(between(17, udp({4000, 53}))) == "nc");
        const Bytes plain = between(17, udp({53, 4000}), From::kServer);
        CHECK(c.see(macs() + tag(0x8100, 7) + Bytes(plain.begin() + 12, plain.end())) == "eo");
    }
    SECTION("IPv6 and IPv4 are apart") {
        CHECK(c.see(udp6({4000, 53})) == "nc");
        CHECK(c.see(udp4({4000, 53})) == "nc");
        CHECK(c.see(tcp6({4000, 80})) == "nc");
        Ip6 back;
        back.source = hex(kDestination6);
        back.destination = hex(kSource6);
        back.next = 17;
        CHECK(c.see(eth(0x86dd) + ip6(back, udp({53, 4000}))) == "eo");
    }
    SECTION("both ends the same: there is one side") {
        Ip4 ip;
        ip.protocol = 17;
        ip.destination = ip.source;
        const Bytes self = eth(0x0800) + ip4(ip, udp({4000, 4000}));
        CHECK(c.see(self) == "nc");
        CHECK(c.see(self) == "c");
    }
}

TEST_CASE("what is dropped leaves no trace, and what passes without a verdict is entered", "[flows]") {
    Conversation c;
    Segment dropped = client(kSyn, 100);
    dropped.ttl = 1;
    CHECK(c.see(dropped) == "nc");
    CHECK(c.see(dropped) == "nc");
    CHECK(c.see(server(kSyn | kAck, 900, 101)) == "nc");
    c.begin();
    c.open();
    Segment data = client(kAck, 101, 901, counting(10));
    data.ttl = 1;
    CHECK(c.see(data) == "ect");
    CHECK(c.see(data) == "ect");  // not seen before: no retransmit
    data.ttl = 64;
    CHECK(c.see(data) == "ect");
    CHECK(c.see(data) == "ecrt");
}

TEST_CASE("a flow ends after silence", "[flows]") {
    Conversation c;
    struct Silence {
        const char* about;
        std::uint64_t lasts_ns;
        bool is_answered, is_open, is_tcp;
    };
    const std::vector<Silence> silences{{"one side of TCP", 30 * kSecond, false, false, true},
                                        {"both sides of TCP", 5 * kMinute, true, false, true},
                                        {"established TCP", 125 * kMinute, true, true, true},
                                        {"one side of UDP", 30 * kSecond, false, false, false},
                                        {"both sides of UDP", 5 * kMinute, true, true, false}};
    for (const Silence& one : silences) {
        INFO(one.about);
        for (const std::uint64_t early : {std::uint64_t{1}, std::uint64_t{0}}) {
            c.begin();
            const Bytes next = one.is_tcp ? frame_of(client(kAck, 101, 901)) : between(17, udp({4000, 53}));
            c.see(one.is_tcp ? frame_of(client(kSyn, 100)) : next);
            if (one.is_answered)
                c.see(one.is_tcp ? frame_of(server(kSyn | kAck, 900, 101))
                                 : between(17, udp({53, 4000}), From::kServer));
            if (one.is_open && one.is_tcp) c.see(client(kAck, 101, 901));
            c.after(one.lasts_ns - early);
            CHECK((c.see(next).find('n') == std::string::npos) == (early == 1));
        }
    }
    SECTION("every packet that is entered begins the silence again, what is dropped does not") {
        c.begin();
        c.see(between(17, udp({4000, 53})));
        c.after(29 * kSecond);
        CHECK(c.see(between(17, udp({4000, 53}))) == "c");
        c.after(29 * kSecond);
        CHECK(c.see(between(17, udp({4000, 53}))) == "c");
        c.begin();
        c.see(client(kSyn, 100));
        c.after(29 * kSecond);
        Segment dropped = client(kSyn, 100);
        dropped.ttl = 1;
        CHECK(c.see(dropped) == "c");
        c.after(kSecond);
        CHECK(c.see(client(kSyn, 100)) == "nc");
    }
}

TEST_CASE("a RST ends a flow where its number is the next one", "[flows]") {
    Conversation c;
    const auto data_of_client = client(kAck, 101, 901, counting(10));  // up to 111
    c.open();
    SECTION("the highest of its side") {
        c.see(data_of_client);
        CHECK(c.see(client(kRst, 111)) == "ect");
        CHECK(c.see(server(kAck, 901, 111)) == "nc");
    }
    SECTION("the last that the other side has acknowledged") {
        c.see(data_of_client);
        CHECK(c.see(client(kRst, 101)) == "ect");  // the SYN-ACK acknowledged it
        CHECK(c.see(server(kAck, 901, 111)) == "nc");
    }
    SECTION("any other number ends nothing") {
        c.see(data_of_client);
        for (const std::uint32_t number : {0u, 100u, 102u, 110u, 112u, 901u})
            CHECK(c.see(client(kRst, number)) == "ect");
        CHECK(c.see(client(kRst | kAck, 110, 901)) == "ect");
        CHECK(c.see(server(kAck, 901, 111)) == "et");
    }
    SECTION("a RST that is dropped ends nothing") {
        Segment reset = client(kRst, 101);
        reset.ttl = 1;
        CHECK(c.see(reset) == "ect");
        CHECK(c.see(server(kAck, 901, 101)) == "et");
    }
    SECTION("its own numbers count for nothing") {
        CHECK(c.see(client(kRst, 5000, 0, counting(20))) == "ect");
        CHECK(c.see(client(kRst, 5020)) == "ect");
        CHECK(c.see(server(kAck, 901, 101)) == "et");
    }
    SECTION("what nobody has sent is not acknowledged") {
        CHECK(c.see(server(kAck, 901, 4000)) == "et");
        CHECK(c.see(client(kRst, 4000)) == "ect");
        CHECK(c.see(server(kAck, 901, 101)) == "et");
        CHECK(c.see(server(kAck, 901, 50)) == "et");  // nor taken back
        CHECK(c.see(client(kRst, 50)) == "ect");
        CHECK(c.see(server(kAck, 901, 101)) == "et");
    }
}

TEST_CASE("a RST of a side that was not seen, and one that begins a flow", "[flows]") {
    Conversation c;
    CHECK(c.see(client(kSyn, 100)) == "nc");
    CHECK(c.see(server(kRst | kAck, 77, 101)) == "");
    CHECK(c.see(client(kSyn, 100)) == "nc");
    c.begin();
    CHECK(c.see(client(kRst, 5)) == "nc");
    CHECK(c.see(client(kRst, 5)) == "nc");
}

TEST_CASE("a SYN without ACK behind a FIN begins the next flow", "[flows]") {
    Conversation c;
    c.open();
    CHECK(c.see(client(kSyn, 5000)) == "ect");  // no FIN yet
    SECTION("of its own side") { CHECK(c.see(client(kFin | kAck, 101, 901)) == "ect"); }
    SECTION("of the other side") { CHECK(c.see(server(kFin | kAck, 901, 101)) == "et"); }
    CHECK(c.see(client(kSyn | kAck, 5000)) == "ect");
    Segment dropped = client(kSyn, 5000);
    dropped.ttl = 1;
    CHECK(c.see(dropped) == "nc");
    CHECK(c.see(client(kAck, 102, 902)) == "ect");  // it was not entered
    CHECK(c.see(server(kSyn, 7000)) == "nc");
    CHECK(c.see(client(kSyn | kAck, 5000, 7001)) == "");
    CHECK(c.see(server(kAck, 7001, 5001)) == "eoct");
}

TEST_CASE("retransmits", "[flows]") {
    Conversation c;
    c.open();
    CHECK(c.see(client(kAck, 101, 901, counting(10))) == "ect");
    CHECK(c.see(client(kAck, 101, 901, counting(10))) == "ecrt");
    CHECK(c.see(client(kAck, 106, 901, counting(5))) == "ecrt");
    CHECK(c.see(client(kAck, 106, 901, counting(6))) == "ect");
    CHECK(c.see(client(kAck, 101, 901)) == "ect");                      // without payload
    CHECK(c.see(server(kAck, 901, 112, counting(3))) == "et");          // each side has numbers of its own
    CHECK(c.see(client(kAck | kFin, 106, 901, counting(6))) == "ect");  // the FIN is new
    CHECK(c.see(client(kAck | kFin, 106, 901, counting(6))) == "ecrt");
    SECTION("the numbers wrap") {
        c.begin();
        c.see(client(kAck, 0xfffffffb, 1, counting(10)));
        CHECK(c.see(client(kAck, 0xfffffffb, 1, counting(10))) == "cr");
        CHECK(c.see(client(kAck, 5, 1, counting(10))) == "c");
        CHECK(c.see(client(kAck, 5, 1, counting(10))) == "cr");
    }
    SECTION("they move forward by 2^20 at most") {
        c.begin();
        c.see(client(kAck, 0, 1, counting(1)));              // 1
        c.see(client(kAck, 1 + (1 << 21), 1, counting(1)));  // 1 + 2^20
        CHECK(c.see(client(kAck, 1 << 20, 1, counting(1))) == "cr");
        CHECK(c.see(client(kAck, (1 << 20) + 1, 1, counting(1))) == "c");
    }
}

TEST_CASE("counts of a flow, this packet included", "[flows]") {
    Conversation c(
        "rule p1 { when flow.packets == 1 then add ip.src to seen }\n"
        "rule p2 { when flow.packets == 2 then add ip.src to seen }\n"
        "rule p3 { when flow.packets >= 3 then add ip.src to seen }\n"
        "rule b54 { when flow.bytes == 54 then add ip.src to seen }\n"
        "rule b118 { when flow.bytes == 118 then add ip.src to seen }\n"
        "rule b172 { when flow.bytes > 171 and flow.bytes < 173 then add ip.src to seen }\n");
    CHECK(c.see(client(kSyn, 100)) == "nc03");
    CHECK(c.see(server(kSyn | kAck, 900, 101, counting(10))) == "14");
    Segment dropped = client(kAck, 101, 901);
    dropped.ttl = 1;
    CHECK(c.see(dropped).find("25") != std::string::npos);
    CHECK(c.see(client(kAck, 101, 911)) == "eoct25");
}

TEST_CASE("the age of a flow", "[flows]") {
    Conversation c(
        "rule young { when flow.age < 10ms then add ip.src to seen }\n"
        "rule exact { when flow.age == 10ms then add ip.src to seen }\n"
        "rule old { when flow.age > 10ms then add ip.src to seen }\n");
    CHECK(c.see(client(kSyn, 100)) == "nc0");
    c.after(10 * kMillisecond - 1);
    CHECK(c.see(client(kSyn, 100)) == "c0");
    c.after(1);
    CHECK(c.see(client(kSyn, 100)) == "c1");
    c.after(1);
    CHECK(c.see(client(kSyn, 100)) == "c2");
}

TEST_CASE("the round-trip time of a handshake that comes in", "[flows]") {
    Conversation c(
        "rule below { when flow.rtt < 50us then add ip.src to seen }\n"
        "rule exact { when flow.rtt == 50us then add ip.src to seen }\n"
        "rule above { when flow.rtt > 50us then add ip.src to seen }\n");
    SECTION("from the first SYN-ACK to the ACK") {
        c.see(client(kSyn, 100));
        c.after(7 * kSecond);
        c.see(server(kSyn | kAck, 900, 101));
        c.after(20 * kMicrosecond);
        c.see(server(kSyn | kAck, 900, 101));
        c.after(30 * kMicrosecond);
        CHECK(c.see(client(kAck, 101, 901)) == "eoct1");
        c.after(kSecond);
        CHECK(c.see(client(kAck, 101, 901)) == "ect1");
        CHECK(c.see(server(kAck, 901, 101)) == "et1");
    }
    SECTION("none of a flow that was not seen from its SYN") {
        c.see(server(kSyn | kAck, 900, 101));
        CHECK(c.see(client(kAck, 101, 901)) == "eo");
    }
}

TEST_CASE("the round-trip time of a handshake that the host begins", "[flows]") {
    Conversation c(
        "rule exact { when flow.rtt == 50us then add ip.src to seen }\n"
        "rule other { when flow.rtt != 50us then add ip.src to seen }\n");
    c.see(out(client(kSyn, 100)));
    c.after(kSecond);
    c.see(out(client(kSyn, 100)));  // the last SYN counts
    c.after(50 * kMicrosecond);
    CHECK(c.see(server(kSyn | kAck, 900, 101)) == "");
    c.after(9 * kMicrosecond);
    CHECK(c.see(server(kSyn | kAck, 900, 101)) == "");
    c.see(out(client(kAck, 101, 901)));
    CHECK(c.see(server(kAck, 901, 101)) == "et0");
    SECTION("a SYN that came in after one of the host's is timed as what comes in") {
        c.begin();
        c.see(out(client(kSyn, 100)));
        c.see(client(kSyn, 100));
        c.after(kSecond);
        c.see(server(kSyn | kAck, 900, 101));
        c.after(50 * kMicrosecond);
        CHECK(c.see(client(kAck, 101, 901)) == "eoct0");
    }
}

TEST_CASE("packets on their way out are looked up and entered", "[flows]") {
    Conversation c(
        "rule known { egress when flow.packets > 1 then add ip.src to seen }\n"
        "rule begun { egress when flow.is_new then add ip.src to seen }\n"
        "rule unwanted { egress when ip.ttl == 1 then drop }\n");
    CHECK(c.see(out(client(kSyn, 100))) == "1");
    CHECK(c.see(server(kSyn | kAck, 900, 101)) == "");
    CHECK(c.see(out(client(kAck, 101, 901))) == "0");
    CHECK(c.see(server(kAck, 901, 101)) == "et");
    c.begin();
    CHECK(c.see(with_ttl(1, out(client(kSyn, 100)))) == "12");
    CHECK(c.see(server(kSyn | kAck, 900, 101)) == "nc");
}

TEST_CASE("a flow ends with a packet of it that is rejected", "[flows]") {
    Conversation c;
    c.open();
    CHECK(c.see(with_ttl(2, client(kAck, 101, 901))) == "ect");
    CHECK(c.see(server(kAck, 901, 101)) == "nc");
    c.begin();
    CHECK(c.see(with_ttl(2, client(kSyn, 100))) == "nc");
    CHECK(c.see(client(kSyn, 100)) == "nc");
}

TEST_CASE("messages and keys name fields of flows", "[flows]") {
    auto created = Evaluators::create(
        "alert a { message \"{flow.packets} {flow.age} {flow.rtt} {flow.established}\" throttle 1 per flow.packets "
        "every 1h }\n"
        "rule r { when flow.packets > 0 then alert a }\n"
        "rule s { when count(flow.is_from_client, in 1h) > 1 then drop }\n");
    INFO(why_not(created));
    REQUIRE(created);
    std::string difference;
    const auto see = [&](From from) {
        return (*created)->judge(frame_of({.from = from}), difference, 0).suppressed.at(0) == WEIR_HELD_BACK;
    };
    CHECK_FALSE(see(From::kClient));  // its first packet, its second one
    CHECK_FALSE(see(From::kServer));
    CHECK(difference.empty());
    INFO(difference);
}

TEST_CASE("the latency of HTTP", "[flows]") {
    Conversation c(
        "rule some { when http.latency >= 0s then add ip.src to seen }\n"
        "rule slow { when http.latency > 20ms then add ip.src to seen }\n");
    const Bytes request = text("GET / HTTP/1.1\r\n\r\n"), answer = text("HTTP/1.1 200 OK\r\n\r\n");
    c.open();
    CHECK(c.see(server(kAck, 901, 101, answer)) == "et");  // nobody has asked
    CHECK(c.see(client(kAck, 101, 901, request)) == "ect");
    c.after(10 * kMillisecond);
    CHECK(c.see(client(kAck, 200, 901, request)) == "ect");
    c.after(20 * kMillisecond);
    CHECK(c.see(server(kAck, 1000, 101, answer)) == "et0");
    c.after(1);
    CHECK(c.see(server(kAck, 1100, 101, text("HTTP/1.1 ???"))) == "et01");  // an answer whatever its status
    CHECK(c.see(server(kAck, 1200, 101, text("body"))) == "et");
    SECTION("a request that is dropped was not made") {
        c.begin();
        c.open();
        Segment dropped = client(kAck, 101, 901, request);
        dropped.ttl = 1;
        c.see(dropped);
        CHECK(c.see(server(kAck, 901, 101, answer)) == "et");
    }
}

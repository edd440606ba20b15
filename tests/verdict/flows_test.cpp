// Flows, sentence by sentence: docs/language.md, "Flows". On all evaluators.
#include "tests/verdict/flow_conversation.h"

using namespace weir;
using namespace weir::tests;
using namespace weir::tests::flows;

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

// What the fields of flows say, and where flows are entered. docs/language.md, "Flows". On all evaluators.
#include "tests/verdict/flow_conversation.h"

using namespace weir;
using namespace weir::tests;
using namespace weir::tests::flows;

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

// Messages and tunnels of test packets.
#include <catch2/catch.hpp>

#include "compiler/packet/dns_reader.h"
#include "compiler/packet/http_reader.h"
#include "compiler/packet/tls_reader.h"
#include "tests/unit/sema/checked.h"

using namespace weir;
using namespace weir::tests;

namespace {

Checked sent(const std::string& packet) {
    return check("let four = 4\nrule r { when tcp then drop }\ntest \"t\" { " + packet + " => pass }\n");
}
std::vector<std::uint8_t> frame(const std::string& packet) {
    const Checked checked = sent(packet);
    REQUIRE(checked.compiled);
    return std::get<policy::SendFrames>(checked.compiled->policy.tests.at(0).steps.at(0).node).frames.at(0);
}
std::span<const std::uint8_t> behind(const std::vector<std::uint8_t>& frame, std::size_t headers) {
    return std::span(frame).subspan(headers);
}
constexpr std::size_t kUdpHeaders = 42, kTcpHeaders = 54;

packet::DnsMessage dns(const std::string& message) {
    const auto bytes = frame("udp 10.0.0.1:4000 -> 10.0.0.2:53 " + message);
    const auto read = packet::read_dns(behind(bytes, kUdpHeaders));
    REQUIRE(read);
    return *read;
}
packet::TlsRecord tls(const std::string& message) {
    const auto bytes = frame("tcp 10.0.0.1:4000 -> 10.0.0.2:443 psh " + message);
    const auto read = packet::read_tls(behind(bytes, kTcpHeaders));
    REQUIRE(read);
    return *read;
}
packet::HttpHead http(const std::string& message) {
    const auto bytes = frame("tcp 10.0.0.1:4000 -> 10.0.0.2:80 " + message);
    const auto read = packet::read_http(behind(bytes, kTcpHeaders));
    REQUIRE(read);
    return *read;
}
bool fails(const std::string& packet) { return sent(packet).has(Code::E333); }

}  // namespace

TEST_CASE("dns of a test packet") {
    CHECK(dns("dns query \"a.example\" A").qtype == 1);
    CHECK(dns("dns query \"a.example\" aaaa ttl 3").qtype == 28);
    CHECK(dns("dns query \"a.example\" 64").qtype == 64);
    CHECK(dns("dns query \"a.example\"").qtype == 1);
    const packet::DnsMessage response = dns("dns response \"A.example.\" MX rcode 3 answers 2");
    CHECK(response.qname.text() == "a.example");
    CHECK(response.is_response);
    CHECK(response.rcode == 3);
    CHECK(response.answers == 2);
    CHECK(dns("dns response \"\" NS answers four").answers == 4);
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns \"a\" A"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns query A"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"a\" 65536"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"a..b\" A"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"" + std::string(64, 'a') + "\" A"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"a\" A answers 1"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns response \"a\" A rcode 16"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns response \"a\" A answers 501"));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"a\" A"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 payload \"x\" dns query \"a\" A"));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"a\" A payload \"x\""));
}

TEST_CASE("tls of a test packet") {
    const packet::TlsRecord hello = tls("tls hello \"a.example\" alpn \"h2\" version 0x0304 ack");
    CHECK(hello.sni->text() == "a.example");
    CHECK(hello.alpn == "h2");
    CHECK(hello.version == 0x0303);
    CHECK(tls("tls hello \"a.example\" version 0x0301").version == 0x0301);
    CHECK(!tls("tls hello \"\"").sni);
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:443 tls \"a\""));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:443 tls hello"));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:443 tls hello \"a\" version 0x0305"));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:443 alpn \"h2\""));
    CHECK(fails("udp 10.0.0.1:1 -> 10.0.0.2:443 tls hello \"a\""));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:443 tls hello \"" + std::string(256, 'a') + "\""));
}

TEST_CASE("http of a test packet") {
    for (const char* method : {"get", "head", "post", "put", "delete", "connect", "options", "trace", "patch", "GET"})
        CHECK(packet::folded(*http("http " + std::string(method) + " \"/a?b\"").method) == packet::folded(method));
    const packet::HttpHead request = http("http get \"/a?b\" host \"a.example\" user_agent \"x y\" psh");
    CHECK(request.target == "/a?b");
    CHECK(request.host->text() == "a.example");
    CHECK(request.user_agent == "x y");
    CHECK(http("http status 503").status == 503);
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:80 http \"/\""));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:80 http fetch \"/\""));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:80 http status 1000"));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:80 http status 200 host \"a\""));
    CHECK(fails("tcp 10.0.0.1:1 -> 10.0.0.2:80 host \"a\""));
}

TEST_CASE("a packet inside of another") {
    const std::string inner = "udp 10.0.0.1:1 -> 10.0.0.2:2 payload \"x\" ";
    const auto plain = frame(inner);
    const auto vxlan = frame(inner + "inside vxlan 42 192.0.2.1 -> 192.0.2.2 ttl 9 vlan 7 on \"eth1\"");
    REQUIRE(vxlan.size() == plain.size() + 4 + 50);
    CHECK(vxlan[14 + 4 + 8] == 9);
    CHECK(std::vector(vxlan.end() - static_cast<std::ptrdiff_t>(plain.size()), vxlan.end()) == plain);
    CHECK(vxlan[18 + 28 + 6] == 42);
    CHECK(frame(inner + "inside geneve four [2001:db8::1]:7 -> [2001:db8::2]:8").size() == plain.size() + 70);
    CHECK(frame(inner + "inside gre 192.0.2.1 -> 192.0.2.2").size() == plain.size() - 14 + 38);
    CHECK(frame(inner + "inside gre key 7 192.0.2.1 -> 192.0.2.2").size() == plain.size() - 14 + 42);
    CHECK(frame(inner + "vlan 3 inside gre 192.0.2.1 -> 192.0.2.2").size() == plain.size() + 4 + 38);
    CHECK(frame(inner + "inside ipip 2001:db8::1 -> 2001:db8::2").size() == plain.size() + 40);
    CHECK(frame(inner + "inside ipip 192.0.2.1 -> 192.0.2.2 inside vxlan 1 192.0.2.3 -> 192.0.2.4").size() ==
          plain.size() + 20 + 50);
    CHECK(frame("hex\"0011\" inside vxlan 1 192.0.2.1 -> 192.0.2.2").size() == 52);
    CHECK(sent(inner + "inside vxlna 42 192.0.2.1 -> 192.0.2.2").has(Code::E370));
    for (const char* tunnel :
         {"vxlan 192.0.2.1 -> 192.0.2.2", "vxlan 16777216 192.0.2.1 -> 192.0.2.2", "gre 7 192.0.2.1 -> 192.0.2.2",
          "gre key 192.0.2.1 -> 192.0.2.2", "ipip 4 192.0.2.1 -> 192.0.2.2", "gre 192.0.2.1:5 -> 192.0.2.2",
          "vxlan 42 192.0.2.1 -> 2001:db8::1", "vxlan 42 192.0.2.1 -> 192.0.2.2 payload \"x\"",
          "vxlan 42 192.0.2.1 -> 192.0.2.2 syn", "vxlan 42 192.0.2.1 -> 192.0.2.2:{1..3}"})
        CHECK(fails(inner + "inside " + tunnel));
    CHECK(fails(inner + "on \"eth1\" inside vxlan 42 192.0.2.1 -> 192.0.2.2"));
    CHECK(fails(inner + "vlan 3 inside ipip 192.0.2.1 -> 192.0.2.2"));
    CHECK(fails("hex\"0011\" inside ipip 192.0.2.1 -> 192.0.2.2"));
    CHECK(sent(inner + "inside vxlan 42 192.0.2.1 192.0.2.2").has(Code::E101));
    CHECK(sent(inner + "inside").has(Code::E101));
}

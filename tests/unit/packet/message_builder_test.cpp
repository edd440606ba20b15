// Messages of test packets, as the oracle's readers see them, and tunnels.
#include <catch2/catch.hpp>

#include "compiler/packet/dns_reader.h"
#include "compiler/packet/frame_builder.h"
#include "compiler/packet/http_reader.h"
#include "compiler/packet/message_builder.h"
#include "compiler/packet/tls_reader.h"

using namespace weir;
using namespace weir::packet;

namespace {

std::span<const std::uint8_t> bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// RFC 1071 over a header whose checksum is right: all ones.
std::uint32_t sum(std::span<const std::uint8_t> header) {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < header.size(); i += 2)
        total += static_cast<std::uint32_t>(header[i]) << 8 | (i + 1 < header.size() ? header[i + 1] : 0u);
    while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
    return total;
}

TestPacket from_to(const char* source, const char* destination) {
    TestPacket packet;
    packet.source = *parse_ip(source);
    packet.destination = *parse_ip(destination);
    return packet;
}

}  // namespace

TEST_CASE("messages: dns") {
    const std::string text = dns_message({true, "Www.example.com.", 28, 3, 2});
    const auto message = read_dns(bytes(text));
    REQUIRE(message);
    CHECK(message->qname.text() == "www.example.com");
    CHECK(message->qtype == 28);
    CHECK(message->is_response);
    CHECK(message->rcode == 3);
    CHECK(message->answers == 2);
    CHECK(text.size() == 12 + 17 + 4 + 2 * (12 + 16));
    CHECK(read_dns(bytes(dns_message({})))->qname.labels.empty());
    const std::string longest =
        std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c') + '.' + std::string(61, 'd');
    REQUIRE(longest.size() == kMaxDomainBytes);
    CHECK(read_dns(bytes(dns_message({false, longest})))->qname.text() == longest);
}

TEST_CASE("messages: tls") {
    const auto hello = read_tls(bytes(client_hello({"a.example", "h2"})));
    REQUIRE(hello);
    CHECK(hello->is_client_hello);
    CHECK(!hello->is_cut);
    CHECK(hello->version == 0x0303);
    CHECK(hello->sni->text() == "a.example");
    CHECK(hello->alpn == "h2");
    const auto old = read_tls(bytes(client_hello({"", {}, 0x0301})));
    CHECK(old->version == 0x0301);
    CHECK(!old->sni);
    CHECK(!old->alpn);
    CHECK(!old->is_cut);
}

TEST_CASE("messages: http") {
    const auto request = read_http(bytes(http_request({"POST", "/a?b", "a.example:80", "curl"})));
    REQUIRE(request);
    CHECK(request->method == "POST");
    CHECK(request->path == "/a");
    CHECK(request->host->text() == "a.example");
    CHECK(request->user_agent == "curl");
    CHECK(!request->is_cut);
    CHECK(!read_http(bytes(http_request({"GET", "/", {}, {}})))->host);
    const auto response = read_http(bytes(http_response(503)));
    CHECK(response->status == 503);
    CHECK(!response->is_cut);
}

TEST_CASE("tunnels: headers, lengths and checksums") {
    TestPacket inner = from_to("10.0.0.1", "10.0.0.2");
    inner.destination_port = 80;
    const auto frame = build_frame(inner);
    const std::size_t ip_bytes = frame.size() - 14;
    TestPacket outer = from_to("192.0.2.1", "192.0.2.2");
    outer.destination_port = 4789;
    const auto vxlan = *build_tunnel(frame, {TestTunnel::kVxlan, 0xabcdef}, outer);
    REQUIRE(vxlan.size() == 14 + 20 + 8 + 8 + frame.size());
    CHECK(std::vector(vxlan.begin() + 42, vxlan.begin() + 50) ==
          std::vector<std::uint8_t>{8, 0, 0, 0, 0xab, 0xcd, 0xef, 0});
    CHECK(std::vector(vxlan.begin() + 50, vxlan.end()) == frame);
    CHECK(sum(std::span(vxlan).subspan(14, 20)) == 0xffff);
    CHECK(vxlan[23] == 17);
    const auto geneve = *build_tunnel(frame, {TestTunnel::kGeneve, 42}, outer);
    CHECK(std::vector(geneve.begin() + 42, geneve.begin() + 50) ==
          std::vector<std::uint8_t>{0, 0, 0x65, 0x58, 0, 0, 42, 0});
    const auto gre = *build_tunnel(frame, {TestTunnel::kGre, 0, 7, false}, outer);
    REQUIRE(gre.size() == 14 + 20 + 8 + ip_bytes);
    CHECK(gre[23] == 47);
    CHECK(std::vector(gre.begin() + 34, gre.begin() + 42) == std::vector<std::uint8_t>{0x20, 0, 8, 0, 0, 0, 0, 7});
    const auto bridged = *build_tunnel(frame, {TestTunnel::kGre}, outer);
    CHECK(std::vector(bridged.begin() + 34, bridged.begin() + 38) == std::vector<std::uint8_t>{0, 0, 0x65, 0x58});
    const auto outer6 = from_to("2001:db8::1", "2001:db8::2");
    const auto ipip = *build_tunnel(frame, {TestTunnel::kIpip}, outer6);
    REQUIRE(ipip.size() == 14 + 40 + ip_bytes);
    CHECK(ipip[20] == 4);
    CHECK(build_tunnel(build_frame(outer6), {TestTunnel::kIpip}, outer)->at(23) == 41);
    inner.vlans = {7};
    CHECK(!build_tunnel(build_frame(inner), {TestTunnel::kIpip}, outer));
    CHECK(build_tunnel(build_frame(inner), {TestTunnel::kVxlan}, outer));
}

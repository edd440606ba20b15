// The bytes of answers: what BPF_PROG_TEST_RUN makes of rejected frames against tests/support/answers.h.
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "compiler/packet/packet.h"
#include "runtime/engine/program.h"
#include "tests/support/answers.h"
#include "tests/support/engines.h"
#include "tests/support/random_packet.h"
#include "tests/support/stack.h"

using namespace weir;
using namespace weir::tests;

namespace {

struct Outcome {
    std::uint32_t action = 0;
    Bytes frame{};
};

// A policy in the kernel, as an engine loads it.
class Rejecting {
public:
    explicit Rejecting(const std::string& policy) {
        const Analysed read = analysed(policy);
        INFO(read.said);
        REQUIRE(read.compiled != nullptr);
        auto object = compile(*read.compiled, {});
        REQUIRE(object);
        CHECK(stack_complaint(object->elf) == "");
        auto program = runtime::Program::load(*object, {});
        INFO((program ? std::string() : program.error().message));
        REQUIRE(program);
        program_ = std::move(*program);
    }

    Outcome run(const Bytes& frame) const {
        Outcome outcome;
        outcome.frame.resize(8192);
        LIBBPF_OPTS(bpf_test_run_opts, opts);
        opts.data_in = frame.data();
        opts.data_size_in = static_cast<__u32>(frame.size());
        opts.data_out = outcome.frame.data();
        opts.data_size_out = static_cast<__u32>(outcome.frame.size());
        opts.repeat = 1;
        REQUIRE(bpf_prog_test_run_opts(program_.fd(), &opts) == 0);
        outcome.action = opts.retval;
        outcome.frame.resize(opts.data_size_out);
        return outcome;
    }

private:
    runtime::Program program_;
};

void check_answer(const Rejecting& policy, const Bytes& frame, const std::string& about) {
    INFO(about << ": " << to_hex(cut(frame, std::min<std::size_t>(frame.size(), 200))));
    const auto expected = answer_to(frame);
    REQUIRE(expected);
    const Outcome outcome = policy.run(frame);
    CHECK(outcome.action == XDP_TX);
    CHECK(to_hex(outcome.frame) == to_hex(*expected));
    CHECK(wrong_checksum(outcome.frame) == "");
}

constexpr std::string_view kEverything = "default reject\n";

struct Row {
    std::string about;
    Bytes frame;
};

// TCP's segments: what is in them, and how much.
std::vector<Row> segments() {
    const auto of = [](const Tcp& header, const Bytes& body) {
        return std::vector<Bytes>{tcp4(header, body), tcp6(header, body)};
    };
    std::vector<Row> rows;
    for (const unsigned flags : {0x02u, 0x12u, 0x10u, 0x18u, 0x11u, 0x01u, 0x00u, 0x03u, 0x29u, 0xffu & ~4u, 0xc2u})
        for (const std::size_t payload : {0u, 1u, 6u, 7u, 500u, 1400u, 3200u})
            for (const std::uint32_t seq : {0u, 1u, 0xdeadbeefu, 0xffffffffu})
                for (const Bytes& frame :
                     of({.seq = seq, .ack = seq ^ 0x12345678u, .flags = static_cast<std::uint8_t>(flags)},
                        counting(payload)))
                    rows.push_back({fmt::format("flags {:02x}, {} bytes, seq {}", flags, payload, seq), frame});
    const Bytes options = hex("020405b4 0402 080a 00000001 00000000 01 030307");
    for (const Bytes& frame : of({.options = options}, text("x"))) rows.push_back({"options of TCP", frame});
    return rows;
}

std::vector<Row> other_datagrams() {
    std::vector<Row> rows;
    for (const std::size_t payload : {0u,   1u,   2u,   3u,   4u,   5u,    7u,    100u,  255u,  256u,  300u,
                                      519u, 520u, 521u, 522u, 600u, 1183u, 1184u, 1185u, 1190u, 1472u, 3000u}) {
        rows.push_back({fmt::format("UDP, {} bytes", payload), udp4({}, counting(payload))});
        rows.push_back({fmt::format("UDP over IPv6, {} bytes", payload), udp6({}, counting(payload))});
        rows.push_back({fmt::format("GRE, {} bytes", payload), in4(47, counting(payload))});
        rows.push_back({fmt::format("ESP over IPv6, {} bytes", payload), in6(50, counting(payload))});
    }
    rows.push_back({"ping", in4(1, icmp(8, 0, 7, 1, text("abcdefgh")))});
    rows.push_back({"answer to a ping", in4(1, icmp(0, 0, 7, 1, text("abcdefg")))});
    rows.push_back({"ping of IPv6", in6(58, icmp(128, 0, 7, 1, text("abcdefg")))});
    rows.push_back({"neighbour solicitation to one", in6(58, icmp(135, 0, 0, 0, hex(kDestination6)))});
    rows.push_back({"SCTP", in4(132, sctp(1, 2, text("xyz")))});
    rows.push_back({"IPv4 without anything", in4(99, {})});
    rows.push_back({"IPv6 without anything", in6(59, {})});
    return rows;
}

// The same datagram with other headers before it.
std::vector<Row> headers() {
    const Bytes segment = tcp({.seq = 77}, text("ab")), datagram = udp({}, text("abc"));
    const auto frame4 = [&](const Ip4& ip, const Bytes& body) { return eth(0x0800) + ip4(ip, body); };
    const auto frame6 = [&](const Bytes& front, std::uint8_t next, const Bytes& body) {
        return eth(0x86dd) + ip6({.next = next}, front + body);
    };
    std::vector<Row> rows;
    for (const std::size_t words : {1u, 3u, 10u}) {
        const Bytes options = Bytes(4 * words, 1);
        const auto ihl = static_cast<std::uint8_t>(0x45 + words);
        rows.push_back({"options, TCP", frame4({.version_ihl = ihl, .options = options}, segment)});
        rows.push_back({"options, UDP", frame4({.version_ihl = ihl, .protocol = 17, .options = options}, datagram)});
    }
    rows.push_back({"class and TTL 1", frame4({.tos = 0xb8, .ttl = 1}, segment)});
    rows.push_back({"first fragment, TCP", frame4({.fragment = 0x2000}, segment)});
    rows.push_back({"first fragment, UDP", frame4({.fragment = 0x2000, .protocol = 17}, datagram)});
    rows.push_back({"hop-by-hop, TCP", frame6(extension(6, 2), 0, segment)});
    rows.push_back({"destination options and AH, UDP", frame6(extension(51) + authentication(17, 24), 60, datagram)});
    rows.push_back({"first fragment of IPv6, TCP", frame6(fragment(6, 1), 44, segment)});
    rows.push_back({"first fragment of IPv6, UDP", frame6(fragment(17, 1), 44, datagram)});
    rows.push_back({"longest header of IPv6, TCP", frame6(extension(6, 256), 0, segment)});
    rows.push_back({"longest header of IPv6, UDP", frame6(extension(17, 256), 0, datagram)});
    return rows;
}

std::vector<Row> links() {
    std::vector<Row> rows;
    const Ip4 udp_ip{.protocol = 17};
    const Bytes bodies[] = {ip4({}, tcp({})), ip4(udp_ip, udp({}, text("q"))), ip6({}, tcp({})),
                            ip6({.next = 17}, udp({}, text("q")))};
    for (const Bytes& body : bodies) {
        const Bytes type = body[0] >> 4 == 4 ? hex("0800") : hex("86dd"),
                    ppp = body[0] >> 4 == 4 ? hex("0021") : hex("0057");
        for (const std::uint16_t tpid : {std::uint16_t{0x8100}, std::uint16_t{0x88a8}, std::uint16_t{0x9100}}) {
            rows.push_back({"a tag", macs() + tag(tpid, 0xe007) + type + body});
            rows.push_back({"two tags", macs() + tag(tpid, 0x2007) + tag(0x8100, 9) + type + body});
        }
        const Bytes session = pppoe({.ppp = ppp}, body), short_number = pppoe({.ppp = {ppp[1]}}, body);
        rows.push_back({"PPPoE", macs() + hex("8864") + session});
        rows.push_back({"PPPoE, one byte of PPP", macs() + hex("8864") + short_number});
        rows.push_back({"PPPoE behind two tags", macs() + tag(0x88a8, 1) + tag(0x8100, 2) + hex("8864") + session});
        rows.push_back({"padding", macs() + type + body + Bytes(40, 0xee)});
    }
    return rows;
}

Bytes with_source4(const char* address, const Bytes& body = tcp({})) {
    return eth(0x0800) + ip4({.source = hex(address)}, body);
}
Bytes with_destination4(const char* address) { return eth(0x0800) + ip4({.destination = hex(address)}, tcp({})); }
Bytes with_source6(const char* address) { return eth(0x86dd) + ip6({.source = hex(address)}, tcp({})); }

// docs/language.md: each kind of what is never answered.
std::vector<Row> never_answered() {
    std::vector<Row> rows = {
        {"MAC broadcast", patched(tcp4(), 0, hex("ffffffffffff"))},
        {"MAC multicast", patched(tcp4(), 0, hex("01005e000001"))},
        {"MAC multicast of IPv6", patched(udp6(), 0, hex("333300000001"))},
        {"sent by a group", patched(tcp4(), 6, hex("030000000001"))},
        {"to a multicast address", with_destination4("e0000001")},
        {"to the last multicast address", with_destination4("efffffff")},
        {"to broadcast", with_destination4("ffffffff")},
        {"to multicast of IPv6",
         eth(0x86dd) + ip6({.next = 17, .destination = hex("ff020000000000000000000000000001")}, udp({}))},
        {"from multicast", with_source4("e0000001")},
        {"from broadcast", with_source4("ffffffff")},
        {"from 0.0.0.0", with_source4("00000000")},
        {"from this network", with_source4("00000001")},
        {"from loopback", with_source4("7f000001")},
        {"from the end of loopback", with_source4("7fffffff")},
        {"from multicast of IPv6", with_source6("ff020000000000000000000000000001")},
        {"from ::", with_source6("00000000000000000000000000000000")},
        {"from ::1", with_source6("00000000000000000000000000000001")},
        {"reset", tcp4({.flags = 4})},
        {"reset with ACK", tcp6({.flags = 0x14})},
        {"reset with SYN", tcp4({.flags = 6})},
        {"later fragment", eth(0x0800) + ip4({.fragment = 0x2001}, counting(80))},
        {"last fragment", eth(0x0800) + ip4({.fragment = 0x0007, .protocol = 17}, counting(80))},
        {"later fragment of IPv6", eth(0x86dd) + ip6({.next = 44}, fragment(6, 8) + counting(80))},
        {"ARP", arp()},
        {"LLDP", patched(macs() + hex("88cc") + zeros(50), 0, hex("020000000001"))},
        {"one byte of Ethernet's type behind a tag", macs() + hex("81000007 88cc") + zeros(46)},
        {"MPLS", macs() + hex("8847") + label(7) + ip4({}, tcp({}))},
        {"MPLS with IPv6", macs() + hex("8848") + label(7) + ip6({.next = 17}, udp({}))},
        {"malformed: IPv4 cut", cut(tcp4(), 30)},
        {"malformed: TCP cut", eth(0x0800) + ip4({}, cut(tcp({}), 19))},
        {"malformed: datagram longer than the frame", cut(udp4({}, counting(50)), 60)},
        {"malformed: version", patched(tcp4(), 14, hex("55"))},
    };
    for (const unsigned type : {3u, 4u, 5u, 11u, 12u})
        rows.push_back({fmt::format("ICMP error {}", type),
                        in4(1, icmp(static_cast<std::uint8_t>(type), 0, 0, 0, ip4({}, tcp({}))))});
    for (const unsigned type : {0u, 1u, 2u, 3u, 4u, 100u, 127u, 137u})
        rows.push_back({fmt::format("ICMPv6 error or redirect {}", type),
                        in6(58, icmp(static_cast<std::uint8_t>(type), 0, 0, 0, ip6({}, tcp({}))))});
    return rows;
}

}  // namespace

TEST_CASE("answers to TCP: a reset with the numbers of RFC 9293", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    const Rejecting policy{std::string(kEverything)};
    for (const Row& row : segments()) check_answer(policy, row.frame, row.about);
}

TEST_CASE("a reset, byte by byte", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    const Rejecting policy("rule r { when tcp then reject }\n");
    const Outcome syn = policy.run(tcp4({.source = 4000, .destination = 22, .seq = 0x01020304}));
    // Ethernet; 192.0.2.1 -> 198.51.100.7, 40 bytes, id 0, DF, TTL 64; 22 -> 4000, seq 0, ack 0x01020305, RST+ACK.
    CHECK(to_hex(cut(syn.frame, 24)) == to_hex(hex("020000000001 020000000002 0800 4500 0028 0000 4000 4006")));
    CHECK(to_hex({syn.frame.begin() + 26, syn.frame.begin() + 50}) ==
          to_hex(hex("c0000201 c6336407 0016 0fa0 00000000 01020305 5014 0000")));
    const Outcome data = policy.run(tcp4({.seq = 7, .ack = 0xaabbccdd, .flags = 0x18}, text("hello")));
    CHECK(to_hex({data.frame.begin() + 38, data.frame.begin() + 50}) == to_hex(hex("aabbccdd 00000000 5004 0000")));
}

TEST_CASE("answers to all else: ICMP with the offending datagram", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    const Rejecting policy{std::string(kEverything)};
    for (const Row& row : other_datagrams()) {
        check_answer(policy, row.frame, row.about);
        const std::size_t link_bytes = 14, most = row.frame[12] == 8 ? 576 : 1280;
        CHECK(policy.run(row.frame).frame.size() <= link_bytes + most);
    }
}

TEST_CASE("answers behind options, extension headers, tags and PPPoE", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    const Rejecting policy{std::string(kEverything)};
    for (const Row& row : headers()) check_answer(policy, row.frame, row.about);
    for (const Row& row : links()) check_answer(policy, row.frame, row.about);
}

TEST_CASE("what is never answered is dropped as it is", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    // Of rules, too, which may match what is malformed.
    for (const char* text : {"default reject\n", "rule r { when packet.len > 0 then reject }\n"}) {
        const Rejecting policy(text);
        for (const Row& row : never_answered()) {
            INFO(text << row.about << ": " << to_hex(row.frame));
            const Outcome outcome = policy.run(row.frame);
            CHECK(outcome.action == XDP_DROP);
            CHECK(outcome.frame == row.frame);
        }
    }
}

TEST_CASE("observed and passed packets are left as they are", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    const Rejecting policy(
        "default reject\nrule o { observe when udp then reject }\nrule p { when udp or tcp.dport == 80 then pass }\n");
    for (const Bytes& frame : {tcp4({.destination = 80}), udp4()}) {
        const Outcome outcome = policy.run(frame);
        CHECK(outcome.action == XDP_PASS);
        CHECK(outcome.frame == frame);
    }
    CHECK(policy.run(tcp4({.destination = 81})).action == XDP_TX);
}

TEST_CASE("random packets: answered as built apart, or dropped as they are", "[answers]") {
    if (!Evaluators::kernel_runs()) return;
    const Rejecting policy{std::string(kEverything)};
    Random random(20261128);
    std::size_t answered = 0, dropped = 0;
    for (int i = 0; i < 40'000; ++i) {
        const Bytes frame = random_packet(random, {});
        if (!tooling::kernel_takes(frame.size())) continue;
        INFO("packet " << i << ": " << to_hex(frame));
        const packet::Packet parsed(frame);
        const auto expected = parsed.malformed() ? std::nullopt : answer_to(frame);
        const Outcome outcome = policy.run(frame);
        REQUIRE(outcome.action == (expected ? XDP_TX : XDP_DROP));
        REQUIRE(to_hex(outcome.frame) == to_hex(expected.value_or(frame)));
        if (expected) REQUIRE(wrong_checksum(outcome.frame) == "");
        ++(expected ? answered : dropped);
    }
    CHECK(answered > 5'000);
    CHECK(dropped > 5'000);
}

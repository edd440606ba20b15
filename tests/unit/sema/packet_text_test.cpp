// Frames as the text of test packets, and back.
#include "compiler/packet/packet_text.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <catch2/catch.hpp>

#include "compiler/analysis/probe_frames.h"
#include "tests/unit/sema/checked.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Sent = policy::SendFrames;
using Bytes = std::vector<std::uint8_t>;

std::vector<Sent> sent(const Compiled& compiled) {
    std::vector<Sent> all;
    for (const policy::Test& test : compiled.policy.tests)
        for (const policy::TestStep& step : test.steps)
            if (const auto* send = std::get_if<Sent>(&step.node)) all.push_back(*send);
    return all;
}

// What the compiler reads from the texts, one step each.
std::vector<Sent> read(const std::vector<std::string>& packets) {
    std::string text = "rule r { when tcp then drop }\ntest \"t\" {\n";
    for (const std::string& packet : packets) text += packet + " => pass\n";
    const Checked checked = check(text + "}\n");
    INFO(checked.said);
    REQUIRE(checked.compiled);
    return sent(*checked.compiled);
}

Sent one(const std::string& packet) { return read({packet}).at(0); }

std::string text_of(const Sent& sent) { return packet::packet_text(sent.frames.at(0), sent.direction, sent.interface); }

// The text, once it has been read back to the same frame.
std::string text_of(const Bytes& frame) {
    const std::string text = packet::packet_text(frame);
    CHECK(one(text).frames.at(0) == frame);
    return text;
}

// A text that stays as it is.
void stays(const std::string& packet) { CHECK(text_of(one(packet)) == packet); }

sema::Files disk() {
    sema::Files files;
    files.read = [](const std::string& path) -> Result<std::string> {
        std::ifstream in(path, std::ios::binary);
        if (!in) return Error{"No such file or directory", {}, 0};
        std::ostringstream text;
        text << in.rdbuf();
        return text.str();
    };
    return files;
}

struct OfDisk {
    Sources sources{};
    std::optional<Compiled> compiled{};
};

std::vector<std::unique_ptr<OfDisk>> policies_in_rules() {
    std::vector<std::unique_ptr<OfDisk>> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(WEIR_SOURCE_DIR "/rules")) {
        if (entry.path().extension() != ".rules") continue;
        Diagnostics diagnostics;
        const std::string path = entry.path().string();
        all.push_back(std::make_unique<OfDisk>());
        all.back()->compiled = analyse(all.back()->sources, path, *disk().read(path), disk(), diagnostics);
        INFO(path);
        REQUIRE(all.back()->compiled);
    }
    REQUIRE(all.size() > 20);
    return all;
}

void check_all(const std::vector<Bytes>& frames) {
    std::vector<std::string> texts;
    for (const Bytes& frame : frames) texts.push_back(packet::packet_text(frame));
    const std::vector<Sent> again = read(texts);
    REQUIRE(again.size() == frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        INFO(texts[i]);
        REQUIRE(again[i].frames.at(0) == frames[i]);
    }
}

}  // namespace

TEST_CASE("packets as text") {
    stays("tcp 198.51.100.7:4000 -> 192.0.2.1:22 syn ttl 3 vlan 7 payload \"GET /\"");
    stays(
        "tcp [2001:db8::7]:4000 -> [2001:db8::1]:22 fin syn rst psh ack urg ece cwr seq 7 ack_seq 8 window 9 mss 1460");
    stays("udp 10.0.0.1:0 -> 10.0.0.2:65535 dscp 46 ecn 3 ip_id 77 df mf frag_offset 8 vlan 1 vlan 2 pcp 5");
    stays("udp [2001:db8::7]:1 -> [2001:db8::1]:2 ip_id 70000 mf flow_label 77 hop_by_hop destination routing 2");
    stays("sctp 10.0.0.1:1 -> 10.0.0.2:2 source_route pppoe 7 payload hex\"00ff\"");
    stays("icmp 10.0.0.1 -> 10.0.0.2 type unreachable code 3 id 9 seq 4 mpls 16 mpls 17");
    stays("icmp6 2001:db8::7 -> 2001:db8::1 type 255");
    stays("arp 10.0.0.1 -> 10.0.0.2 op reply eth_src 02:00:00:00:00:07 eth_dst 02:00:00:00:00:09");
    stays("out tcp 10.0.0.1:1 -> 10.0.0.2:2 on \"eth1\"");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:2 payload \"a \\\"quoted\\\" \\\\ line\\n\\x0d\\t\"");
    stays("hex \"0200\" on \"e\\\"1\"");
    stays("hex \"\"");
}

TEST_CASE("messages as text") {
    stays("udp 10.0.0.1:5353 -> 10.0.0.2:53 dns query \"example.com\" A");
    stays("udp 10.0.0.1:5353 -> 10.0.0.2:53 ttl 3 dns query \"\" 65280");
    stays("udp 10.0.0.1:53 -> 10.0.0.2:53 dns response \"a.example\" AAAA rcode 3 answers 2");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:443 psh tls hello \"example.com\" alpn \"h2\"");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:443 tls hello \"\" version 0x0301");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:80 http get \"/a?b=\\\"c\\\"\" host \"example.com\" user_agent \"curl\"");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:80 http patch \"/\"");
    stays("tcp 10.0.0.2:80 -> 10.0.0.1:1 http status 503");
    // What no message of a test is, to the last byte.
    stays("udp 10.0.0.1:5353 -> 10.0.0.2:53 payload hex\"1234\"");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:80 payload \"GET / HTTP/1.1\\n\"");
}

TEST_CASE("tunnels as text") {
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:22 syn inside vxlan 42 192.0.2.1 -> 192.0.2.2 ttl 3 vlan 7");
    stays(
        "udp 10.0.0.1:1 -> 10.0.0.2:53 dns query \"a\" A inside geneve 7 [2001:db8::1]:99 -> 2001:db8::2 on \"eth0\"");
    stays("tcp [2001:db8::7]:1 -> [2001:db8::1]:22 inside gre key 7 192.0.2.1 -> 192.0.2.2");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:22 vlan 3 inside gre 192.0.2.1 -> 192.0.2.2");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:22 inside ipip 192.0.2.1 -> 192.0.2.2");
    stays(
        "tcp [2001:db8::7]:1 -> [2001:db8::1]:22 inside ipip 192.0.2.1 -> 192.0.2.2 inside vxlan 1 10.1.1.1 -> "
        "10.1.1.2");
    stays("arp 10.0.0.1 -> 10.0.0.2 inside gre 192.0.2.1 -> 192.0.2.2");
    stays("hex \"020000000002\" inside vxlan 42 192.0.2.1 -> 192.0.2.2");
    stays("tcp 10.0.0.1:1 -> 10.0.0.2:22 eth_src 02:00:00:00:00:01 inside gre 192.0.2.1 -> 192.0.2.2");
}

TEST_CASE("a frame that the words cannot say is its bytes") {
    const Bytes frame = one("tcp 10.0.0.1:1 -> 10.0.0.2:22 syn payload \"x\"").frames.at(0);
    CHECK(text_of(frame).starts_with("tcp "));
    // Each byte in turn is another, and each frame is cut short and goes on: whatever the text, it is that frame.
    for (std::size_t at = 0; at < frame.size(); ++at) {
        Bytes other = frame;
        other[at] ^= 0x41;
        text_of(other);
        text_of(Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(at)));
    }
    Bytes padded = frame;
    padded.resize(64);
    CHECK(text_of(padded).starts_with("hex "));
}

TEST_CASE("the steps of the policies in rules/ as text") {
    for (const auto& policy : policies_in_rules()) {
        std::vector<Bytes> frames;
        for (const policy::Test& test : policy->compiled->policy.tests)
            for (const policy::TestStep& step : test.steps) {
                const auto* send = std::get_if<Sent>(&step.node);
                if (send == nullptr) continue;
                frames.push_back(send->frames.at(0));
                // What was written in words is said in words.
                const std::string_view written = policy->sources.text(step.span);
                if (written.find("hex \"") == std::string_view::npos)
                    CHECK_FALSE(packet::packet_text(frames.back()).starts_with("hex "));
            }
        check_all(frames);
    }
}

TEST_CASE("probe frames as text") {
    std::uint64_t seed = 1;
    for (const auto& policy : policies_in_rules())
        check_all(analysis::probe_frames(policy->compiled->policy, 60, ++seed));
}

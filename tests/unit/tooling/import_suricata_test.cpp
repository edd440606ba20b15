// tooling/import/import.h: what rules of Suricata become: import_suricata.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/importing.h"

using namespace weir;
using namespace weir::tooling::imports;
using namespace weir::tests;

namespace {

Said said(const std::string& rules) {
    Sources sources;
    sources.add("local.suricata", rules);
    ImportOptions options;
    options.variables["HOME_NET"] = "[10.0.0.0/8,!10.9.0.0/16]";
    options.variables["EXTERNAL_NET"] = "!$HOME_NET";
    options.variables["HTTP_PORTS"] = "[80,8000:8099]";
    return said_by(
        [&](Diagnostics& diagnostics) { return import_suricata(sources, "imported", options, diagnostics); });
}

enum class How { kWhole, kPart };

void says(const std::string& header, const std::string& options, const std::string& condition, How how = How::kWhole) {
    const Said answer = said("alert " + header + " (msg:\"x\"; " + options + " sid:7; rev:1;)\n");
    INFO(header << options << "\n" << answer.text);
    CHECK(answer.has("when " + condition + "\n"));
    CHECK((how == How::kWhole ? answer.counts.said : answer.counts.partly) == 1);
}

void says_not(const std::string& header, const std::string& options, const std::string& reason) {
    const Said answer = said("alert " + header + " (msg:\"x\"; " + options + " sid:7;)\n");
    INFO(answer.text);
    CHECK(answer.counts.unsaid == 1);
    CHECK(answer.has(reason));
}

}  // namespace

TEST_CASE("headers of Suricata: addresses, ports, directions, variables") {
    says("tcp any any -> any 22", "", "tcp and tcp.dport == 22");
    says("tcp $HOME_NET any -> any $HTTP_PORTS", "",
         "tcp and ip.src in 10.0.0.0/8 and ip.src not in 10.9.0.0/16 and tcp.dport in { 80, 8000..8099 }");
    says("udp any any <> 192.0.2.1 53", "",
         "udp and (ip.dst == 192.0.2.1 and udp.dport == 53 or ip.src == 192.0.2.1 and udp.sport == 53)");
    says("ip [192.0.2.1, 2001:db8::/32] any -> !10.0.0.0/8 any", "",
         "ip and ip.src in { 192.0.2.1, 2001:db8::/32 } and ip.dst not in 10.0.0.0/8");
    says_not("tcp $OTHER any -> any any", "", "give --set OTHER=");
    says_not("smb any any -> any any", "", "protocol `smb` cannot be said");
}

TEST_CASE("options of Suricata") {
    says("tcp any any -> any any", "flags:S,CE;", "tcp and tcp.flags & 0x3f == 0x02");
    says("tcp any any -> any any", "flags:+SA;", "tcp and tcp.flags & 0x12 == 0x12");
    says("udp any any -> any any", "dsize:>100; ttl:<5;", "udp and payload.len > 100 and ip.ttl < 5");
    says("udp any any -> any any", "dsize:10<>20;", "udp and payload.len in 11..19");
    says("icmp any any -> any any", "itype:8;", "(icmp or icmp6) and (icmp.type == 8 or icmp6.type == 8)");
    says("tcp any any -> any any", "flow:established,to_server;", "tcp and flow.established and flow.is_from_client");
    says("ip any any -> any any", "ip_proto:47; sameip;", "ip and ip.proto == gre and ip.src == ip.dst");
    says_not("tcp any any -> any any", "pcre:\"/x/\";", "`pcre` cannot be said");
}

TEST_CASE("contents of Suricata: fixed places, searches, names") {
    says("udp any any -> any any", "content:\"|01 02|ab\"; depth:4;", "udp and payload[0:4] == hex\"01026162\"");
    says("udp any any -> any any", "content:\"GET\"; startswith;", "udp and payload[0:3] == \"GET\"");
    says("udp any any -> any any", "content:\"root\"; nocase;", "udp and payload contains nocase \"root\"", How::kPart);
    says("tls any any -> any any", "tls.sni; content:\"Example.com\"; startswith; endswith; nocase;",
         "tls and tls.sni == \"example.com\"", How::kPart);
    says("http any any -> any any", "http.method; content:\"POST\"; bsize:4;", "http and http.method == \"POST\"",
         How::kPart);
    says("dns any any -> any any", "dns.query; content:\"evil\"; nocase;", "dns and dns.qname contains \"evil\"",
         How::kPart);
    says_not("udp any any -> any any", "content:!\"root\";", "a negated content");
    says_not("tcp any any -> any any", "content:\"a\"; content:\"b\"; distance:1;", "`distance`");
}

TEST_CASE("actions, thresholds and priorities of Suricata") {
    const Said order = said(
        "drop tcp any any -> any 23 (msg:\"telnet; really\"; sid:1; priority:1;)\nalert tcp any any -> any 23 "
        "(msg:\"seen\"; sid:2;)\n"
        "pass tcp 192.0.2.1 any -> any 23 (sid:3;)\n# a comment\nreject udp any any -> any 9 \\\n (msg:\"no\"; "
        "sid:4;)\n");
    INFO(order.text);
    CHECK(order.counts.said == 4);
    CHECK(order.text.find("then pass") < order.text.find("then alert sid_2"));
    CHECK(order.text.find("then alert sid_2") < order.text.find("then alert sid_1, drop"));
    CHECK(order.text.find("then alert sid_1, drop") < order.text.find("then alert sid_4, reject"));
    CHECK(order.has("severity high"));
    CHECK(order.has("message  \"telnet; really: {ip.src} to {ip.dst}\""));
    const Said limited = said(
        "alert tcp any any -> any 22 (msg:\"x\"; threshold: type limit, track by_src, count 2, seconds 60; sid:5;)\n");
    CHECK(limited.has("throttle 2 per ip.src every 60s"));
    const Said filtered =
        said("alert tcp any any -> any 22 (msg:\"x\"; detection_filter: track by_src, count 5, seconds 60; sid:6;)\n");
    CHECK(filtered.has("when tcp and tcp.dport == 22 and count(ip.src, in 60s) > 5\n"));
}

TEST_CASE("a file that is none of Suricata's") {
    const Said wrong = said("hello world\n");
    REQUIRE(!wrong.diagnostics.all().empty());
    CHECK(wrong.diagnostics.all().front().code == Code::E601);
    CHECK(said("\n").diagnostics.has_errors());
}

TEST_CASE("Suricata: numbers that the language does not hold make one rule a comment, and only that") {
    const Said answer = said(
        "alert tcp any any -> any 1 (msg:\"a\"; threshold: type limit, track by_src, count 1, seconds "
        "99999999999999; sid:1;)\n"
        "alert tcp any any -> any 2 (msg:\"b\"; detection_filter: track by_src, count 5, seconds "
        "9999999999999999999; sid:2;)\n"
        "alert tcp any any -> any 3 (msg:\"c\"; sid:3;)\n");
    INFO(answer.text);
    CHECK(answer.counts.unsaid == 2);
    CHECK(answer.counts.said == 1);
    CHECK(answer.has("does not fit in 64 bits"));
    CHECK(answer.has("alert sid_3 {"));
    CHECK_FALSE(answer.has("alert sid_1 {"));
}

TEST_CASE("Suricata: a rule with many options that cannot be said is a comment of a few lines") {
    std::string options;
    for (int i = 0; i < 10000; ++i) options += "foo; ";
    const Said answer = said("alert tcp any any -> any any (msg:\"x\"; " + options + "sid:1;)\n");
    CHECK(answer.counts.unsaid == 1);
    CHECK(answer.has("#   and 9992 more reasons\n"));
    CHECK(answer.text.size() < 2000);
}

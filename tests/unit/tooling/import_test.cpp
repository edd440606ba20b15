// tooling/import/import.h: what rules of iptables become: Condition, flatten, write_policy, add_states, ipset.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/unit/tooling/importing.h"

using namespace weir;
using namespace weir::tooling::imports;
using namespace weir::tests;

namespace {

// Of import_iptables; `sets` may be empty.
Said said(const std::string& rules, const std::string& sets = {}, const ImportOptions& options = {}) {
    Sources sources;
    sources.add("rules", "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" + rules + "COMMIT\n");
    if (!sets.empty()) sources.add("sets", sets);
    return said_by(
        [&](Diagnostics& diagnostics) { return import_iptables(sources, "imported", options, diagnostics); });
}

// The condition of one rule.
void says(const std::string& matches, const std::string& condition) {
    const Said answer = said("-A INPUT " + matches + " -j ACCEPT\n");
    INFO(matches << "\n" << answer.text);
    CHECK(answer.has("when " + condition + "\n"));
    CHECK(answer.counts.said == 1);
}

void says_not(const std::string& matches, const std::string& reason) {
    const Said answer = said("-A INPUT " + matches + " -j ACCEPT\n");
    INFO(matches << "\n" << answer.text);
    CHECK(answer.counts.unsaid == 1);
    CHECK(answer.has("# not said: "));
    CHECK(answer.has(reason));
}

}  // namespace

TEST_CASE("iptables matches") {
    says("-s 10.0.0.0/8", "ip.src in 10.0.0.0/8");
    says("! -s 10.0.0.0/8", "ip4 and ip.src not in 10.0.0.0/8");
    says("-p tcp", "ip4 and tcp");
    says("-p tcp -m tcp --dport 22", "ip4 and tcp.dport == 22");
    says("-p tcp -m tcp ! --dport 22", "ip4 and tcp.dport != 22");
    says("-p udp -m udp --sport :1023", "ip4 and udp.sport in 0..1023");
    says("-p tcp -m multiport --dports 80,443,8000:8099", "ip4 and tcp.dport in { 80, 443, 8000..8099 }");
    says("-p tcp --syn", "ip4 and tcp.flags & 0x17 == 0x02");
    says("-p icmp -m icmp --icmp-type 8", "icmp.type == echo_request");
    says("-p icmp -m icmp --icmp-type 3/4", "icmp.type == unreachable and icmp.code == 4");
    says("-p 47", "ip4 and ip.proto == gre");
    says("-i eth1", "ip4 and iface == \"eth1\"");
    says("! -i eth+", "ip4 and not iface starts_with \"eth\"");
    says("-m length --length 40:60", "ip4 and ip.len in 40..60");
    says("-m ttl --ttl-lt 5", "ip4 and ip.ttl < 5");
    says("-m mac --mac-source 02:00:00:00:00:01", "ip4 and eth.src == 02:00:00:00:00:01");
    says("-m dscp --dscp 0x2e", "ip4 and ip.dscp == ef");
    says("-m limit --limit 5/min", "ip4 and rate() <= 5/min burst 5");
    says(
        "-p tcp -m hashlimit --hashlimit-above 10/sec --hashlimit-mode srcip --hashlimit-srcmask 24 --hashlimit-name a",
        "ip4 and tcp and rate(ip.src/24) > 10/s burst 5");
    says_not("-m owner --uid-owner 0", "match `owner` cannot be said");
    says_not("-o eth1", "not known when it comes in");
    says_not("-m mark --mark 0x1", "match `mark` cannot be said");
    says("-p tcp -m tcp --dport ssh", "ip4 and tcp.dport == 22");
    says("-p tcp -m multiport --dports ftp-data:ftp,https,8443", "ip4 and tcp.dport in { 20..21, 443, 8443 }");
    says("-p udp -m udp --sport domain-s:1024", "ip4 and udp.sport in 853..1024");
    says_not("-p tcp -m tcp --dport no-such", "`no-such` is no number of a port, and no name that is known");
    says_not("-m addrtype --dst-type LOCAL", "--address");
    says_not("-m set --match-set nothing src", "set `nothing` is not in the files");
}

TEST_CASE("ip6tables: the type of a Routing header") {
    const Said answer =
        said("-A INPUT -s 2001:db8::/32 -m rt --rt-type 0 -j DROP\n-A INPUT -m rt --rt-type 0 --rt-len 8 -j DROP\n");
    INFO(answer.text);
    CHECK(answer.has("and ip6.routing_type == 0\n"));
    CHECK(answer.counts.unsaid == 1);
}

TEST_CASE("add_states: what is missing of a state is counted, and a rule with nothing left is a comment") {
    const Said part = said("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n");
    CHECK(part.counts.partly == 1);
    CHECK(part.has("when ip4 and state_established\n"));
    says_not("-m state --state RELATED", "RELATED cannot be said");
    says("-m state --state NEW", "ip4 and state_new");
}

TEST_CASE("iptables targets: LOG goes on, with its --log-prefix; REJECT; counting rules; SET") {
    const Said logged =
        said("-A INPUT -p tcp -j LOG --log-prefix \"tcp: \" --log-level 3\n-A INPUT -p tcp -j REJECT\n");
    CHECK(logged.has("then alert log_tcp\n"));
    CHECK(logged.has("severity high"));
    CHECK(logged.has("then reject\n"));
    CHECK(said("-A INPUT -p udp\n").has("then measure packet.len\n"));
    CHECK(said("-A INPUT -j NFQUEUE --queue-num 1\n").counts.unsaid == 1);
    const Said set =
        said("-A INPUT -p tcp -j SET --add-set bad src --timeout 60\n", "create bad hash:ip family inet timeout 300\n");
    CHECK(set.has("then add ip.src to bad for 60s\n"));
    CHECK(set.has("set bad : ip size 65536 ttl 300s"));
}

TEST_CASE("flatten: jumps, returns, gotos and packets on their way out") {
    const Said jumps = said(
        ":a - [0:0]\n-A INPUT -p tcp -j a\n-A INPUT -p udp -g a\n-A INPUT -s 10.0.0.1 -j DROP\n"
        "-A a -s 10.0.0.0/8 -j RETURN\n-A a -j ACCEPT\n");
    INFO(jumps.text);
    CHECK(jumps.diagnostics.all().empty());
    CHECK(jumps.counts.said == 5);
    CHECK(jumps.has("let to_a"));
    CHECK(jumps.has("and not returns_a_1"));
    CHECK(jumps.has("let past_input_2 = not udp"));
    const Said out = said("-A OUTPUT -o eth0 -p tcp --dport 25 -j REJECT\n");
    CHECK(out.has("egress"));
    CHECK(out.has("iface == \"eth0\""));
    CHECK(out.has("then drop"));
    CHECK(out.counts.partly == 1);
}

TEST_CASE("flatten: what leaves a chain and cannot be said takes the rest of the chain with it") {
    const Said rest = said(
        ":a - [0:0]\n-A INPUT -j a\n-A a -m owner --uid-owner 0 -j RETURN\n-A a -j ACCEPT\n-A INPUT -p tcp -j "
        "ACCEPT\n");
    CHECK(rest.counts.unsaid == 2);
    CHECK(rest.has("lets packets leave the chain"));
    CHECK(rest.has("when ip4 and tcp\n"));
    const Said behind = said(":a - [0:0]\n-A INPUT -m owner --uid-owner 0 -j a\n-A a -j ACCEPT\n");
    CHECK(behind.counts.unsaid == 2);
}

TEST_CASE("ipset: sets, lists of sets, elements with a time of their own") {
    const std::string sets =
        "create a hash:ip family inet\nadd a 10.0.0.1\ncreate b hash:net family inet timeout 5\nadd b 10.1.0.0/16\n"
        "add b 10.2.0.0/16 timeout 4\ncreate l list:set size 8\nadd l a\nadd l b\ncreate p hash:ip,port\nadd p "
        "10.0.0.1,udp:53\n";
    const Said listed =
        said("-A INPUT -m set --match-set l src -j DROP\n-A INPUT -m set --match-set p src,dst -j DROP\n", sets);
    INFO(listed.text);
    CHECK(listed.has("(ip.src in a or ip.src in b)"));
    CHECK(listed.has("= { 10.1.0.0/16 }"));
    CHECK(listed.has("# said in part: set `b`: 1 elements"));
    CHECK(listed.has("(ip.src, udp.dport) in p_udp"));
}

TEST_CASE("ipset: ranges and prefixes are expanded, as the kernel does") {
    const Said one = said("-A INPUT -m set --match-set s src -j DROP\n",
                          "create s hash:ip family inet\nadd s 10.0.0.1-10.0.0.3\nadd s 10.1.0.0/31\n");
    INFO(one.text);
    CHECK(one.has("= { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.1.0.0, 10.1.0.1 }"));
    CHECK(one.counts.said == 1);
    const Said nets = said("-A INPUT -m set --match-set s src -j DROP\n",
                           "create s hash:net family inet\nadd s 10.0.0.1-10.0.0.6\nadd s 0.0.0.0-255.255.255.255\n");
    INFO(nets.text);
    CHECK(nets.has("= { 10.0.0.1, 10.0.0.2/31, 10.0.0.4/31, 10.0.0.6, 0.0.0.0/0 }"));
    const Said ports =
        said("-A INPUT -p tcp -m set --match-set s dst -j DROP\n", "create s bitmap:port range 0-65535\nadd s 80-82\n");
    INFO(ports.text);
    CHECK(ports.has("= { 80, 81, 82 }"));
    const Said all = said("-A INPUT -m set --match-set s src -j DROP\n",
                          "create s hash:ip family inet\nadd s 0.0.0.1-255.255.255.254\n");
    CHECK(all.counts.unsaid == 1);
    CHECK(all.has("has more than 65536 elements"));
}

TEST_CASE("write_policy: what the compiler refuses of sets, lets and alerts takes their rules with it") {
    const Said ttl = said("-A INPUT -m set --match-set s src -j DROP\n-A INPUT -p tcp -j ACCEPT\n",
                          "create s hash:ip family inet timeout 99999999999999\nadd s 10.0.0.1\n");
    INFO(ttl.text);
    CHECK(ttl.counts.unsaid == 1);
    CHECK(ttl.counts.said == 1);
    CHECK(ttl.has("`99999999999999s` does not fit"));
    CHECK_FALSE(ttl.has("\nset s"));
    CHECK(ttl.has("when ip4 and tcp\n"));
}

TEST_CASE("write_policy: rules whose tables take too much memory together") {
    std::string rules;
    for (int i = 0; i < 250; ++i)
        rules += fmt::format(
            "-A INPUT -p tcp --dport {} -m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip "
            "--hashlimit-name n{} --hashlimit-htable-max 65536 -j ACCEPT\n",
            i, i);
    const Said many = said(rules);
    CHECK(many.counts.said > 200);
    CHECK(many.counts.said < 250);
    CHECK(many.counts.said + many.counts.unsaid == 250);
    CHECK(many.has("E521: the tables of the policy would take more than 1000 MB of kernel memory"));
    CHECK_FALSE(many.has("tcp.dport == 249"));  // of tables as large the last ones are omitted
}

TEST_CASE("write_policy: a policy that would be longer than a file may be is E602") {
    std::string set;  // 70 sets of 17,000 addresses
    std::string rules;
    for (int i = 0; i < 70; ++i) {
        set += fmt::format("create s{} hash:ip family inet\nadd s{} 100.100.0.0-100.100.66.104\n", i, i);
        rules += fmt::format("-A INPUT -m set --match-set s{} src -j DROP\n", i);
    }
    const Said large = said(rules, set);
    REQUIRE(large.diagnostics.all().size() == 1);
    CHECK(large.diagnostics.all().front().code == Code::E602);
    CHECK(large.text.empty());
}

TEST_CASE("write_policy: which hook judges, and the host's addresses") {
    ImportOptions options;
    options.addresses.push_back(*parse_prefix("192.0.2.1/24"));
    const Said both =
        said(":FORWARD DROP [0:0]\n-A INPUT -p tcp -j ACCEPT\n-A FORWARD -p udp -j ACCEPT\n", {}, options);
    INFO(both.text);
    CHECK(both.has("let host_receives = { 192.0.2.1, 192.0.2.255, 224.0.0.0/4, 255.255.255.255, ff00::/8 }"));
    CHECK(both.has("ip.dst in host_receives and ip4 and tcp"));
    CHECK(both.has("ip.dst not in host_receives and ip4 and udp"));
    CHECK(said("-A INPUT -p tcp -j ACCEPT\n").has("rule later_fragments"));
}

TEST_CASE("a file of another kind is E601, too much E602, a cycle E603") {
    const Said cycle = said(":a - [0:0]\n-A INPUT -j a\n-A a -j a\n");
    REQUIRE(cycle.diagnostics.all().size() == 1);
    CHECK(cycle.diagnostics.all().front().code == Code::E603);
    const Said wrong = said("hello\n");
    CHECK(wrong.diagnostics.all().front().code == Code::E601);
}

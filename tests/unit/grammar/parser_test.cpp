// Every construct of the language through the parser, and where it stands.
#include <catch2/catch.hpp>

#include "tests/unit/grammar/parsed.h"

using namespace weir;

namespace {

// The tree of one condition, without places.
std::string condition(const std::string& text) {
    const Parsed parsed("rule r { when " + text + " then pass }\n");
    INFO(text);
    CHECK(parsed.codes() == "");
    const std::string shape = parsed.shape();
    const std::string head = "rule r\n  ", tail = "  pass\n";
    REQUIRE(shape.size() > head.size() + tail.size());
    return shape.substr(head.size(), shape.size() - head.size() - tail.size());
}

std::string item(const std::string& text) {
    const Parsed parsed(text);
    INFO(text);
    CHECK(parsed.codes() == "");
    return parsed.shape();
}

std::string step(const std::string& text) {
    const std::string shape = item("test \"t\" { " + text + " }");
    return shape.substr(shape.find('\n') + 1);
}

}  // namespace

TEST_CASE("header, imports, lets, sets, verdicts") {
    CHECK(item("policy edge") == "policy edge\n");
    CHECK(item("import \"sets/a.rules\"") == "import \"sets/a.rules\"\n");
    CHECK(item("let web = { 80, 8000..8099, }") == "let web\n  set\n    literal 80\n    literal 8000..8099\n");
    CHECK(item("let to(host, port) = ip.dst in host") ==
          "let to\n  parameter host\n  parameter port\n  in\n    path ip.dst\n    path host\n");
    CHECK(item("set bad:net from \"l\"") == "set bad\n  type net\n  from \"l\"\n");
    CHECK(item("set s : ip ttl 10m size 65536") == "set s\n  type ip\n  size 65536\n  ttl 600000000000ns\n");
    CHECK(item("set p : (ip, port) size 0x10") == "set p of tuples\n  type ip\n  type port\n  size 16\n");
    CHECK(item("default pass malformed reject") == "default pass\nmalformed reject\n");
    CHECK(item("default egress drop flows size 8k record 128 bytes, 32768 packets") ==
          "default egress drop\nflows size 8000\nrecord 128 bytes, 32768 packets\n");
    CHECK(item("let p = 0.25% let flows = 1 let record = 2 let out = 3 let of = 4 let egress = 5") ==
          "let p\n  literal 0.25%\nlet flows\n  literal 1\nlet record\n  literal 2\nlet out\n  literal 3\nlet of\n  "
          "literal "
          "4\nlet egress\n  literal 5\n");
    CHECK(item("default redirect(\"eth1\")") == "default redirect(\"eth1\")\n");
}

TEST_CASE("rules and actions") {
    CHECK(
        item("rule r { note \"n\" observe when tcp then alert a sample 1/100, capture, add (ip.src, tcp.dport) to s "
             "for 1h, "
             "remove ip.src from t, drop }") ==
        "rule r observe\n  note \"n\"\n  path tcp\n  alert a sample 1/100\n  capture\n  add to s\n    tuple\n"
        "      path ip.src\n      path tcp.dport\n    for 3600000000000ns\n  remove from t\n    path ip.src\n  drop\n");
    CHECK(item("rule r { observe egress when egress == of then capture before 16 per ip.src/24, measure flow.rtt by "
               "(ip.dst, tcp.dport) as m size 64, measure packet.len, pass }") ==
          "rule r observe egress\n  ==\n    path egress\n    path of\n  capture before 16\n    cut ip.src/24\n"
          "  measure as m size 64\n    path flow.rtt\n  by\n    tuple\n      path ip.dst\n      path tcp.dport\n"
          "  measure\n    path packet.len\n  pass\n");
    CHECK(item("rule r{when tcp then redirect(\"e\")}") == "rule r\n  path tcp\n  redirect(\"e\")\n");
}

TEST_CASE("precedence: or, and, not, comparison, mask") {
    CHECK(condition("tcp or udp and not icmp") ==
          "or\n    path tcp\n    and\n      path udp\n      not\n        path icmp\n");
    CHECK(condition("(tcp or udp) and icmp") == "and\n    or\n      path tcp\n      path udp\n    path icmp\n");
    CHECK(condition("not not tcp") == "not\n    not\n      path tcp\n");
    CHECK(condition("not tcp.dport == 22") == "not\n    ==\n      path tcp.dport\n      literal 22\n");
    CHECK(condition("tcp.flags & 0x3f == 0x02") == "==\n    mask 63\n      path tcp.flags\n    literal 2\n");
    CHECK(condition("ip.src not   in bad") == "not in\n    path ip.src\n    path bad\n");
    CHECK(condition("((((tcp))))") == "path tcp\n");
}

TEST_CASE("the first bits of an address") {
    CHECK(condition("a.b/24 == c/0/128") == "==\n    cut a.b/24\n    cut c/0/128\n");
    CHECK(condition("a.b/24 == 5/s") == "==\n    cut a.b/24\n    literal 5/1000000000ns\n");
}

TEST_CASE("operators and operands") {
    for (const std::string op :
         {"==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "starts_with", "ends_with"})
        CHECK(condition("a.b " + op + " 5") == op + "\n    path a.b\n    literal 5\n");
    CHECK(condition("tcp.dport==22") == condition("tcp.dport == 22"));
    CHECK(condition("payload[2:4] == hex\"cafe babe\"") == "==\n    slice payload[2:4]\n    literal hex\"cafebabe\"\n");
    CHECK(condition("payload [ 2:4 ] == \"\\x41\\n\\t\\\"\\\\\"") ==
          "==\n    slice payload[2:4]\n    literal \"A\\x0a\\x09\\\"\\\\\"\n");
    CHECK(condition("len(dns.qname) > 100") == ">\n    len\n      path dns.qname\n    literal 100\n");
    CHECK(condition("to(servers, 123)") == "call to\n    path servers\n    literal 123\n");
    CHECK(condition("(ip.dst, port.dst) in { (10.0.0.1, 53), (fd00::1, 53) }") ==
          "in\n    tuple\n      path ip.dst\n      path port.dst\n    set\n      tuple\n        literal 10.0.0.1\n"
          "        literal 53\n      tuple\n        literal fd00::1\n        literal 53\n");
    CHECK(condition("inner.ip.src in 10.0.0.0/8") == "in\n    path inner.ip.src\n    literal 10.0.0.0/8\n");
    CHECK(condition("tcp.ack == true") == "==\n    path tcp.ack\n    literal true\n");
}

TEST_CASE("state terms") {
    CHECK(condition("rate(ip.src) > 10/min") == "rate >\n    keys\n      path ip.src\n    limit 10/60000000000ns\n");
    CHECK(condition("rate(ip.src, tcp.dport) > 10/s burst 20 size 1k") ==
          "rate >\n    keys\n      path ip.src\n      path tcp.dport\n    limit 10/1000000000ns\n    burst 20\n    "
          "size 1000\n");
    CHECK(condition("byterate(ip.src) > 10MB/s burst 64KB") ==
          "byterate >\n    keys\n      path ip.src\n    limit 10000000B/1000000000ns\n    burst 64000B\n");
    CHECK(condition("count(ip.src, in 10s) > 5") ==
          "count >\n    keys\n      path ip.src\n    window 10000000000ns\n    limit 5\n");
    CHECK(condition("share(http.status >= 500 or tcp.rst, by ip.src, in 1m, of 50) > 5%") ==
          "share >\n    value\n      or\n        >=\n          path http.status\n          literal 500\n        path "
          "tcp.rst\n    keys\n      path ip.src\n    window 60000000000ns\n    least 50\n    limit 5%\n");
    CHECK(
        condition("share(tcp.syn, in 1m, of 50) <= 0.25%") ==
        "share <=\n    value\n      path tcp.syn\n    keys\n    window 60000000000ns\n    least 50\n    limit 0.25%\n");
    CHECK(
        condition("surge(ip.dst, in 1m, floor 200) > 4 size 1k") ==
        "surge >\n    keys\n      path ip.dst\n    window 60000000000ns\n    least 200\n    limit 4\n    size 1000\n");
    CHECK(condition("f(of, floor)") == "call f\n    path of\n    path floor\n");
    CHECK(condition("distinct(tcp.dport, by ip.src, in 10s) > 20") ==
          "distinct >\n    value\n      path tcp.dport\n    keys\n      path ip.src\n    window 10000000000ns\n    "
          "limit 20\n");
}

TEST_CASE("alerts and sinks") {
    CHECK(item("alert a { severity critical message \"m {ip.src}\" throttle 3 per ip.src, tcp.dport every 1m to x, y "
               "escalate to z when 5 within 1h per ip.src respond { add ip.src to blocked for 1h } }") ==
          "alert a\n  severity critical\n  message \"m {ip.src}\"\n  throttle 3 every 60000000000ns\n    path ip.src\n"
          "    path tcp.dport\n  to x\n  to y\n  escalate to z when 5 within 3600000000000ns\n    path ip.src\n  "
          "respond\n"
          "    add to blocked\n      path ip.src\n      for 3600000000000ns\n");
    CHECK(item("alert a { }") == "alert a\n");
    CHECK(item("sink s = stdout()") == "sink s stdout\n");
    CHECK(item("sink s = eve(\"/p\", rotate 100MB, keep 10)") ==
          "sink s eve\n  argument \n    literal \"/p\"\n  argument rotate\n    literal 100000000B\n  argument keep\n   "
          " literal 10\n");
    CHECK(item("sink s = webhook(\"u\", header \"A\" env \"B\", batch 5, timeout 2s)") ==
          "sink s webhook\n  argument \n    literal \"u\"\n  argument header\n    word env\n    literal \"A\"\n"
          "    literal \"B\"\n  argument batch\n    literal 5\n  argument timeout\n    literal 2000000000ns\n");
    CHECK(item("sink s = syslog(daemon)") == "sink s syslog\n  argument daemon\n");
}

TEST_CASE("steps of tests") {
    CHECK(step("after 59m") == "  after 3540000000000ns\n");
    CHECK(step("expect blocked contains 198.51.100.7") == "  expect blocked contains\n    literal 198.51.100.7\n");
    CHECK(step("expect b not contains (10.0.0.1, 22)") ==
          "  expect b not contains\n    tuple\n      literal 10.0.0.1\n      literal 22\n");
    CHECK(step("replay \"a.pcap\" => no alert") == "  replay \"a.pcap\"\n    outcome  no alert\n");
    CHECK(step("20 x tcp 1.2.3.4:5 -> [2001:db8::1]:22 syn ttl 3 payload \"GET /\" => drop by r, alert a 3 times, "
               "alert b") ==
          "  send 20\n    packet tcp\n      from 1.2.3.4 ports 5..5\n      to 2001:db8::1 ports 22..22\n      option "
          "syn\n"
          "      option ttl\n        literal 3\n      option payload\n        literal \"GET /\"\n    outcome drop\n    "
          "  by r\n"
          "      alert a 3 times\n      alert b\n");
    CHECK(step("udp 10.0.0.1:5353 -> 10.0.0.2:53 dns query \"example.com\" A => pass by default") ==
          "  send 1\n    packet udp\n      from 10.0.0.1 ports 5353..5353\n      to 10.0.0.2 ports 53..53\n      "
          "option dns\n"
          "        word query\n        word A\n        literal \"example.com\"\n    outcome pass\n      by default\n");
    const std::string ports =
        "  send 1\n    packet tcp\n      from 1.2.3.4\n      to 192.0.2.1 ports 1..30\n    outcome pass\n";
    CHECK(step("tcp 1.2.3.4 -> 192.0.2.1:{1..30} => pass") == ports);
    CHECK(step("tcp 1.2.3.4->192.0.2.1:{ 1..30 }=>pass") == ports);
    CHECK(step("tcp [fd00::1] -> [fd00::2]:{1..3} => pass") ==
          "  send 1\n    packet tcp\n      from fd00::1\n      to fd00::2 ports 1..3\n    outcome pass\n");
    CHECK(step("icmp6 fe80::1 -> ff02::1 type 134 => pass") ==
          "  send 1\n    packet icmp6\n      from fe80::1\n      to ff02::1\n      option type\n        literal 134\n  "
          "  outcome pass\n");
    CHECK(step("tcp 1.2.3.4:5 -> 10.0.0.1:6 syn inside vxlan 42 192.0.2.1->192.0.2.2:{7..7} ttl 3 # c\n inside gre "
               "key k [fd00::1] -> fd00::2 => pass") ==
          "  send 1\n    packet tcp\n      from 1.2.3.4 ports 5..5\n      to 10.0.0.1 ports 6..6\n      option syn\n"
          "      inside vxlan\n        literal 42\n        from 192.0.2.1\n        to 192.0.2.2 ports 7..7\n"
          "        option ttl\n          literal 3\n      inside gre\n        word key\n        word k\n        from "
          "fd00::1\n        to fd00::2\n    outcome pass\n");
    CHECK(step("hex\"00\" on \"e\" inside ipip 1.2.3.4 -> 1.2.3.5 => pass") ==
          "  send 1\n    frame hex\"00\"\n      option on\n        literal \"e\"\n      inside ipip\n        from "
          "1.2.3.4\n"
          "        to 1.2.3.5\n    outcome pass\n");
    CHECK(step("3 x out tcp 1.2.3.4 -> 192.0.2.1 => pass") ==
          "  send 3\n    out packet tcp\n      from 1.2.3.4\n      to 192.0.2.1\n    outcome pass\n");
    CHECK(step("out hex\"00ff\" => drop") == "  send 1\n    out frame hex\"00ff\"\n    outcome drop\n");
    CHECK(step("hex \"00 ff\" => drop") == "  send 1\n    frame hex\"00ff\"\n    outcome drop\n");
    CHECK(step("hex\"00ff\" => drop") == step("hex \"00 ff\" => drop"));
    CHECK(step("") == "");
}

TEST_CASE("spans are exact") {
    const Parsed parsed(
        "policy edge # p\nlet web = { 80 , 443 } # w\nset bad : net from \"f\" # s\n"
        "rule r { when tcp.dport not  in web and ( udp or rate( ip.src ) > 10/s ) then add ip.src to bad for 1h , drop "
        "} # e\n"
        "test \"t\" { 2 x tcp 1.2.3.4:5 -> [::1]:6 syn => drop by r # o\n }\n");
    REQUIRE(parsed.codes() == "");
    CHECK(parsed.text(parsed.policy.name->span) == "edge");
    const auto& let = parsed.item<ast::Let>(0);
    CHECK(parsed.text(let.span) == "let web = { 80 , 443 }");
    CHECK(parsed.text(let.name.span) == "web");
    CHECK(parsed.text(let.value) == "{ 80 , 443 }");
    const auto& set = parsed.item<ast::Set>(1);
    CHECK(parsed.text(set.span) == "set bad : net from \"f\"");
    CHECK(parsed.text(set.file_span) == "\"f\"");
    const auto& rule = parsed.item<ast::Rule>(2);
    CHECK(parsed.text(rule.span).substr(0, 8) == "rule r {");
    CHECK(parsed.text(rule.span).back() == '}');
    const auto& both = parsed.node<ast::And>(rule.condition);
    CHECK(parsed.text(both.operands[0]) == "tcp.dport not  in web");
    const auto& compare = parsed.node<ast::Compare>(both.operands[0]);
    CHECK(parsed.text(compare.lhs) == "tcp.dport");
    CHECK(parsed.text(compare.op_span) == "not  in");
    CHECK(parsed.text(compare.rhs) == "web");
    const auto& either = parsed.node<ast::Or>(both.operands[1]);
    CHECK(parsed.text(either.operands[1]) == "rate( ip.src ) > 10/s");
    CHECK(parsed.text(parsed.policy.state_terms.at(0).limit_span) == "10/s");
    CHECK(parsed.text(rule.actions[0].span) == "add ip.src to bad for 1h");
    CHECK(parsed.text(rule.actions[1].span) == "drop");
    const auto& test = parsed.item<ast::Test>(3);
    CHECK(parsed.text(test.name_span) == "\"t\"");
    CHECK(parsed.text(test.steps.at(0).span) == "2 x tcp 1.2.3.4:5 -> [::1]:6 syn => drop by r");
    const auto& send = std::get<ast::SendStep>(test.steps[0].node);
    CHECK(parsed.text(send.packet.span) == "tcp 1.2.3.4:5 -> [::1]:6 syn");
    CHECK(parsed.text(send.packet.source.span) == "1.2.3.4:5");
    CHECK(parsed.text(send.packet.destination.span) == "[::1]:6");
    CHECK(parsed.text(send.outcome.span) == "drop by r");
    CHECK(parsed.comments() == std::vector<std::string>{"# p", "# w", "# s", "# e", "# o"});
}

TEST_CASE("the tree names lines and columns") {
    const Parsed parsed("policy p\n\nrule r {\n    when tcp\n    then drop\n}\n");
    CHECK(parsed.dumped() == "policy p <1:8>\nrule r <3:1>\n  path tcp <4:10>\n  drop <5:10>\n");
}

TEST_CASE("CRLF is a line end like any other") {
    const Parsed parsed("policy p # c\r\nrule r {\r\n    when tcp # t\r\n    then drop\r\n}\r\n");
    CHECK(parsed.codes() == "");
    CHECK(parsed.comments() == std::vector<std::string>{"# c", "# t"});
    CHECK(parsed.text(parsed.policy.comments[0].span) == "# c");
    CHECK(parsed.formatted() == "policy p  # c\nrule r {\n    when tcp  # t\n    then drop\n}\n");
}

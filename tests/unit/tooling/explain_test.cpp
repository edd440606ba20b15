// Why a packet gets its verdict.
#include "tooling/judge/explain.h"

#include <nlohmann/json.hpp>

#include "tests/unit/tooling/judging.h"
#include "tooling/judge/text_packet.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

// The account of the last of the packets.
nlohmann::json explained(const std::string& policy, const std::vector<std::string>& packets,
                         std::string* text = nullptr) {
    const LoadedPolicy loaded = loaded_policy(policy);
    Evaluators evaluators(*loaded.compiled);
    REQUIRE(evaluators.add(Evaluator::kOracle));
    REQUIRE(evaluators.add(Evaluator::kNative));
    REQUIRE(evaluators.begin());
    Explainer explainer(loaded, evaluators);
    std::optional<Account> account;
    for (const std::string& one : packets) {
        const auto packet = packet_of_text(one);
        REQUIRE(packet);
        if (&one == &packets.back()) explainer.listen();
        const auto answer = evaluators.judge(packet->frame, 0, packet->interface, packet->direction);
        REQUIRE(answer);
        if (&one == &packets.back()) account = explainer.account(*answer, one);
    }
    CHECK(account->difference == "");
    if (text != nullptr) *text = explain_text(*account, loaded, Colour::kOff);
    return nlohmann::json::parse(explain_json(*account, loaded));
}

nlohmann::json failed(const std::string& condition, const std::vector<std::string>& packets) {
    return explained("rule r { when " + condition + " then drop }\n", packets).at("rules").at(0).at("failed");
}

}  // namespace

TEST_CASE("the first condition that failed, and the value seen") {
    const std::vector<std::string> tcp{"tcp 10.0.0.1:1000 -> 10.0.0.2:22 syn payload \"GEX\""};
    const nlohmann::json port = failed("tcp.syn and tcp.dport == 80 and udp", tcp);
    CHECK(port ==
          nlohmann::json::parse(R"({"file":"test.rules","line":1,"column":27,"text":"tcp.dport == 80","value":"22"})"));
    CHECK(failed("udp.dport == 80", tcp).at("value").is_null());
    CHECK(failed("not tcp.syn", tcp).at("text") == "not tcp.syn");
    CHECK(failed("not tcp.syn", tcp).at("value") == "true");
    CHECK(failed("not (tcp.syn and ip.ttl > 3)", tcp).at("value") == "tcp.syn true, ip.ttl 64");
    CHECK(failed("tcp.dport == 80 or tcp.dport == 443", tcp).at("text") == "tcp.dport == 80 or tcp.dport == 443");
    CHECK(failed("tcp.dport == 80 or udp.dport == 443", tcp).at("value") == "tcp.dport 22, udp.dport absent");
    CHECK(failed("ip.src in 10.0.0.2..10.0.0.9", tcp).at("value") == "10.0.0.1");
    CHECK(failed("eth.src == 02:00:00:00:00:07", tcp).at("value") == "02:00:00:00:00:01");
    CHECK(failed("payload starts_with \"GET\"", tcp).at("value") == "\"GEX\"");
    CHECK(failed("tcp.sport == tcp.dport", tcp).at("value") == "tcp.sport 1000, tcp.dport 22");
    CHECK(failed("iface == \"eth1\"", tcp).at("value").is_null());
    CHECK(failed("iface == \"eth1\"", {tcp[0] + " on \"eth0\""}).at("value") == "eth0");
}

TEST_CASE("a state term that failed says what its key had") {
    const std::vector<std::string> twice(2, "udp 10.0.0.1:1 -> 10.0.0.2:53");
    CHECK(failed("count(ip.src, in 10s) > 4", twice).at("value") == "2");
    CHECK(failed("rate(ip.src) > 4/s", twice).at("value") == "2 tokens left");
    CHECK(failed("distinct(udp.dport, by ip.src, in 10s) > 4", twice).at("value") == "1");
    CHECK(failed("share(udp.dport == 53, by ip.src, in 10s, of 5) > 50%", twice).at("value") == "2 of 2");
    CHECK(failed("count(tcp.dport, in 10s) > 4", twice).at("value").is_null());
    CHECK(failed("udp.dport == 1 and count(ip.src, in 10s) > 4", twice).at("text") == "udp.dport == 1");
}

TEST_CASE("rules up to the one that decides, in the packet's direction") {
    const std::string policy =
        "rule a { when udp then drop }\nrule b { observe when tcp then alert x, drop }\n"
        "rule out { egress when tcp then drop }\nrule c { when tcp then drop }\nrule d { when tcp then pass }\n"
        "alert x { message \"x\" }\n";
    std::string text;
    const nlohmann::json in = explained(policy, {"tcp 10.0.0.1:1 -> 10.0.0.2:22"}, &text);
    CHECK(in.at("verdict") == "drop");
    CHECK(in.at("rule") == "c");
    CHECK(in.at("alerts") == nlohmann::json::parse(R"(["x"])"));
    REQUIRE(in.at("rules").size() == 3);
    CHECK(in.at("rules").at(0).at("matched") == false);
    CHECK(in.at("rules").at(1) == nlohmann::json::parse(R"({"name":"b","matched":true,"observe":true})"));
    CHECK(text ==
          "tcp 10.0.0.1:1 -> 10.0.0.2:22\n\n"
          "a did not match\n --> test.rules:1:15\n1 | rule a { when udp then drop }\n"
          "  |               ^^^ the packet does not have it\n"
          "b matched: alert x, would drop\nc matched: drop\n\ndrop by c, alert x\n");
    const nlohmann::json out = explained(policy, {"out tcp 10.0.0.1:1 -> 10.0.0.2:22"});
    CHECK(out.at("rule") == "out");
    CHECK(out.at("rules").size() == 1);
    CHECK(explained(policy, {"sctp 10.0.0.1:1 -> 10.0.0.2:22"}).at("rule").is_null());
    CHECK(explained(policy, {"hex \"00\""}).at("rule") == "malformed");
}

TEST_CASE("packet_of_text") {
    const auto packet = packet_of_text("out tcp 10.0.0.1:1 -> 10.0.0.2:22 on \"eth1\"");
    REQUIRE(packet);
    CHECK(packet->direction == packet::Direction::kOut);
    CHECK(packet->interface == "eth1");
    for (const std::string wrong :
         {"", "tcp", "tcp 10.0.0.1:1 -> 10.0.0.2:{1..2}", "2 x tcp 10.0.0.1:1 -> 10.0.0.2:1", "after 1s",
          "tcp 10.0.0.1:1 -> 10.0.0.2:1 => pass }\ntest \"u\" { after 1s", "upd 10.0.0.1:1 -> 10.0.0.2:1"}) {
        INFO(wrong);
        const auto refused = packet_of_text(wrong);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message != "");
    }
}

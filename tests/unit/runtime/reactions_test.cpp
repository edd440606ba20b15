// Escalations and responses of an engine, as far as no kernel is needed.
#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "runtime/engine/reactions.h"
#include "runtime/sinks/event_text.h"

using namespace weir;
using namespace weir::runtime;

namespace {

constexpr const char* kPolicy = R"(
set blocked : ip ttl 1h
set nets    : net
rule known { when ip.src in blocked or ip.src in nets then drop }
rule a { when udp then alert noticed }
alert noticed {
    message "x"
    to      log
    escalate to soc when 2 within 10s per ip.src/24
    escalate to log when 3 within 1m per arp.sender_ip
    respond { add ip.src to blocked for 5s, add ip.src/24/48 to nets, remove arp.sender_ip from blocked }
}
sink log = stdout()
sink soc = stdout()
)";

bpf::Manifest manifest_of(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const auto made = analyse(sources, "test.rules", text, {}, diagnostics);
    REQUIRE(made);
    const auto object = compile(*made, {});
    REQUIRE(object);
    return object->manifest;
}

weir_event_inside event_from(std::uint32_t address, std::uint64_t seconds) {
    weir_event_inside all{};
    all.event.time_ns = seconds * 1'000'000'000;
    all.event.rule = 1;
    all.event.packet.present[0] = WEIR_BIT(WEIR_HAS_IP);
    all.event.packet.ip_version = 4;
    all.event.packet.ip_src[0] = address;
    return all;
}

AlertStatus status_of(const Reactions& reactions, const bpf::Manifest& manifest) {
    AlertStatus status;
    reactions.fill(manifest.alerts[0], manifest, status);
    return status;
}

using Numbers = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("an engine escalates once a window, by the key as the policy cuts it") {
    const bpf::Manifest manifest = manifest_of(kPolicy);
    REQUIRE(manifest.alerts.at(0).escalations.size() == 2);
    Reactions reactions;
    CHECK(reactions.take(event_from(0xc6336407, 0), manifest).empty());
    CHECK(reactions.take(event_from(0xc6336507, 1), manifest).empty());           // another network
    CHECK(reactions.take(event_from(0xc63364fe, 2), manifest) == Numbers{0, 1});  // all lack arp.sender_ip
    CHECK(reactions.take(event_from(0xc6336407, 3), manifest).empty());
    CHECK(reactions.take(event_from(0xc6336407, 10), manifest).empty());
    CHECK(reactions.take(event_from(0xc6336407, 11), manifest) == Numbers{0});
    reactions.escalated("noticed", "soc", true);
    reactions.escalated("noticed", "log", false);
    AlertStatus status = status_of(reactions, manifest);
    REQUIRE(status.escalations.size() == 2);
    CHECK((status.escalations[0].sink == "log" && status.escalations[0].escalated == 1 &&
           status.escalations[0].lost == 1 && status.escalations[0].pending == 0));
    CHECK((status.escalations[1].sink == "soc" && status.escalations[1].escalated == 2 &&
           status.escalations[1].delivered == 1 && status.escalations[1].pending == 1));
    // Windows go on in a policy that has the same escalation; another number begins anew.
    const bpf::Manifest other =
        manifest_of(std::string(kPolicy).replace(std::string(kPolicy).find("when 2"), 6, "when 4"));
    reactions.keep_only({&manifest});
    CHECK(reactions.take(event_from(0xc6336507, 1), manifest) == Numbers{0});
    reactions.keep_only({&other});
    CHECK(reactions.take(event_from(0xc6336507, 2), manifest).empty());
    bpf::Manifest none;
    reactions.keep_only({&none});
    CHECK(status_of(reactions, manifest).escalations[1].escalated == 0);
}

TEST_CASE("what an alert escalated to a sink is forgotten with its last escalation there") {
    const std::string text = kPolicy;
    const bpf::Manifest manifest = manifest_of(text);
    Reactions reactions;
    for (const std::uint64_t second : {0, 1, 2}) reactions.take(event_from(0xc6336407, second), manifest);
    CHECK(status_of(reactions, manifest).escalations[1].escalated == 1);
    const bpf::Manifest other =
        manifest_of(std::string(text).replace(text.find("escalate to soc"), 15, "escalate to log"));
    reactions.keep_only({&manifest, &other});
    CHECK(status_of(reactions, manifest).escalations[1].escalated == 1);
    reactions.keep_only({&other});
    CHECK(status_of(reactions, manifest).escalations[1].escalated == 0);
    CHECK(status_of(reactions, manifest).escalations[0].escalated == 1);
}

TEST_CASE("windows that ended early are counted") {
    const bpf::Manifest manifest = manifest_of(kPolicy);
    Reactions reactions;
    for (std::uint32_t net = 0; net <= EventWindows::kMostKeys; ++net)
        reactions.take(event_from(0x0a000000 + (net << 8), 0), manifest);
    const AlertStatus status = status_of(reactions, manifest);
    CHECK((status.escalations[0].evicted == 0 && status.escalations[1].evicted == 1));
}

TEST_CASE("the key of an escalation's window is a value, not its text") {
    const bpf::Manifest manifest = manifest_of(
        "rule a { when udp then alert x }\nrule b { egress when udp then alert x }\ndefault egress pass\n"
        "alert x { message \"\" to s escalate to s when 2 within 1m per flow.age escalate to s when 2 within 1m per "
        "dns.qname escalate to s when 2 within 1m per http.user_agent escalate to s when 2 within 1m per rx_queue }\n"
        "sink s = stdout()\n");
    const std::vector<bpf::EscalationInfo>& all = manifest.alerts.at(0).escalations;
    REQUIRE(all.size() == 4);
    const auto key = [&](std::size_t escalation, const weir_event_inside& record) {
        std::string bytes;
        const bool is_there = append_key(bytes, record, all[escalation].key.at(0));
        return is_there ? std::optional(bytes) : std::nullopt;
    };
    weir_event_inside one{};
    for (std::size_t i = 0; i < 3; ++i) CHECK_FALSE(key(i, one));
    one.event.flags = WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW;
    one.flow.present = ~std::uint32_t{0};
    for (std::uint32_t& word : one.event.packet.present) word = ~std::uint32_t{0};
    one.event.captured = 2;
    weir_event_inside other = one;
    for (std::size_t i = 0; i < 3; ++i) CHECK((key(i, one) && key(i, one) == key(i, other)));
    one.flow.age_ns = 1'250'000'000, other.flow.age_ns = 1'250'000'001;  // both "1.250s"
    CHECK(key(0, one) != key(0, other));
    one.inside.name[0] = '-', one.inside.name_length = 1;  // a host may call itself so
    CHECK(key(1, one));
    CHECK(key(1, one) != key(1, other));
    one.inside.http_user_agent = other.inside.http_user_agent = WEIR_TEXT(0, 2);
    one.payload[0] = '-', one.payload[1] = 1, other.payload[0] = '-', other.payload[1] = 2;
    CHECK(key(2, one) != key(2, other));

    // On the way out there is no rx_queue: what stands in its place is no key.
    Reactions reactions;
    const auto filled = [&](std::uint32_t rule, std::uint32_t queue) {
        weir_event_inside record{};
        record.event.rule = rule;
        record.event.packet.present[0] = ~0u;
        record.event.packet.rx_queue = queue;
        const std::vector<std::uint32_t> numbers = reactions.take(record, manifest);
        return std::find(numbers.begin(), numbers.end(), 3u) != numbers.end();
    };
    CHECK_FALSE(filled(0, 1));
    CHECK_FALSE(filled(0, 2));
    CHECK_FALSE(filled(1, 3));
    CHECK(filled(1, 4));
}

TEST_CASE("responses are counted: of observed rules, and where there is no such set") {
    const bpf::Manifest manifest = manifest_of(kPolicy);
    REQUIRE(manifest.alerts.at(0).responses.size() == 3);
    Reactions reactions;
    weir_event_inside event = event_from(0xc6336407, 0);
    event.event.flags = WEIR_EVENT_WOULD;
    reactions.take(event, manifest);
    AlertStatus status = status_of(reactions, manifest);
    REQUIRE(status.responses);
    CHECK(status.responses->would == 2);  // arp.sender_ip is absent: that one changes nothing
    event.event.flags = 0;
    reactions.take(event, manifest);
    CHECK(status_of(reactions, manifest).responses->failed == 0);
    SetChanger changer;
    std::vector<std::string> asked;
    reactions.carry_out(changer, [&](const std::string& identity) { return asked.push_back(identity), -1; });
    CHECK(asked == std::vector<std::string>{"set blocked: (ip)", "set nets: (net)"});
    status = status_of(reactions, manifest);
    CHECK(status.responses->failed == 2);
    CHECK(status.responses->done == 0);
    reactions.carry_out(changer, [](const std::string&) { return -1; });  // nothing waits any more
    CHECK(status_of(reactions, manifest).responses->failed == 2);
}

TEST_CASE("an alert without either has neither in its status") {
    const bpf::Manifest manifest = manifest_of("rule a { when udp then alert x }\nalert x { message \"\" }\n");
    const AlertStatus status = status_of(Reactions(), manifest);
    CHECK(status.escalations.empty());
    CHECK_FALSE(status.responses);
}

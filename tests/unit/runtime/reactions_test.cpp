// Escalations and responses of an engine, as far as no kernel is needed.
#include <catch2/catch.hpp>

#include <string>

#include "compiler/compiler.h"
#include "runtime/engine/reactions.h"

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
    CHECK(reactions.take(event_from(0xc6336407, 0), manifest, "eth0").empty());
    CHECK(reactions.take(event_from(0xc6336507, 1), manifest, "eth0").empty());           // another network
    CHECK(reactions.take(event_from(0xc63364fe, 2), manifest, "eth0") == Numbers{0, 1});  // all lack arp.sender_ip
    CHECK(reactions.take(event_from(0xc6336407, 3), manifest, "eth0").empty());
    CHECK(reactions.take(event_from(0xc6336407, 10), manifest, "eth0").empty());
    CHECK(reactions.take(event_from(0xc6336407, 11), manifest, "eth0") == Numbers{0});
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
    CHECK(reactions.take(event_from(0xc6336507, 1), manifest, "eth0") == Numbers{0});
    reactions.keep_only({&other});
    CHECK(reactions.take(event_from(0xc6336507, 2), manifest, "eth0").empty());
    bpf::Manifest none;
    reactions.keep_only({&none});
    CHECK(status_of(reactions, manifest).escalations[1].escalated == 0);
}

TEST_CASE("responses are counted: of observed rules, and where there is no such set") {
    const bpf::Manifest manifest = manifest_of(kPolicy);
    REQUIRE(manifest.alerts.at(0).responses.size() == 3);
    Reactions reactions;
    weir_event_inside event = event_from(0xc6336407, 0);
    event.event.flags = WEIR_EVENT_WOULD;
    reactions.take(event, manifest, "eth0");
    AlertStatus status = status_of(reactions, manifest);
    REQUIRE(status.responses);
    CHECK(status.responses->would == 2);  // arp.sender_ip is absent: that one changes nothing
    event.event.flags = 0;
    reactions.take(event, manifest, "eth0");
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

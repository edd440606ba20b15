// Which fields a policy reads, and what the runtime is told of them.
#include <catch2/catch.hpp>

#include "bpf/abi.h"
#include "compiler/codegen/manifest.h"
#include "compiler/compiler.h"
#include "compiler/policy/reads.h"

using namespace weir;
using packet::FieldId;

namespace {

Compiled compiled(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    std::optional<Compiled> made = analyse(sources, "test.rules", text, sema::Files{}, diagnostics);
    if (!made) FAIL((diagnostics.all().empty() ? "refused" : diagnostics.all()[0].message) << " in\n" << text);
    return std::move(*made);
}
bool reads_vlan(const std::string& text) { return codegen::make_manifest(compiled(text), {}).reads_vlan; }

}  // namespace

TEST_CASE("a policy that reads tags anywhere has the device leave them in the frame") {
    CHECK(reads_vlan("rule r { when vlan then drop }"));
    CHECK(reads_vlan("rule r { when vlan == false then drop }"));
    CHECK(reads_vlan("rule r { when vlan.id == 7 then drop }"));
    CHECK(reads_vlan("rule r { when vlan.pcp > 3 then drop }"));
    CHECK(reads_vlan("rule r { when not (tcp or vlan.depth == 0) then drop }"));
    CHECK(reads_vlan("rule r { when vlan == malformed then drop }"));
    CHECK(reads_vlan("rule r { when (ip.src, vlan.depth) in { (192.0.2.1, 1) } then drop }"));
    CHECK(reads_vlan("let tagged = vlan.id in { 7, 8 }\nrule r { when tcp and tagged then drop }"));
    CHECK(reads_vlan("rule r { when tcp and rate(vlan.id) > 10/s then drop }"));
    CHECK(reads_vlan("rule r { when tcp and byterate(ip.src, vlan.pcp) > 10MB/s then drop }"));
    CHECK(reads_vlan("rule r { when tcp and distinct(vlan.id, by ip.src, in 10s) > 5 then drop }"));
    CHECK(reads_vlan("rule r { when tcp and distinct(tcp.dport, by vlan.id, in 10s) > 5 then drop }"));
    CHECK(reads_vlan("set s : u16 size 100\nrule r { when tcp then add vlan.id to s, drop }"));
    CHECK(reads_vlan("set s : (ip, u8) size 100\nrule r { when tcp then remove (ip.src, vlan.depth) from s, drop }"));
    CHECK(reads_vlan("alert a { message \"{vlan.id}\" }\nrule r { when tcp then alert a, drop }"));
    CHECK(reads_vlan("alert a { throttle 1 per vlan.id every 1m }\nrule r { when tcp then alert a, drop }"));
}

TEST_CASE("a policy that reads no tags leaves the device as it is") {
    CHECK(reads_vlan("rule r { when vlan.inner_id == 7 then drop }"));
    CHECK(!reads_vlan("rule r { when pppoe.session == 7 or mpls.depth == 1 then drop }"));
    CHECK(!reads_vlan("rule r { when eth.type == 0x0800 and rate(ip.src) > 10/s then drop }"));
    CHECK(!reads_vlan("let tagged = vlan.id == 7\nrule r { when tcp then drop }"));
    CHECK(!reads_vlan("alert a { message \"{ip.src}\" }\nrule r { when tcp then alert a, drop }"));
    CHECK(!reads_vlan("alert a { message \"{vlan.id}\" }\nrule r { when tcp then drop }"));  // that nothing raises
    // What user space does with an event.
    const std::string raised =
        "rule r { when tcp then alert a, drop }\nset v : u16\nrule q { when tcp.window in v then drop }\n";
    CHECK(
        reads_vlan(raised + "alert a { message \"\" escalate to s when 2 within 1m per vlan.id }\nsink s = stdout()"));
    CHECK(reads_vlan(raised + "alert a { message \"\" respond { add vlan.id to v } }"));
    CHECK(reads_vlan(raised + "alert a { message \"\" }\nsink s = exec(\"/bin/x\", \"{vlan.id}\")"));
    CHECK(!reads_vlan(raised +
                      "alert a { message \"\" to t }\nsink s = exec(\"/bin/x\", \"{vlan.id}\")\nsink t = stdout()"));
}

TEST_CASE("what is read is what is named") {
    const Compiled made = compiled(
        "alert a { message \"{eth.src}\" throttle 1 per eth.dst every 1m }\n"
        "rule r { when payload[2:4] == \"abcd\" and iface == \"eth0\" and count(tcp.window, in 1s) > 1 then alert a }\n"
        "rule s { when ip.ttl < 2 then drop }\n");
    const packet::FieldSet reads = policy::fields_read(made.policy);
    for (const FieldId id : {FieldId::kEthSrc, FieldId::kEthDst, FieldId::kPayload, FieldId::kPayloadLen,
                             FieldId::kIface, FieldId::kTcpWindow, FieldId::kIpTtl})
        CHECK(reads.contains(id));
    for (const FieldId id : {FieldId::kTcp, FieldId::kIpSrc, FieldId::kVlan}) CHECK(!reads.contains(id));
    CHECK(reads.needs() == (WEIR_NEED_MAC | WEIR_NEED_IFACE | WEIR_NEED_TCP_REST | WEIR_NEED_IP_REST));
    CHECK(made.decision.needs == WEIR_NEED_HEADERS);  // events carry the whole packet
    CHECK(compiled("rule s { when ip.ttl < 2 then drop }").decision.needs == WEIR_NEED_IP_REST);
    CHECK(compiled("rule s { when pppoe or mpls or ip6.routing then drop }").decision.needs == WEIR_NEED_NONE);
    CHECK(compiled("rule s { when mpls.label == 5 then drop }").decision.needs == WEIR_NEED_LINK);
    CHECK(compiled("rule s { when ip4.source_route then drop }").decision.needs == WEIR_NEED_SOURCE_ROUTE);
    CHECK(compiled("rule s { when tcp and rate(ip.ttl) > 1/s then drop }").decision.needs == WEIR_NEED_IP_REST);
}

#include <catch2/catch.hpp>

#include <algorithm>

#include "bpf/record.h"
#include "compiler/compiler.h"
#include "compiler/policy/capture_keys.h"
#include "compiler/policy/identity.h"

using namespace weir;

namespace {

Compiled compiled(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    auto made = analyse(sources, "a.rules", text, {}, diagnostics);
    for (const Diagnostic& one : diagnostics.all()) INFO(one.message);
    REQUIRE(made);
    return std::move(*made);
}
bool says(const std::string& text, Code code) {
    Sources sources;
    Diagnostics diagnostics;
    analyse(sources, "a.rules", text, {}, diagnostics);
    return std::any_of(diagnostics.all().begin(), diagnostics.all().end(),
                       [&](const Diagnostic& one) { return one.code == code; });
}

constexpr const char* kPolicy = R"(
record 128 bytes, 1000 packets
let some = 5
rule a { when tcp.dport == 1 then capture, alert seen }
rule b { when tcp.dport == 2 then capture before some per ip.src, alert seen }
rule c { when tcp.dport == 3 then capture before 64 per (ip.src/24, tcp.dport), alert seen, drop }
rule d { when tcp.dport == 4 then capture before 7 per ip.src, alert seen, drop }
rule e { when tcp.dport == 5 then alert seen, drop }
alert seen { message "x" }
sink packets = pcap("/a.pcapng", rotate 1MB)
)";

}  // namespace

TEST_CASE("a policy's recorder, captures and their keys, as they are handed on") {
    const Compiled made = compiled(kPolicy);
    const policy::TypedPolicy& policy = made.policy;
    REQUIRE(policy.record);
    CHECK(policy.record->bytes == 128);
    CHECK(policy.record->packets == 1024);
    CHECK(policy.rules[0].capture->before == 0);
    CHECK(policy.rules[1].capture->before == 5);
    CHECK(policy.rules[2].capture->keys.size() == 2);
    CHECK_FALSE(policy.rules[4].capture);
    const auto keys = policy::capture_keys(policy);
    REQUIRE(keys.size() == 2);
    CHECK(policy::identity(keys[0]) == "ip.src");
    CHECK(policy::identity(keys[1]) == "ip.src/24/64, tcp.dport");
    CHECK(made.decision.record.keys.size() == 2);
    CHECK(made.decision.rules[0].captures);
    CHECK_FALSE(made.decision.rules[4].captures);

    const auto object = compile(made, {});
    REQUIRE(object);
    const bpf::Manifest& manifest = object->manifest;
    CHECK(manifest.record == bpf::RecordInfo{128, 1024, {"ip.src", "ip.src/24/64, tcp.dport"}});
    CHECK(manifest.rules[0].captures);
    CHECK(manifest.rules[1].before == 5);
    CHECK(manifest.rules[1].before_key == 0);
    CHECK(manifest.rules[2].before_key == 1);
    CHECK(manifest.rules[3].before_key == 0);
    CHECK(manifest.sinks[0].kind == bpf::SinkKind::kPcap);
    CHECK(manifest.sinks[0].number(SinkWord::kRotate, 0) == 1'000'000);
    CHECK(manifest.sinks[0].number(SinkWord::kKeep, 0) == 10);
    const auto size = std::find_if(object->sizes.begin(), object->sizes.end(),
                                   [](const bpf::MapSize& one) { return one.map == "weir_record"; });
    REQUIRE(size != object->sizes.end());
    CHECK(size->max_entries == 1025);
    CHECK(size->value_size == WEIR_RECORD_SLOT_BYTES(2, 128));
}

TEST_CASE("a key of captures is read of every packet") {
    const Compiled made = compiled(
        "record 64 bytes, 8 packets\n"
        "rule r { when tcp.dport == 1 then capture before 1 per eth.src, alert a }\nalert a { message \"x\" }\n");
    CHECK(made.decision.reads.contains(packet::FieldId::kEthSrc));
}

TEST_CASE("a capture needs an alert, and what is before it a recorder") {
    CHECK(says("rule r { when tcp then capture }", Code::E530));
    CHECK_FALSE(says("rule r { when tcp then capture, alert a }", Code::E530));  // a is unknown: that has been said
    CHECK(says("rule r { when tcp then capture before 1 per ip.src, alert a } alert a { message \"x\" }", Code::E531));
    CHECK(says("record 60 bytes, 1 packets\nrule r { when tcp then drop }", Code::E532));
    CHECK(says("record 264 bytes, 1 packets\nrule r { when tcp then drop }", Code::E532));
    CHECK(says("record 64 bytes, 262145 packets\nrule r { when tcp then drop }", Code::E533));
    CHECK_FALSE(says("record 256 bytes, 262144 packets\nrule r { when tcp then drop }", Code::E533));
}

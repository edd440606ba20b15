// Hand-made decisions through the code generator: the native engine's answers, and an ELF that names what it must.
#include <catch2/catch.hpp>

#include <cstring>
#include <vector>

#include "compiler/codegen/native.h"
#include "compiler/compiler.h"

using namespace weir;

namespace {

// Ethernet, IPv4, TCP with that destination port.
std::vector<std::uint8_t> tcp_frame(std::uint16_t dport) {
    std::vector<std::uint8_t> frame(54);
    frame[12] = 0x08;
    std::uint8_t* ip = &frame[14];
    ip[0] = 0x45;
    ip[3] = 40;
    ip[8] = 64;
    ip[9] = 6;
    const std::uint8_t addresses[] = {198, 51, 100, 7, 192, 0, 2, 1};
    std::memcpy(ip + 12, addresses, sizeof(addresses));
    std::uint8_t* tcp = &frame[34];
    tcp[2] = static_cast<std::uint8_t>(dport >> 8);
    tcp[3] = static_cast<std::uint8_t>(dport);
    tcp[12] = 0x50;
    return frame;
}

ir::PredicateId add(ir::Decision& decision, ir::Predicate predicate) {
    decision.predicates.push_back(std::move(predicate));
    return static_cast<ir::PredicateId>(decision.predicates.size() - 1);
}

// rule NAME { when tcp.dport == PORT then drop }
void add_port_rule(Compiled& compiled, std::uint64_t port) {
    ir::Decision& decision = compiled.decision;
    const ir::Word dport{offsetof(weir_packet, port_dst), 2, 0, 0xffff};
    const auto present = add(decision, {ir::Present{{WEIR_HAS_TCP}}});
    const auto equal = add(decision, {ir::InRanges{dport, {{port, port}}}});
    ir::Rule rule;
    rule.predicate = add(decision, {ir::AllOf{{present, equal}}});
    rule.has_verdict = rule.decides = true;
    rule.verdict = WEIR_DROP;
    rule.line = 1;
    decision.rules.push_back(rule);
    policy::Rule typed;
    typed.name = "port_" + std::to_string(port);
    typed.verdict = policy::Verdict{policy::VerdictKind::kDrop, ""};
    compiled.policy.rules.push_back(typed);
}

Compiled ports(std::uint64_t count) {
    Compiled compiled;
    compiled.source_name = "ports.rules";
    compiled.source_text = "rule port_0 { when tcp.dport == 0 then drop }\n";
    compiled.policy.name = "ports";
    for (std::uint64_t port = 0; port < count; ++port) add_port_rule(compiled, port);
    compiled.decision.malformed_verdict = WEIR_DROP;
    return compiled;
}

}  // namespace

TEST_CASE("a straight decision finds its rule, in one function and in groups") {
    for (const std::uint32_t count : {1u, 10u, 200u}) {
        const Compiled compiled = ports(count);
        auto created = codegen::NativeEngine::create(compiled);
        REQUIRE(created);
        const std::unique_ptr<codegen::NativeEngine> engine = std::move(*created);
        const auto last = engine->judge(tcp_frame(static_cast<std::uint16_t>(count - 1)), 0);
        CHECK(last.verdict == WEIR_DROP);
        CHECK(last.rule == count - 1);
        CHECK(last.matched == std::vector<std::uint32_t>{count - 1});
        const auto none = engine->judge(tcp_frame(static_cast<std::uint16_t>(count)), 0);
        CHECK(none.verdict == WEIR_PASS);
        CHECK(none.rule == WEIR_RULE_DEFAULT);
        CHECK(none.matched.empty());
        auto cut = tcp_frame(1);
        cut.resize(40);
        CHECK(engine->judge(cut, 0).rule == WEIR_RULE_MALFORMED);
        CHECK(engine->judge(cut, 0).verdict == WEIR_DROP);
    }
}

TEST_CASE("the object carries the program, its rows and the manifest") {
    const Compiled compiled = ports(3);
    const auto object = compile(compiled, {});
    REQUIRE(object);
    CHECK(object->elf.size() > 1000);
    CHECK(std::memcmp(object->elf.data(), "\177ELF", 4) == 0);
    REQUIRE(object->tables.size() == 1);
    CHECK(object->tables[0].map == ".data.weir_rule_rows");
    CHECK(object->tables[0].bytes.size() == 5 * sizeof(weir_rule_row));
    CHECK(object->manifest.rules[2].name == "port_2");
    CHECK(object->manifest.sinks.size() == 1);
}

// What policies that read all that there is cost the verifier, whose limit is a million instructions.
#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "compiler/packet/fields.h"
#include "tests/kernel/trial.h"

using namespace weir;
using namespace weir::test;

namespace {

// Conditions that need the value of a field, in as many ways as its type allows.
std::string condition(packet::FieldId id) {
    const std::string name = packet::field_name(id);
    switch (packet::field(id).type) {
        case packet::Type::kBool: return name;
        case packet::Type::kUint: return fmt::format("{} != 1", name);
        case packet::Type::kPort: return fmt::format("{0} not in ports and {0} != 7", name);
        case packet::Type::kIp: return fmt::format("{} not in nets", name);
        case packet::Type::kMac: return fmt::format("{} != 02:00:00:00:00:09", name);
        case packet::Type::kDomain:
            return fmt::format("({0} in names or {0} == \"x.example\" or {0} ends_with \".zz\" or len({0}) > 200)",
                               name);
        case packet::Type::kText:
            if (name == "iface") return "iface != \"eth9\"";
            return fmt::format("({0} starts_with \"/x\" or {0} contains nocase \"scan\" or {0} in {{ \"a\", \"b\" }})",
                               name);
        case packet::Type::kBytes: return fmt::format("{} contains \"needle\"", name);
        case packet::Type::kDuration: return fmt::format("{} > 1s", name);
    }
    return name;
}

// A rule for each field of either layer whose name begins so.
std::string policy_of(std::string_view first) {
    std::string text =
        "set nets : net = { 192.0.2.0/24, 2001:db8::/32 }\nset ports : port = { 80, 443 }\n"
        "set names : domain = { \"example\", \"blocked.example\" }\n";
    std::size_t rules = 0;
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner}) {
        for (const packet::Field& row : packet::fields()) {
            const packet::FieldId id = packet::field_id(layer, packet::row_of(row.id));
            if (!packet::is_supported(id) || !packet::field_name(id).starts_with(first)) continue;
            text += fmt::format("rule r{} {{ observe when {} then drop }}\n", rules++, condition(id));
        }
    }
    REQUIRE(rules != 0);
    return text;
}

}  // namespace

TEST_CASE("a policy of all fields, and of all of one protocol, is within what the verifier may follow", "[inside]") {
    // Together 305,000 at the time of writing.
    const std::pair<std::string_view, std::uint32_t> rows[] = {{"", 400'000},     {"dns", 100'000},   {"tls", 200'000},
                                                               {"http", 250'000}, {"inner", 100'000}, {"flow", 50'000}};
    for (const auto& [first, most] : rows) {
        INFO("fields " << first << "…");
        const auto program = loaded(compiled(policy_of(first)), 0);
        CHECK(program.verified_insns() < most);
    }
}

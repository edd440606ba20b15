// The verdicts that answer: where they may stand, and what they become.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "bpf/answer.h"
#include "tests/unit/sema/checked.h"

using namespace weir;
using namespace weir::tests;

TEST_CASE("reject and redirect are verdicts of rules; reject is one of default, too") {
    const Checked checked =
        check("default reject\nrule a { when tcp then redirect(\"eth1\") }\nrule b { when udp then reject }\n");
    REQUIRE(checked.compiled);
    const policy::TypedPolicy& policy = checked.compiled->policy;
    CHECK(policy.default_verdict.kind == policy::VerdictKind::kReject);
    CHECK(policy.rules[0].verdict->interface == "eth1");
    CHECK(policy.rules[1].verdict->kind == policy::VerdictKind::kReject);
}

TEST_CASE("what is malformed is never answered") {
    CHECK(check("malformed reject\n").has(Code::E381));
    CHECK(check("malformed redirect(\"eth1\")\n").has(Code::E380));
    CHECK(check("default redirect(\"eth1\")\n").has(Code::E380));
    const Checked checked = check("default reject\n");
    REQUIRE(checked.compiled);
    CHECK(checked.compiled->policy.malformed_verdict.kind == policy::VerdictKind::kDrop);
}

TEST_CASE("names of interfaces as the kernel takes them") {
    const auto redirects_to = [](const std::string& name) {
        return check(fmt::format("rule r {{ when tcp then redirect(\"{}\") }}\n", name));
    };
    for (const char* name : {"eth1", "a", "fifteen-bytes-x", "vlan.7", "\xc3\xa9"})
        CHECK_FALSE(redirects_to(name).has(Code::E382));
    for (const char* name : {"", ".", "..", "sixteen-bytes-xx", "a/b", "a:1", "two words", "a\\x00b"})
        CHECK(redirects_to(name).has(Code::E382));
}

TEST_CASE("255 interfaces to redirect to, each counted once") {
    std::string text;
    for (unsigned i = 0; i < WEIR_DEVICES; ++i)
        text += fmt::format("rule r{0} {{ when tcp.dport == {0} then redirect(\"d{0}\") }}\n", i);
    CHECK(check(text).compiled);
    CHECK(check(text + "rule more { when udp then redirect(\"more\") }\n").has(Code::E383));
    CHECK_FALSE(check(text + "rule more { when udp then redirect(\"d7\") }\n").has(Code::E383));
}

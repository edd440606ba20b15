// tooling/import/words.h, tooling/import/protocols.h: names, spans, addresses, types of ICMP.
#include <catch2/catch.hpp>

#include "tooling/import/protocols.h"
#include "tooling/import/words.h"

using namespace weir::tooling::imports;

TEST_CASE("Names differ and are names of the language") {
    Names names;
    CHECK(names.make("Bad-Guys") == "bad_guys");
    CHECK(names.make("bad guys") == "bad_guys_2");
    CHECK(names.make("tcp") == "tcp_1");
    CHECK(names.make("10.0.0.1") == "n10_0_0_1");
    CHECK(names.make("\xff") == "unnamed");
    CHECK(names.make("rule") == "rule_1");
    CHECK(names.make(std::string(200, 'a')).size() <= 63);
}

TEST_CASE("spans, rates and addresses as the language writes them") {
    using Span = std::pair<std::uint64_t, std::uint64_t>;
    CHECK(parse_span("22", ':', 65535) == Span(22, 22));
    CHECK(parse_span(":1023", ':', 65535) == Span(0, 1023));
    CHECK(parse_span("1024:", ':', 65535) == Span(1024, 65535));
    CHECK(!parse_span("9:3", ':', 65535));
    CHECK(!parse_span("70000", ':', 65535));
    CHECK(address_text("10.1.2.3/8") == "10.0.0.0/8");
    CHECK(address_text("10.1.2.3/32") == "10.1.2.3");
    CHECK(address_text("10.0.0.1-10.0.0.9") == "10.0.0.1..10.0.0.9");
    CHECK(!address_text("10.0.0.9-10.0.0.1"));
    CHECK(!address_text("example.com"));
    CHECK(rate_text("5", "min") == "5/min");
    CHECK(rate_text("5", "second") == "5/s");
    CHECK(!rate_text("5", "week"));
    CHECK(!rate_text("0", "second"));
    CHECK(string_literal("a\"b\\c\n") == R"("a\"b\\c\\x0a")");
}

TEST_CASE("protocols and types by name") {
    CHECK(protocol_number("all") == 0);
    CHECK(protocol_number("ospf") == 89);
    CHECK(protocol_number("ipv6-icmp") == 58);
    CHECK(!protocol_number("nothing"));
    CHECK(protocol_field(1, 6).empty());
    CHECK(icmp_type("3/4", 4)->code == 4);
    CHECK(icmp_type("host-prohibited", 4)->code == 10);
    CHECK(icmp_type("nd-neighbor-solicit", 6)->type == 135);
    CHECK(!icmp_type("nd-neighbor-solicit", 4));
    CHECK(!icmp_type("300", 4));
}

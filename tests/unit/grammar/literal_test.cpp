// Literals at their boundaries, and values as text.
#include <catch2/catch.hpp>

#include <limits>

#include "grammar/literal.h"

using namespace weir;

namespace {

template <typename Wanted>
std::optional<Wanted> read(std::string_view text) {
    const auto value = parse_literal_quiet(text);
    if (!value || !std::holds_alternative<Wanted>(*value)) return std::nullopt;
    return std::get<Wanted>(*value);
}

std::string code(std::string_view text) {
    Diagnostics diagnostics;
    const auto value = parse_literal(text, {}, diagnostics);
    if (value) return "";
    REQUIRE(diagnostics.errors() == 1);
    return std::string(code_name(diagnostics.all()[0].code));
}

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("integers") {
    const std::pair<const char*, std::uint64_t> kGood[] = {{"0", 0},
                                                           {"22", 22},
                                                           {"0x16", 22},
                                                           {"0XfF", 255},
                                                           {"1_000_000", 1'000'000},
                                                           {"0xdead_beef", 0xdeadbeef},
                                                           {"8k", 8'000},
                                                           {"3M", 3'000'000},
                                                           {"18G", 18'000'000'000},
                                                           {"1_0k", 10'000},
                                                           {"18446744073709551615", kMax},
                                                           {"0xffffffffffffffff", kMax},
                                                           {"18446744073G", 18'446'744'073'000'000'000u}};
    for (const auto& [text, value] : kGood) {
        INFO(text);
        REQUIRE(read<Integer>(text));
        CHECK(read<Integer>(text)->value == value);
    }
    for (const char* text :
         {"18446744073709551616", "0x10000000000000000", "18446744074G", "99999999999999999999999999"}) {
        INFO(text);
        CHECK(code(text) == "E302");
    }
    for (const char* text : {"0x", "1_", "_1", "1__0", "22a", "8K", "1.5", "-1", "", "1e3", "0b1"}) {
        INFO(text);
        CHECK(code(text) == "E301");
    }
}

TEST_CASE("durations, sizes, rates") {
    const std::pair<const char*, std::uint64_t> kDurations[] = {{"50us", 50'000},
                                                                {"100ms", 100'000'000},
                                                                {"10s", 10'000'000'000},
                                                                {"5m", 300'000'000'000},
                                                                {"1h", 3'600'000'000'000},
                                                                {"2d", 172'800'000'000'000},
                                                                {"0s", 0}};
    for (const auto& [text, ns] : kDurations) {
        INFO(text);
        REQUIRE(read<Duration>(text));
        CHECK(read<Duration>(text)->ns == ns);
    }
    CHECK(read<Duration>("18446744073s"));
    CHECK(code("18446744074s") == "E302");
    CHECK(code("10 s") == "E301");
    CHECK(read<ByteSize>("64KB")->bytes == 64'000);
    CHECK(read<ByteSize>("10MB")->bytes == 10'000'000);
    CHECK(read<ByteSize>("2GB")->bytes == 2'000'000'000);
    CHECK(read<ByteSize>("7B")->bytes == 7);
    CHECK(code("18446744074GB") == "E302");
    CHECK(read<Rate>("10/s")->per_ns == 1'000'000'000);
    CHECK(read<Rate>("100/min")->count == 100);
    CHECK(read<Rate>("5/h")->per_ns == 3'600'000'000'000);
    CHECK(read<Rate>("2k/d")->count == 2'000);
    CHECK(read<ByteRate>("10MB/s")->bytes == 10'000'000);
    CHECK(code("10/m") == "E301");
    CHECK(code("10s/s") == "E301");
    CHECK(code("/s") == "E301");
    CHECK(code("18446744073709551616/s") == "E302");
}

TEST_CASE("shares") {
    const std::pair<const char*, std::uint64_t> kShares[] = {
        {"0%", 0}, {"5%", 500}, {"0.25%", 25}, {"1.5%", 150}, {"1.05%", 105}, {"100%", 10000}, {"100.00%", 10000}};
    for (const auto& [text, hundredths] : kShares) {
        INFO(text);
        REQUIRE(read<Share>(text));
        CHECK(read<Share>(text)->hundredths == hundredths);
    }
    for (const char* text : {"%", ".5%", "5.%", "0.125%", "1.2.3%", "0x5%", "5k%", "-1%", "a%", "10/s%", "5%%"}) {
        INFO(text);
        CHECK(code(text) == "E301");
    }
    for (const char* text : {"101%", "100.01%", "18446744073709551616%"}) {
        INFO(text);
        CHECK(code(text) == "E302");
    }
    CHECK(to_string(Share{25}) == "0.25%");
    CHECK(to_string(Share{150}) == "1.5%");
    CHECK(to_string(Share{0}) == "0%");
    CHECK(to_string(Share{10000}) == "100%");
}

TEST_CASE("addresses, prefixes, ranges, MACs") {
    CHECK(read<IpAddress>("198.51.100.7")->version == 4);
    CHECK(read<IpAddress>("::")->version == 6);
    CHECK(read<IpAddress>("::ffff:192.0.2.1"));
    for (const char* text :
         {"256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", ":::", "1::2::3", "fe80::1/129", "2001:db8:"}) {
        INFO(text);
        CHECK(code(text) != "");
    }
    CHECK(read<IpPrefix>("0.0.0.0/0"));
    CHECK(read<IpPrefix>("10.0.0.1/32"));
    CHECK(read<IpPrefix>("::/0"));
    CHECK(read<IpPrefix>("::1/128"));
    CHECK(code("10.0.0.0/33") == "E305");
    CHECK(code("10.0.0.0/") == "E305");
    CHECK(code("10.0.0.0/8x") == "E305");
    CHECK(code("10.0.0.1/31") == "E303");
    CHECK(read<MacPrefix>("00:00:00:00:00:00/0"));
    CHECK(read<MacPrefix>("02:00:5e:00:00:01/48")->length == 48);
    CHECK(code("02:00:5e:00:00:00/49") == "E305");
    CHECK(code("02:00:5e:00:00:00/") == "E305");
    CHECK(code("02:00:5e:00:00:01/24") == "E303");
    CHECK(code("fd00::1/127") == "E303");
    CHECK(read<IntegerRange>("0..65535")->last == 65535);
    CHECK(read<IntegerRange>("5..5")->first == 5);
    CHECK(read<IntegerRange>("1k..2k")->last == 2'000);
    CHECK(code("1..18446744073709551616") == "E302");
    CHECK(code("1..2..3") == "E306");
    CHECK(code("..5") == "E306");
    CHECK(code("5..") == "E306");
    CHECK(read<IpRange>("10.0.0.1..10.0.0.1"));
    CHECK(read<IpRange>("fd00::1..fd00::9"));
    CHECK(code("10.0.0.2..10.0.0.1") == "E304");
    CHECK(code("10.0.0.2..fd00::1") == "E306");
    CHECK(to_string(*read<MacAddress>("02:00:00:00:00:0A")) == "02:00:00:00:00:0a");
    CHECK_FALSE(read<MacAddress>("02:00:00:00:00"));
    CHECK_FALSE(read<MacAddress>("02:00:00:00:00:0g"));
    CHECK_FALSE(read<MacAddress>("2:0:0:0:0:10:000"));
}

TEST_CASE("addresses are printed as RFC 5952 wants them") {
    const std::pair<const char*, const char*> kPrinted[] = {
        {"2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // 4.2.2: no :: for one group
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // 4.2.3: the longest run
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // 4.2.3: the first of equals
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},          // 5
        {"0:0:0:0:0:0:0:0", "::"},
        {"198.51.100.7", "198.51.100.7"}};
    for (const auto& [text, printed] : kPrinted) CHECK(to_string(*parse_ip(text)) == printed);
    CHECK(to_string(*parse_prefix("2001:DB8::/32")) == "2001:db8::/32");
}

TEST_CASE("prefixes of MAC addresses") {
    const auto prefix = parse_mac_prefix("02:00:5E:12:34:56/21");
    REQUIRE(prefix);
    CHECK(to_string(first_address(*prefix)) == "02:00:58:00:00:00");
    CHECK(to_string(last_address(*prefix)) == "02:00:5f:ff:ff:ff");
    CHECK(to_string(*parse_mac_prefix("02:00:5e:00:00:00/24")) == "02:00:5e:00:00:00/24");
    CHECK(to_string(last_address(*parse_mac_prefix("02:00:00:00:00:00/0"))) == "ff:ff:ff:ff:ff:ff");
    CHECK(to_string(first_address(*parse_mac_prefix("02:00:00:00:00:01/48"))) == "02:00:00:00:00:01");
    for (const char* wrong : {"02:00:5e:00:00:00/49", "02:00:5e:00:00:00/", "02:00:5e:00:00:00/-1", "02:00:5e:00:00/24",
                              "02:00:5e:00:00:00", "02:00:5e:00:00:00/24x", "10.0.0.0/24"})
        CHECK(!parse_mac_prefix(wrong));
}

TEST_CASE("the ends of prefixes") {
    const auto prefix = parse_prefix("10.1.2.3/20");
    REQUIRE(prefix);
    CHECK(to_string(network(*prefix)) == "10.1.0.0/20");
    CHECK(to_string(first_address(*prefix)) == "10.1.0.0");
    CHECK(to_string(last_address(*prefix)) == "10.1.15.255");
    CHECK(to_string(last_address(*parse_prefix("::/0"))) == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    CHECK(to_string(last_address(*parse_prefix("fd00::1/128"))) == "fd00::1");
}

TEST_CASE("strings and bytes") {
    Diagnostics diagnostics;
    CHECK(parse_string(R"("a\n\t\"\\\x00\xFf")", {}, diagnostics) == std::string("a\n\t\"\\\0\xff", 7));
    CHECK(parse_string("\"\"", {}, diagnostics) == "");
    CHECK(parse_hex("hex\"\"", {}, diagnostics) == "");
    CHECK(parse_hex("hex\"4745 54\"", {}, diagnostics) == "GET");
    CHECK_FALSE(diagnostics.has_errors());
    CHECK_FALSE(parse_string(R"("\x4")", {}, diagnostics));
    CHECK_FALSE(parse_string(R"("\x4g")", {}, diagnostics));
    CHECK_FALSE(parse_string(R"("\a")", {}, diagnostics));
    CHECK(diagnostics.errors() == 3);
}

TEST_CASE("names and paths") {
    for (const char* text : {"a", "_", "a9_b"}) CHECK(is_name(text));
    for (const char* text : {"", "9a", "A", "a.b", "a-b"}) CHECK_FALSE(is_name(text));
    for (const char* text : {"a", "tcp.dport", "inner.ip.src"}) CHECK(is_path(text));
    for (const char* text : {"", ".", "a.", ".a", "a..b", "1.2.3.4"}) CHECK_FALSE(is_path(text));
}

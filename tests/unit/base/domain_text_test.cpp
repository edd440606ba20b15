#include <catch2/catch.hpp>

#include <string>

#include "grammar/base/domain_text.h"

using namespace weir;

namespace {

std::string read(std::string_view written) {
    std::string name;
    return read_name(written, name) == NameFault::kNone ? name : "no name";
}
NameFault fault(std::string_view written) {
    std::string name;
    return read_name(written, name);
}

}  // namespace

TEST_CASE("names are read in small letters, without a final dot") {
    CHECK(read("WWW.Example.com.") == "www.example.com");
    CHECK(read("_dns.resolver-1.arpa") == "_dns.resolver-1.arpa");
    CHECK(read("192.0.2.1") == "192.0.2.1");
    CHECK(read(std::string(63, 'A') + ".test") == std::string(63, 'a') + ".test");
    const std::string half = std::string(62, 'a') + "." + std::string(63, 'b');  // 126 bytes
    CHECK(read(half + "." + half + ".") == half + "." + half);
}

TEST_CASE("what is no name says why") {
    for (const std::string_view root : {"", "."}) CHECK(fault(root) == NameFault::kEmpty);
    CHECK(fault("*.example.com") == NameFault::kWildcard);
    CHECK(fault(".example.com") == NameFault::kLeadingDot);
    CHECK(fault("b\xc3\xbc"
                "cher.example") == NameFault::kNotAscii);
    CHECK(fault("\xff") == NameFault::kNotAscii);
    for (const std::string_view dots : {"a..b", "a..", ".."})
        CHECK((fault(dots) == NameFault::kEmptyLabel || fault(dots) == NameFault::kLeadingDot));
    CHECK(fault(std::string(64, 'a')) == NameFault::kLongLabel);
    const std::string half = std::string(63, 'a') + "." + std::string(63, 'b');
    CHECK(fault(half + "." + half) == NameFault::kTooLong);
    using namespace std::string_view_literals;
    for (const char c : " \t\0\x1f\x7f\"#()*,/:;<>@[\\]"sv) {
        CAPTURE(static_cast<int>(c));
        CHECK(fault(std::string("a") + c + "b.test") == NameFault::kCharacter);
    }
}

TEST_CASE("what was meant is told where it can be") {
    CHECK(name_meant("*.example.com") == "example.com");
    CHECK(name_meant("*.*.Example.com.") == "example.com");
    CHECK(name_meant("..example.com") == "example.com");
    CHECK(name_meant("https://example.com:8443/a/b?c") == "example.com");
    CHECK(name_meant("0.0.0.0\tads.example.com") == "ads.example.com");
    CHECK(name_meant("a..b").empty());
    CHECK(name_meant("").empty());
    CHECK(name_meant(std::string(300, '*')).empty());
}

// RFC 3492, 7.1, and names in use.
TEST_CASE("names that are not ASCII have their form in packets") {
    CHECK(name_meant("b\xc3\xbc"
                     "cher.example") == "xn--bcher-kva.example");
    CHECK(name_meant("\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88") == "xn--r8jz45g.xn--zckzah");
    CHECK(name_meant("\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad"
                     "\xe6\x96\x87") == "xn--ihqwcrb4cv8a8dqg056pqjye");
    CHECK(name_meant("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84") == "xn--e1afmkfd.xn--p1ai");
    CHECK(name_meant("\xff.example").empty());
}

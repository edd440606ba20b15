// Comparisons of one text that exclude or bring one another.
#include "compiler/analysis/text_facts.h"

#include <catch2/catch.hpp>

#include <string>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"

using namespace weir;

namespace {

bool says(const std::string& text, Code code) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled = analyse(sources, "test.rules", text, {}, diagnostics);
    INFO(text);
    REQUIRE(compiled);
    REQUIRE(analysis::lint(compiled->policy, diagnostics));
    for (const Diagnostic& d : diagnostics.all())
        if (d.code == code) return true;
    return false;
}
bool is_never(const std::string& condition) { return says("rule r { when " + condition + " then drop }", Code::W403); }
bool is_within(const std::string& a, const std::string& b) {
    return says("rule b { when " + b + " then pass }\nrule a { when " + a + " then drop }", Code::W401);
}

}  // namespace

TEST_CASE("comparisons of one text stand to one another as the texts do") {
    CHECK(is_never("dns.qname == \"a.example\" and dns.qname == \"b.example\""));
    CHECK(is_never("http.method == \"GET\" and http.method starts_with \"P\""));
    CHECK(is_never("http.path starts_with \"/a\" and http.path starts_with \"/b\""));
    CHECK(is_never("http.path ends_with \".php\" and http.path == \"/index.html\""));
    CHECK(is_within("http.path starts_with \"/admin/x\"", "http.path starts_with \"/admin\""));
    CHECK(is_within("http.path starts_with \"/admin\"", "http.path contains \"dmi\""));
    CHECK(is_within("http.path == \"/a.php\"", "http.path ends_with \".php\""));
    CHECK(is_within("dns.qname == \"b.example\"", "dns.qname != \"a.example\""));
    CHECK(is_never("iface == \"eth0\" and iface == \"eth1\""));
}

TEST_CASE("sets of texts and names stand to comparisons as their entries do") {
    CHECK(is_within("http.method == \"GET\"", "http.method in { \"GET\", \"HEAD\" }"));
    CHECK(is_within("http.method in { \"GET\", \"HEAD\" }", "http.method != \"POST\""));
    CHECK(is_within("http.method in { \"GET\", \"GOT\" }", "http.method starts_with \"G\""));
    CHECK(is_never("http.method in { \"GET\", \"HEAD\" } and http.method in { \"POST\", \"PUT\" }"));
    CHECK(is_within("dns.qname == \"a.b.example\"", "dns.qname in { \"b.example\" }"));
    CHECK(is_within("dns.qname in { \"a.b.example\" }", "dns.qname in { \"b.example\", \"c.example\" }"));
    CHECK(is_never("dns.qname in { \"b.example\" } and dns.qname == \"example\""));
    CHECK(is_never("dns.qname in { \"b.example\" } and dns.qname in { \"c.example\", \"d.example\" }"));
    CHECK_FALSE(is_never("dns.qname in { \"b.example\" } and dns.qname in { \"a.b.example\" }"));
    CHECK_FALSE(is_within("dns.qname in { \"b.example\" }", "dns.qname == \"b.example\""));
    CHECK_FALSE(is_within("dns.qname in { \"b.example\" }", "dns.qname in { \"a.b.example\" }"));
    CHECK_FALSE(is_within("http.method in { \"GET\", \"POST\" }", "http.method starts_with \"G\""));
}

TEST_CASE("bytes of the payload at one place are one thing") {
    CHECK(is_never("payload starts_with \"GET\" and payload[0:1] == \"P\""));
    CHECK(is_never("payload[2:4] == \"abcd\" and payload[4:2] == \"xd\""));
    CHECK(is_within("payload starts_with \"GET /\"", "payload[0:3] == \"GET\""));
    CHECK(is_within("payload[0:3] == \"GET\"", "payload starts_with \"G\""));
    CHECK(is_within("payload[4:3] == \"abc\"", "payload contains \"bc\""));
    CHECK_FALSE(is_never("payload[0:2] == \"ab\" and payload[2:2] == \"xy\""));
    CHECK_FALSE(is_never("payload[0:2] != \"ab\" and not payload starts_with \"ab\""));
    CHECK_FALSE(is_within("payload[0:3] == \"GET\"", "payload starts_with \"GET /\""));
    CHECK_FALSE(is_within("payload ends_with \"abc\"", "payload contains \"bc\""));
    CHECK_FALSE(is_within("payload[510:4] == \"abcd\"", "payload contains \"bcd\""));
}

TEST_CASE("a text that matches is as long as that needs") {
    CHECK(is_never("payload starts_with \"abcd\" and payload.len < 4"));
    CHECK(is_never("http.path == \"/a\" and len(http.path) > 2"));
    CHECK(is_within("http.path ends_with \".php\"", "len(http.path) >= 4"));
    CHECK_FALSE(is_never("payload starts_with \"abcd\" and payload.len == 4"));
    CHECK_FALSE(is_never("http.path contains \"/a\" and len(http.path) > 2"));
}

TEST_CASE("nothing is said of texts that may go together") {
    CHECK_FALSE(is_never("http.path starts_with \"/a\" and http.path ends_with \"b\""));
    CHECK_FALSE(is_never("http.path starts_with \"/a\" and http.path starts_with \"/ab\""));
    CHECK_FALSE(is_never("http.path contains \"a\" and http.path contains \"b\""));
    CHECK_FALSE(is_never("http.path starts_with nocase \"/a\" and http.path starts_with \"/A\""));
    CHECK_FALSE(is_never("http.method == \"GET\" and http.path == \"POST\""));
    CHECK_FALSE(is_within("http.path contains \"admin\"", "http.path starts_with \"/admin\""));
    CHECK_FALSE(is_within("http.path starts_with \"/a\"", "http.path starts_with \"/ab\""));
    CHECK_FALSE(is_within("http.path != \"/a\"", "http.path != \"/b\""));
}

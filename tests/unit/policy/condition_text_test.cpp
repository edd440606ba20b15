// Conditions of shares in words: what their state belongs to.
#include <catch2/catch.hpp>

#include "compiler/compiler.h"
#include "compiler/policy/condition_text.h"
#include "compiler/policy/identity.h"
#include "grammar/diagnostic.h"

using namespace weir;

namespace {

// "rule r: share(…", of the first term of the first rule.
std::string identity_of(const std::string& condition, const std::string& keys = "", const std::string& items = "") {
    Sources sources;
    Diagnostics diagnostics;
    const std::string text =
        items + "rule r { when ip and share(" + condition + keys + ", in 1m, of 10) > 5% then drop }\n";
    const auto compiled = analyse(sources, "test.rules", text, {}, diagnostics);
    INFO(text);
    REQUIRE(compiled);
    const policy::Rule& rule = compiled->policy.rules[0];
    return policy::identity(compiled->policy, rule, rule.terms.at(0));
}
std::string text_of(const std::string& condition, const std::string& items = "") {
    const std::string identity = identity_of(condition, "", items);
    const std::string before = "rule r: share(", behind = ") in 1m";
    REQUIRE(identity.starts_with(before));
    REQUIRE(identity.ends_with(behind));
    return identity.substr(before.size(), identity.size() - before.size() - behind.size());
}

}  // namespace

TEST_CASE("a condition's text says what it means, however it was written") {
    CHECK(identity_of("tcp.syn", ", by ip.src/24, by tcp.dport") ==
          "rule r: share(tcp.syn by ip.src/24/64, tcp.dport) in 1m");
    CHECK(text_of("http.status >= 500") == text_of("http.status in many", "let many = 500..65535\n"));
    CHECK(text_of("not (tcp or udp)") == "not (tcp or udp)");
    CHECK(text_of("tcp.dport in { 80, 443, 8000..8099 }") == "tcp.dport in { 80, 443, 8000..8099 }");
    CHECK(text_of("tcp.flags & 0x3f == 2") == "tcp.flags & 0x3f in 2");
    CHECK(text_of("ip.src in 10.0.0.0/8 and tcp.syn == false") ==
          "ip.src in 10.0.0.0..10.255.255.255 and tcp.syn == false");
    CHECK(text_of("ip.src in bad", "set bad : ip = { 10.0.0.1 }\n") == "(ip.src) in bad");
    CHECK(text_of("not payload contains \"a\\nb\"") == "not payload contains \"a\\x0ab\"");
    CHECK(text_of("len(dns.qname) > 100") != text_of("len(dns.qname) > 101"));
    CHECK(text_of("dns.qname in { \"a.example\", \"b.example\" }") !=
          text_of("dns.qname in { \"a.example\", \"c.example\" }"));
    CHECK(text_of("inner.ip.ttl == ip.ttl") == "inner.ip.ttl == ip.ttl");
}

TEST_CASE("the text alone") {
    policy::TypedPolicy policy;
    policy.exprs.push_back({{}, policy::Constant{true}});
    CHECK(policy::condition_text(policy, policy::ExprId{0}) == "true");
}

TEST_CASE("what is long has its beginning and a number for the whole") {
    std::string ports = "tcp.dport in { 1";
    for (int port = 3; port < 400; port += 2) ports += ", " + std::to_string(port);
    const std::string one = text_of(ports + " }"), other = text_of(ports + ", 499 }");
    CHECK(one.size() < 80);
    CHECK(one.substr(0, 40) == other.substr(0, 40));
    CHECK(one != other);
}

// W404: where a negated comparison surprises, and where it does not.
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"

using namespace weir;

namespace {

struct Linted {
    Diagnostics diagnostics;
    bool has(Code code) const {
        return std::any_of(diagnostics.all().begin(), diagnostics.all().end(),
                           [&](const Diagnostic& d) { return d.code == code; });
    }
    bool has_fix() const {
        return std::any_of(diagnostics.all().begin(), diagnostics.all().end(),
                           [](const Diagnostic& d) { return d.fix.has_value(); });
    }
};

Linted lint_policy(const std::string& text) {
    Linted linted;
    Sources sources;
    const auto compiled = analyse(sources, "test.rules", text, {}, linted.diagnostics);
    REQUIRE(compiled);
    REQUIRE(analysis::lint(compiled->policy, linted.diagnostics));
    return linted;
}
Linted linted(const std::string& condition) { return lint_policy("rule a { when " + condition + " then drop }"); }

bool advises(const Linted& linted, const std::string& instead) {
    return std::any_of(linted.diagnostics.all().begin(), linted.diagnostics.all().end(), [&](const Diagnostic& d) {
        return d.help.find("write `" + instead + "`") != std::string::npos;
    });
}

}  // namespace

TEST_CASE("W404: a negated comparison of a field that may be absent") {
    for (const auto& [text, fixed] : std::vector<std::pair<std::string, std::string>>{
             {"not tcp.dport == 22", "tcp.dport != 22"},
             {"not tcp.dport != 22", "tcp.dport == 22"},
             {"not ip.ttl < 5", "ip.ttl >= 5"},
             {"not ip.ttl >= 5", "ip.ttl < 5"},
             {"not ip.src in 10.0.0.0/8", "ip.src not in 10.0.0.0/8"},
             {"not (ip.src not in 10.0.0.0/8)", "ip.src in 10.0.0.0/8"},
             {"not ip.src == ip.dst", "ip.src != ip.dst"},
             {"not payload == \"a\"", "payload != \"a\""},
             {"not payload[0:1] == \"a\"", "payload[0:1] != \"a\""},
             {"not eth.src == eth.dst", "eth.src != eth.dst"},
             {"not tcp.syn == true", "tcp.syn != true"},
             {"not tcp.syn == tcp.ack", "tcp.syn != tcp.ack"},
             {"not (ip.src, tcp.dport) in { (192.0.2.1, 80) }", "(ip.src, tcp.dport) not in { (192.0.2.1, 80) }"}}) {
        const Linted checked = linted(text);
        INFO(text);
        CHECK(checked.has(Code::W404));
        CHECK(advises(checked, fixed));
        CHECK(!checked.has_fix());  // it would not be what was written
        CHECK(!linted(fixed).has(Code::W404));
    }
    CHECK(linted("not payload contains \"a\"").has(Code::W404));
    CHECK(linted("tcp.dport == 22 or not tcp.sport == 22").has(Code::W404));
    CHECK(linted("ip and not tcp.dport == 22").has(Code::W404));
    CHECK(linted("not tcp.dport == 22 and not udp.dport == 22").has(Code::W404));
    for (const char* silent :
         {"not tcp", "not tcp.syn", "not packet.len == 60", "not malformed == true", "not (tcp.dport == 22 and ip4)",
          "not (tcp.dport == 22 or tcp.dport == 23)", "tcp.dport != 22", "tcp and not tcp.dport == 22",
          "not tcp or not tcp.dport == 22", "ip.src == 10.0.0.1 and not ip.dst == 10.0.0.2",
          "payload.len > 0 and not payload starts_with \"x\"", "rate(ip.src) > 10/s and not ip.dst == 10.0.0.2",
          "tcp and (udp or not tcp.dport == 22)", "tcp.dport == 22 and not tcp.sport == 22"}) {
        INFO(silent);
        CHECK(!linted(silent).has(Code::W404));
    }
    CHECK(!lint_policy("rule arps { when not ip then pass }\n"
                       "rule a { when not ip.src == 10.0.0.1 then drop }")
               .has(Code::W404));
}

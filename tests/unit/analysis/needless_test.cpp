// Parts of conditions that change nothing, and parts that do.
#include "compiler/analysis/needless.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"

using namespace weir;

namespace {

// The texts that W414 points at.
std::vector<std::string> needless(const std::string& condition, const std::string& before = {}) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled =
        analyse(sources, "test.rules", before + "rule r { when " + condition + " then drop }", {}, diagnostics);
    INFO(condition);
    REQUIRE(compiled);
    REQUIRE(analysis::lint(compiled->policy, diagnostics));
    std::vector<std::string> found;
    for (const Diagnostic& d : diagnostics.all())
        if (d.code == Code::W414) found.emplace_back(sources.text(d.span));
    return found;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a part of an `and` that the others bring is needless") {
    CHECK(needless("tcp.dport == 22 and tcp.dport in 1..1024") == Texts{"tcp.dport in 1..1024"});
    CHECK(needless("tcp.dport in 1..1024 and tcp.dport == 22") == Texts{"tcp.dport in 1..1024"});
    CHECK(needless("tcp.dport != 80 and tcp.dport == 22 and icmp or udp") ==
          Texts{"tcp.dport != 80 and tcp.dport == 22 and icmp"});
    CHECK(needless("ip.src in 10.1.0.0/16 and ip.src in 10.0.0.0/8") == Texts{"ip.src in 10.0.0.0/8"});
    CHECK(needless("tcp.dport == 22 and tcp.dport == 22") == Texts{"tcp.dport == 22"});
    CHECK(needless("http.path starts_with \"/admin\" and http.path contains \"min\"") ==
          Texts{"http.path contains \"min\""});
}

TEST_CASE("a part of an `or` that others have, or that never holds, is needless") {
    CHECK(needless("tcp.dport in 1..1024 or tcp.dport == 22") == Texts{"tcp.dport == 22"});
    CHECK(needless("tcp and (udp.dport == 53 or tcp.dport == 53)") == Texts{"udp.dport == 53"});
    CHECK(needless("icmp or (tcp.dport == 22 and tcp.dport == 80)").size() == 1);
    CHECK(needless("not (tcp.dport in 1..1024 or tcp.dport == 22)") == Texts{"tcp.dport == 22"});
    CHECK(needless("port.src != 1024 or (port.src >= 1024 and tcp.dport > 1024)") == Texts{"port.src >= 1024"});
}

TEST_CASE("nothing is said of parts that change something, or that people write") {
    CHECK(needless("tcp and tcp.dport == 22").empty());
    CHECK(needless("not ip or not ip.src in { 10.0.0.0/8 }").empty());
    CHECK(needless("http.method in { \"GET\", \"HEAD\" }").empty());
    CHECK(needless("ip4 and ip.src in 10.0.0.0/8 and ip.proto == 6 and tcp.dport == 22").empty());
    CHECK(needless("tcp.syn and not tcp.ack").empty());
    CHECK(needless("tcp.dport in 1..1024 and tcp.dport != 22").empty());
    CHECK(needless("ip.src in 10.0.0.0/8 and ip.src not in 10.1.0.0/16").empty());
    CHECK(needless("tcp.dport == 22 or tcp.dport == 80 or udp.dport == 53").empty());
    CHECK(needless("icmp and rate(ip.src) > 5/s and ip.src != 10.0.0.1").empty());
    CHECK(needless("tcp.dport == 22 and tcp.dport == 80").empty());  // W403
    CHECK(needless("ssh and tcp.dport == 22", "let ssh = tcp.dport == 22 and tcp.dport in 1..1024\n") ==
          Texts{"tcp.dport == 22"});
}

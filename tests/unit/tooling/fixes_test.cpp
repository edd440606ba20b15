// Fixes that are certain are applied, guesses are not, and nothing gets worse.
#include "tooling/files/fixes.h"

#include <catch2/catch.hpp>

#include "tests/unit/tooling/folder.h"

using namespace weir;
using namespace weir::tooling;

namespace {

FixedPolicy fixed(const std::string& text) {
    const PolicyOptions options;
    return apply_fixes("p.rules", text, files_of(options), options);
}

}  // namespace

TEST_CASE("operators, quotes and words of other languages are replaced") {
    const FixedPolicy policy = fixed(
        "rule a { when tcp && tcp.dport == 22 then drop }\n"
        "rule b { when udp || icmp drop }\n");
    CHECK(policy.text ==
          "rule a { when tcp and tcp.dport == 22 then drop }\n"
          "rule b { when udp or icmp then drop }\n");
    CHECK(policy.applied.size() == 3);
    CHECK(policy.applied.front().line == 1);
    CHECK(policy.applied.front().before == "&&");
    CHECK(policy.applied.front().after == "and");
    CHECK(policy.left.status == kOk);
    CHECK(policy.left.compiled);
}

TEST_CASE("a name that is merely near is a guess") {
    const std::string text = "rule a { when tcp.dprot == 22 then drop }\n";
    const FixedPolicy policy = fixed(text);
    CHECK(policy.text == text);
    CHECK(policy.applied.empty());
    CHECK(policy.left.diagnostics.errors() == 1);
    // The rest of that file is fixed all the same.
    const FixedPolicy both = fixed("rule a { when tcp.dport == 22 && tcp.syn then drop }\n" + text);
    CHECK(both.text == "rule a { when tcp.dport == 22 and tcp.syn then drop }\n" + text);
    CHECK(both.applied.size() == 1);
}

TEST_CASE("warnings whose fix changes what the policy does stay") {
    for (const std::string text : {"rule a { when ip4 and not tcp.dport == 22 then drop }\n",
                                   "rule a { when tcp then drop } # \xe2\x80\xae\n"}) {
        const FixedPolicy policy = fixed(text);
        CHECK(policy.text == text);
        CHECK(policy.left.diagnostics.warnings() == 1);
    }
}

TEST_CASE("a text without fixes keeps each byte, and a byte order mark stays") {
    for (const std::string text : {"default   drop", "\xef\xbb\xbf# nothing\r\ndefault drop\r\n", "rule {\n", ""})
        CHECK(fixed(text).text == text);
    CHECK(fixed("\xef\xbb\xbfrule a { when tcp && udp then drop }\n").text ==
          "\xef\xbb\xbfrule a { when tcp and udp then drop }\n");
}

TEST_CASE("imports are not touched") {
    const tests::Folder folder;
    folder.write("other.rules", "rule o { when tcp && tcp.syn then drop }\n");
    const std::string text = "import \"other.rules\"\nrule a { when udp && udp.dport == 5 then drop }\n";
    const PolicyOptions options;
    const FixedPolicy policy = apply_fixes(folder.write("p.rules", text), text, files_of(options), options);
    CHECK(policy.text == "import \"other.rules\"\nrule a { when udp and udp.dport == 5 then drop }\n");
    CHECK(policy.left.diagnostics.errors() == 1);
    CHECK(folder.read("other.rules") == "rule o { when tcp && tcp.syn then drop }\n");
}

TEST_CASE("what is certain") {
    const auto certain = [](Code code, const std::string& before, const std::string& after) {
        return is_certain(Diagnostic{.code = code, .fix = Fix{{}, after}}, before);
    };
    CHECK(certain(Code::E104, "&&", "and"));
    CHECK(certain(Code::E101, "", "then "));
    CHECK(certain(Code::E101, "accept", "pass"));
    CHECK(certain(Code::E105, "Block", "block"));
    CHECK(certain(Code::E101, "when:", "when"));
    CHECK(certain(Code::E201, "tcp.dstport", "tcp.dport"));
    CHECK_FALSE(certain(Code::E201, "tcp.dprot", "tcp.dport"));
    CHECK_FALSE(certain(Code::E101, "wehn", "when"));
    CHECK_FALSE(certain(Code::W404, "not tcp.dport == 22", "tcp.dport != 22"));
}

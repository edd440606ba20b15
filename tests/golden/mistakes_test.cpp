// What people write who come from another tool, and what they read back. mistakes/TOOL.txt has one case after another:
//
//   === what the mistake is
//   the policy as they write it
//   --- by fix             or: by hand, accepted
//   the policy as it should be
//   --- says
//   all that is said, as people read it
//
// `by fix`: the first diagnostic has a fix, and the fixes, applied until there are none, give the policy below.
// `by hand`: the first diagnostic says in words what to write, and the policy below has none of the kind any more.
// `accepted`: the policy is in order as it is. After a change of wording: WEIR_UPDATE_GOLDEN=1 ctest -R golden.
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "grammar/parser.h"
#include "grammar/print.h"
#include "grammar/render.h"
#include "grammar/source_order.h"
#include "tests/golden/golden_case.h"

using namespace weir;
using namespace weir::golden;

namespace {

constexpr const char* kFiles[] = {"iptables", "nftables", "wireshark", "suricata", "p4_and_c", "first_policy"};

struct Mistake {
    std::string title;
    std::string wrong;
    std::string kind;
    std::string cure;
    std::string says;
};

std::string path_of(const std::string& file) { return cases_folder() + "/../mistakes/" + file + ".txt"; }

std::vector<Mistake> read_mistakes(const std::string& file) {
    std::vector<Mistake> all;
    std::istringstream text(read_text(path_of(file)));
    std::string* part = nullptr;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("=== ")) {
            all.push_back({line.substr(4), {}, {}, {}, {}});
            part = &all.back().wrong;
        } else if (line == "--- says") {
            part = &all.back().says;
        } else if (line.starts_with("--- ")) {
            all.back().kind = line.substr(4);
            part = &all.back().cure;
        } else {
            REQUIRE(part != nullptr);
            *part += line + "\n";
        }
    }
    return all;
}

std::string written(const std::vector<Mistake>& all) {
    std::string text;
    for (const Mistake& one : all)
        text += fmt::format("=== {}\n{}--- {}\n{}--- says\n{}", one.title, one.wrong, one.kind, one.cure, one.says);
    return text;
}

std::string rendered(const Analysed& analysed) {
    return render(analysed.sources, analysed.diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
}

std::string canonical(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const std::uint32_t file = sources.add("cure.rules", text);
    const ast::Policy policy = parse(sources, file, diagnostics);
    INFO(text << render(sources, diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
    REQUIRE_FALSE(diagnostics.has_errors());
    return format(sources, policy);
}

// All fixes are applied, round after round.
std::string cured(std::string text) {
    constexpr int kMostRounds = 12;
    for (int round = 0; round < kMostRounds; ++round) {
        const Analysed analysed = analyse_case("mistake", text);
        std::string next = with_fixes(text, analysed.diagnostics);
        if (next == text) break;
        text = std::move(next);
    }
    return text;
}

void check_cure(const Mistake& one, const Analysed& analysed) {
    if (one.kind == "accepted") {
        CHECK(one.cure.empty());
        CHECK(analysed.diagnostics.all().empty());
        return;
    }
    REQUIRE_FALSE(analysed.diagnostics.all().empty());
    const Diagnostic& first = *in_source_order(analysed.diagnostics).front();
    const Analysed after = analyse_case("mistake", one.cure);
    INFO(one.cure << rendered(after));
    CHECK_FALSE(after.diagnostics.has_errors());
    for (const Diagnostic& d : after.diagnostics.all()) CHECK(d.code != first.code);
    if (one.kind == "by fix") {
        CHECK(first.fix.has_value());
        CHECK(canonical(cured(one.wrong)) == canonical(one.cure));
    } else {
        CHECK(one.kind == "by hand");
        CHECK_FALSE(first.help.empty());
        // Fixes that there are lead on: what is still said after them has no other fix, and is not silent.
        CHECK(analyse_case("mistake", cured(one.wrong)).diagnostics.all().size() > 0);
    }
}

}  // namespace

TEST_CASE("mistakes: the first diagnostic names the cure, and a fix gives what was meant") {
    std::size_t wrong = 0;
    for (const char* file : kFiles) {
        std::vector<Mistake> mistakes = read_mistakes(file);
        for (Mistake& one : mistakes) {
            INFO(file << ": " << one.title);
            const Analysed analysed = analyse_case("mistake", one.wrong);
            one.says = rendered(analysed);
            check_cure(one, analysed);
            wrong += one.kind == "accepted" ? 0 : 1;
        }
        check_golden(path_of(file), written(mistakes));
    }
    CHECK(wrong >= 60);
}

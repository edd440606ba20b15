// A case is a policy cases/CODE_situation.rules that is wrong in the one way that its name says, and beside it, in
// CODE_situation.txt, all that is said of it, as people read it; where it has fixes, CODE_situation.fixed is the policy
// that was meant. `ok_….rules` are in order: nothing is said of them.
// cases/files/ has what they import and read. After a change of wording: WEIR_UPDATE_GOLDEN=1 ctest -R golden, then
// read `git diff tests/golden` line by line, since that is what this test holds you to.
#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "grammar/render.h"
#include "tests/golden/golden_case.h"

using namespace weir;
using namespace weir::golden;

namespace {

std::string code_of(const std::string& name) { return name.substr(0, name.find('_')); }

}  // namespace

TEST_CASE("each case says what stands beside it, and nothing but its code") {
    for (const Case& one : all_cases()) {
        const Analysed analysed = analyse_case(one.name, one.text());
        check_golden(cases_folder() + "/" + one.name + ".txt",
                     render(analysed.sources, analysed.diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
        INFO(one.name);
        if (code_of(one.name) == "ok")
            CHECK(analysed.diagnostics.all().empty());
        else
            CHECK_FALSE(analysed.diagnostics.all().empty());
        for (const Diagnostic& d : analysed.diagnostics.all()) {
            CHECK(code_name(d.code) == code_of(one.name));
            CHECK_FALSE(d.message.empty());
            CHECK_FALSE((d.message[0] >= 'A' && d.message[0] <= 'Z'));
            CHECK(d.message.back() != '.');
        }
    }
}

TEST_CASE("each code has a case") {
    // Said of compiled programs (tests/unit/tooling) and of the rules of others (tests/unit/tooling).
    std::set<std::string> codes{"E540", "E601", "E602", "E603", "E901"};
    for (const Case& one : all_cases()) codes.insert(code_of(one.name));
#define WEIR_DIAGNOSTIC(code, severity, title) CHECK(codes.count(#code) == 1);
#include "grammar/diagnostics.def"
#undef WEIR_DIAGNOSTIC
    codes.erase("ok");
    for (const std::string& code : codes) {
        INFO(code);
        CHECK(find_code(code).has_value());
    }
}

TEST_CASE("each fix puts its fault right") {
    std::size_t fixes = 0;
    for (const Case& one : all_cases()) {
        const std::string text = one.text();
        const Analysed before = analyse_case(one.name, text);
        std::set<Code> wanted;
        for (const Diagnostic& d : before.diagnostics.all())
            if (d.fix) wanted.insert(d.code);
        if (wanted.empty()) continue;
        ++fixes;
        const std::string after_text = with_fixes(text, before.diagnostics);
        const Analysed after = analyse_case(one.name, after_text);
        INFO(one.name << "\n"
                      << after_text
                      << render(after.sources, after.diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
        for (const Diagnostic& d : after.diagnostics.all()) CHECK(wanted.count(d.code) == 0);
        // What the author of the case wanted to say.
        const std::string meant = cases_folder() + "/" + one.name + ".fixed";
        INFO(meant << " is written by hand: the policy that the fixes must give");
        CHECK(after_text == read_text(meant));
    }
    CHECK(fixes >= 20);
}

TEST_CASE("formats for machines") {
    const std::string name = GENERATE("formats/several", "formats/errors");
    const Analysed analysed = analyse_case(name, read_text(cases_folder() + "/" + name + ".rules"));
    const auto text = [&](DiagnosticFormat format) {
        return render(analysed.sources, analysed.diagnostics, format, Colour::kOff);
    };
    check_golden(cases_folder() + "/" + name + ".txt", text(DiagnosticFormat::kHuman));
    check_golden(cases_folder() + "/" + name + ".github", text(DiagnosticFormat::kGithub));
    const std::string lines = text(DiagnosticFormat::kJson);
    check_golden(cases_folder() + "/" + name + ".jsonl", lines);
    std::size_t count = 0;
    for (std::size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1, ++count) {
        const auto object = nlohmann::json::parse(lines.substr(at, lines.find('\n', at) - at));
        for (const char* key : {"code", "severity", "message", "file", "line", "column", "end_line", "end_column"})
            CHECK(object.contains(key));
        CHECK(object["line"].get<int>() >= 1);
        CHECK(object["column"].get<int>() >= 1);
        if (object["code"] == "W401") CHECK_FALSE(object["blockers"].empty());
    }
    CHECK(count == analysed.diagnostics.all().size());
}

TEST_CASE("SARIF 2.1.0: what its schema requires") {
    const std::string name = GENERATE("formats/several", "formats/errors");
    const Analysed analysed = analyse_case(name, read_text(cases_folder() + "/" + name + ".rules"));
    const std::string text = render(analysed.sources, analysed.diagnostics, DiagnosticFormat::kSarif, Colour::kOff);
    check_golden(cases_folder() + "/" + name + ".sarif", text);
    const auto sarif = nlohmann::json::parse(text);
    CHECK(sarif["version"] == "2.1.0");
    REQUIRE(sarif["runs"].size() == 1);
    const auto& run = sarif["runs"][0];
    CHECK(run["tool"]["driver"]["name"] == "weir");
    CHECK(run["results"].size() == analysed.diagnostics.all().size());
    const auto& rules = run["tool"]["driver"]["rules"];
    for (const auto& result : run["results"]) {
        CHECK(result["message"]["text"].is_string());
        const std::set<std::string> levels{"none", "note", "warning", "error"};
        CHECK(levels.count(result["level"]) == 1);
        const std::size_t index = result["ruleIndex"];
        CHECK(rules.at(index).at("id") == result["ruleId"]);
        const auto& region = result["locations"][0]["physicalLocation"]["region"];
        for (const char* key : {"startLine", "startColumn", "endLine", "endColumn"}) CHECK(region[key].get<int>() >= 1);
    }
}

TEST_CASE("each code's section of docs/diagnostics.md has its title") {
    const std::string page = read_text(cases_folder() + "/../../../docs/diagnostics.md");
#define WEIR_DIAGNOSTIC(code, severity, title) CHECK(page.find("\n## " #code " " title "\n") != std::string::npos);
#include "grammar/diagnostics.def"
#undef WEIR_DIAGNOSTIC
}

// The policies beside this file: their own tests, on every engine.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/engines.h"
#include "tests/support/stack.h"

using namespace weir;
using namespace weir::tests;

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// Each file of the folder, by name, as policies name it.
FileTexts folder(const fs::path& place) {
    FileTexts files;
    for (const auto& entry : fs::recursive_directory_iterator(place))
        if (entry.is_regular_file()) files[fs::relative(entry.path(), place).string()] = read(entry.path());
    return files;
}

void check_step(Evaluators& engines, const policy::SendFrames& send, std::uint64_t now_ns, const std::string& place) {
    std::map<std::uint32_t, std::uint64_t> alerts;
    const policy::Expectation& expect = send.expect;
    for (const auto& frame : send.frames) {
        std::string difference;
        const Judged judged = engines.judge(frame, difference, now_ns);
        INFO(place << " `" << expect.text << "`, " << to_hex(frame) << ": " << to_string(judged));
        CHECK(difference == "");
        for (const std::uint32_t alert : judged.alerts) ++alerts[alert];
        if (expect.verdict) CHECK(judged.verdict == static_cast<std::uint32_t>(expect.verdict->kind));
        if (expect.rule) CHECK(judged.rule == static_cast<std::uint32_t>(*expect.rule));
        if (expect.by_default) CHECK(judged.rule == WEIR_RULE_DEFAULT);
        if (expect.by_malformed) CHECK(judged.rule == WEIR_RULE_MALFORMED);
        if (expect.no_alert) CHECK(judged.alerts.empty());
    }
    INFO(place << " `" << expect.text << "`");
    for (const policy::ExpectedAlert& alert : expect.alerts) {
        const std::uint64_t times = alerts[static_cast<std::uint32_t>(alert.alert)];
        if (alert.times)
            CHECK(times == *alert.times);
        else
            CHECK(times != 0);
    }
}

void check_member(Evaluators& engines, const policy::ExpectMember& expect, std::uint64_t now_ns,
                  const std::string& place) {
    std::string difference;
    INFO(place << " `" << expect.text << "`");
    CHECK(engines.contains(expect.set, expect.entry, now_ns, difference) != expect.negated);
    CHECK(difference == "");
}

}  // namespace

TEST_CASE("policies with tests of their own", "[policies]") {
    const FileTexts files = folder(WEIR_SOURCE_DIR "/tests/verdict");
    std::size_t policies = 0;
    for (const auto& [name, text] : files) {
        if (!name.ends_with(".rules") || name.find('/') != std::string::npos) continue;
        ++policies;
        Analysed policy = analysed(text, files, name);
        INFO(name << "\n" << policy.said);
        REQUIRE(policy.compiled);
        CHECK(!policy.compiled->policy.tests.empty());
        std::string error;
        const auto engines = Evaluators::create(std::move(policy), error);
        INFO(error);
        REQUIRE(engines);
        for (const policy::Test& test : engines->compiled().policy.tests) {
            engines->reset();
            std::uint64_t now_ns = 0;
            for (const policy::TestStep& step : test.steps) {
                if (const auto* advance = std::get_if<policy::AdvanceClock>(&step.node)) now_ns += advance->ns;
                if (const auto* send = std::get_if<policy::SendFrames>(&step.node))
                    check_step(*engines, *send, now_ns, name + ", " + test.name);
                if (const auto* expect = std::get_if<policy::ExpectMember>(&step.node))
                    check_member(*engines, *expect, now_ns, name + ", " + test.name);
            }
        }
    }
    CHECK(policies >= 5);
}

// Each policy of these tests is measured so (Evaluators::create); here, that the measure sees what is there.
TEST_CASE("the deepest chain of calls leaves some of the stack free", "[policies]") {
    const FileTexts files = folder(WEIR_SOURCE_DIR "/tests/verdict");
    const Analysed policy = analysed(files.at("deep.rules"), files, "deep.rules");
    REQUIRE(policy.compiled);
    const auto object = compile(*policy.compiled, {});
    REQUIRE(object);
    const StackChain chain = deepest_chain(object->elf);
    INFO(chain.functions);
    CHECK(stack_complaint(object->elf) == "");
    CHECK(chain.calls == kMostCalls);
    CHECK(chain.bytes >= 300);
    for (const char* name : {"weir_policy", "weir_find", "weir_rest", "weir_residual ", "weir_residuals_from"})
        CHECK(chain.functions.find(name) != std::string::npos);
}

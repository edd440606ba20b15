// The policies beside this file: their own tests, on every engine.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/engines.h"
#include "tests/support/stack.h"
#include "tooling/judge/policy_tests.h"

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
        auto created = Evaluators::create(std::move(policy));
        INFO(why_not(created));
        REQUIRE(created);
        auto& engines = *created;
        tooling::PolicyTests tests(engines->loaded(), engines->all());
        for (const policy::Test& test : engines->compiled().policy.tests) {
            auto result = tests.run(test);
            REQUIRE(result);
            INFO(name << ", " << test.name);
            if (result->failure)
                FAIL_CHECK("step " << result->failure->step << " (line " << result->failure->line << "): expected "
                                   << result->failure->expected << ", got " << result->failure->got);
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
    CHECK(chain.calls == 7);
    CHECK(chain.bytes >= 300);
    for (const char* name : {"weir_policy", "weir_find", "weir_rest", "weir_residuals_from"})
        CHECK(chain.functions.find(name) != std::string::npos);
}

// Readers that call while much is in hand make weir_policy's frame larger, and this is the deepest way on from there.
TEST_CASE("a scan of either letter leaves some of the stack free there, too", "[policies]") {
    FileTexts files = folder(WEIR_SOURCE_DIR "/tests/verdict");
    std::string& text = files.at("deep.rules");
    for (int i = 0; i < 40; ++i)
        text += fmt::format(
            "rule n{0} {{ when (payload contains nocase \"word{0}\" or tcp.seq == ip.id) and vlan.id != {0} then drop "
            "}}\n",
            i);
    const Analysed policy = analysed(text, files, "deep.rules");
    REQUIRE(policy.compiled);
    const auto object = compile(*policy.compiled, {});
    REQUIRE(object);
    const StackChain chain = deepest_chain(object->elf);
    INFO(chain.functions);
    CHECK(stack_complaint(object->elf) == "");
    CHECK(chain.functions.find("weir_scan_payload_nocase") != std::string::npos);
}

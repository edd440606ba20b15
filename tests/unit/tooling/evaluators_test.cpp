// Evaluators behind one type: which are chosen, what they say together and each by itself.
#include <catch2/catch.hpp>

#include "compiler/policy/set_element.h"
#include "tests/unit/tooling/judging.h"
#include "tooling/judge/evaluators.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

constexpr const char* kPolicy =
    "set seen : ip\nrule again { when ip.src in seen then alert a, drop }\n"
    "rule first { when udp then add ip.src to seen }\nalert a { message \"x\" }\n";

std::vector<std::string> names_of(const std::vector<Evaluator>& evaluators) {
    std::vector<std::string> names;
    for (const Evaluator one : evaluators) names.emplace_back(evaluator_name(one));
    return names;
}

}  // namespace

TEST_CASE("words name evaluators; without one it is the kernel's where that is allowed") {
    const auto loaded = loaded_policy(kPolicy);
    for (const Evaluator one : {Evaluator::kNative, Evaluator::kOracle}) {
        auto evaluators = Evaluators::create(*loaded.compiled, std::string(evaluator_name(one)));
        REQUIRE(evaluators);
        CHECK(evaluators->added() == std::vector<Evaluator>{one});
        CHECK(evaluators->engine() == evaluator_name(one));
    }
    auto usual = Evaluators::create(*loaded.compiled, "");
    REQUIRE(usual);
    CHECK(usual->engine() == (kernel_is_allowed() ? "kernel" : "native"));
    auto all = Evaluators::create(*loaded.compiled, "all");
    if (kernel_is_allowed()) {
        REQUIRE(all);
        CHECK(names_of(all->added()) == std::vector<std::string>{"kernel", "native", "oracle"});
        CHECK(all->engine() == "all");
    } else {
        CHECK(!all);
    }
}

TEST_CASE("each has a state of its own, and begin() empties it") {
    const auto loaded = loaded_policy(kPolicy);
    Evaluators evaluators(*loaded.compiled);
    REQUIRE(evaluators.add(Evaluator::kNative));
    REQUIRE(evaluators.add(Evaluator::kOracle));
    const Bytes frame = udp4();
    for (int i = 0; i < 2; ++i) {
        REQUIRE(evaluators.begin());
        auto first = evaluators.judge(frame, 1);
        REQUIRE(first);
        CHECK(first->judged.matched == std::vector<std::uint32_t>{1});
        CHECK(first->difference.empty());
        auto second = evaluators.judge(frame, 2);
        REQUIRE(second);
        CHECK(describe(second->judged, loaded.compiled->policy) == "drop by again, alert a");
    }
    // One that has not seen a packet that the other has: a difference, said with both answers.
    REQUIRE(evaluators.begin());
    REQUIRE(evaluators.judge_with(Evaluator::kNative, frame, 1));
    auto answer = evaluators.judge(frame, 2);
    REQUIRE(answer);
    CHECK(answer->difference == "native: drop by again, alert a; oracle: pass by default");
    auto membership =
        evaluators.contains(policy::SetId{0}, {*policy::parse_element(policy::SetType::kIp, "198.51.100.7")}, 3);
    REQUIRE(membership);
    CHECK(membership->contains);
}

TEST_CASE("frames that the kernel does not take are judged by the native evaluator in its place, all of them") {
    CHECK(!kernel_takes(13));
    CHECK(kernel_takes(14));
    CHECK(kernel_takes(1514));
    CHECK(!kernel_takes(9000));
    CHECK(kernel_takes(CaptureFacts{}));
    CHECK(!kernel_takes(CaptureFacts{2, 0, 60, 9000}));
    CHECK(!kernel_takes(CaptureFacts{2, 0, 8, 60}));
    if (!kernel_is_allowed()) return;
    const auto loaded = loaded_policy(kPolicy);
    for (const std::string word : {"kernel", "all"}) {
        auto evaluators = Evaluators::create(*loaded.compiled, word);
        REQUIRE(evaluators);
        CHECK(!evaluators->judge(Bytes(13), 0));
        REQUIRE(evaluators->begin(Evaluators::Kernel::kNot));
        CHECK(names_of(evaluators->judging()) ==
              (word == "all" ? std::vector<std::string>{"native", "oracle"} : std::vector<std::string>{"native"}));
        CHECK(evaluators->engine() == (word == "all" ? "all" : "native"));
        CHECK(evaluators->judge(Bytes(13), 0));
        CHECK_THAT(without_kernel(*evaluators), Catch::Contains("judged by the native"));
        REQUIRE(evaluators->begin());
        CHECK(evaluators->judging() == evaluators->added());
    }
}

TEST_CASE("after a table has evicted keys answers are no longer compared, and that is said") {
    const auto loaded = loaded_policy("rule c { when udp and count(ip.src, in 1h) > 1 size 1 then drop }\n");
    Evaluators evaluators(*loaded.compiled);
    REQUIRE(evaluators.add(Evaluator::kNative));
    REQUIRE(evaluators.add(Evaluator::kOracle));
    const auto from = [](std::uint32_t source) { return patched(udp4(), 26, be32(source)); };
    // The oracle has room for one key, the native evaluator's smallest table for more: the first source is still known
    // to one of them.
    for (std::uint32_t source = 0; source < 3; ++source) {
        auto answer = evaluators.judge(from(source), 1);
        REQUIRE(answer);
        CHECK(answer->difference.empty());
    }
    CHECK(*evaluators.have_evicted());
    CHECK(evaluators.compares());
    auto answer = evaluators.judge(from(0), 1);
    REQUIRE(answer);
    CHECK(answer->difference.empty());
    CHECK_FALSE(evaluators.compares());
    REQUIRE(evaluators.begin());
    CHECK_FALSE(*evaluators.have_evicted());
    CHECK(evaluators.compares());
    // A difference without an eviction is one.
    REQUIRE(evaluators.judge_with(Evaluator::kNative, from(0), 1));
    answer = evaluators.judge(from(0), 1);
    REQUIRE(answer);
    CHECK(answer->difference == "native: drop by c; oracle: pass by default");
    CHECK(evaluators.compares());
}

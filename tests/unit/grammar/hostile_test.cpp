// Texts that nobody means well: no crash, no hang, and an answer in time.
#include <catch2/catch.hpp>

#include <algorithm>
#include <ctime>

#include "tests/support/mutant.h"
#include "tests/unit/grammar/parsed.h"
#include "tests/unit/grammar/policies.h"

using namespace weir;

namespace {

#ifdef WEIR_SANITIZED
constexpr double kMaxMs = 2000;
#else
constexpr double kMaxMs = 100;  // reliability: each parse of a hostile text
#endif

// The least CPU time of a few tries, so that a busy machine is no failure.
double parse_ms(const std::string& text) {
    double least = 1e9;
    for (int i = 0; i < 5 && least > kMaxMs; ++i) {
        const std::clock_t begin = std::clock();
        const Parsed parsed(text);
        least = std::min(least, 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    }
    return least;
}

std::string repeated(std::size_t times, std::string_view what) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += what;
    return all;
}

}  // namespace

TEST_CASE("hostile texts are answered in time") {
    constexpr std::size_t kMany = 20'000;
    const std::pair<const char*, std::string> kTexts[] = {
        {"open parentheses", "rule r { when " + std::string(kMany, '(')},
        {"open braces", "let a = " + std::string(kMany, '{')},
        {"braces on lines", "let a = " + repeated(kMany, "{\n")},
        {"pairs of parentheses", "rule r { when " + repeated(kMany, "()") + " then drop }"},
        {"nots", "rule r { when " + repeated(kMany, "not ") + "tcp then drop }"},
        {"ands", "rule r { when tcp" + repeated(kMany, " and tcp") + " then drop }"},
        {"operators", "rule r { when " + repeated(kMany, "== ") + " then drop }"},
        {"calls", "rule r { when " + repeated(60, "f(") + "tcp" + repeated(60, ")") + " then drop }"},
        {"calls without end", "rule r { when " + repeated(60, "f(a, ") + " then drop }"},
        {"quotes", std::string(kMany, '"')},
        {"strings without end", repeated(kMany / 10, "let a = \"\n")},
        {"backslashes", "let a = \"" + std::string(kMany, '\\')},
        {"items with an error", repeated(2'000, "rule r { when = then drop }\n")},
        {"words of items", repeated(kMany / 4, "rule ")},
        {"words of items on lines", repeated(2'000, "rule\n")},
        {"a long number", "let a = " + std::string(kMany, '9')},
        {"a long word", "let a = " + std::string(kMany, 'a')},
        {"a long address", "let a = " + repeated(kMany, "1.")},
        {"colons", "set a " + std::string(kMany, ':')},
        {"dots", "let a = " + std::string(kMany, '.')},
        {"slashes", "let a = 1" + std::string(kMany, '/')},
        {"comments", repeated(kMany, "#\n") + "rule r { when " + repeated(kMany, "#\n") + "tcp then drop }"},
        {"steps", "test \"t\" { " + repeated(2'000, "after 1s ") + "}"},
        {"options", "test \"t\" { tcp 1.2.3.4 -> 1.2.3.4 " + repeated(kMany / 4, "syn ") + "=> drop }"},
        {"numbers of packets", "test \"t\" { " + repeated(kMany / 4, "1 x ") + "}"},
        {"space", std::string(1'000'000, ' ')},
    };
    for (const auto& [name, text] : kTexts) {
        INFO(name);
        CHECK(parse_ms(text) < kMaxMs);
    }
}

TEST_CASE("the layout of large policies takes linear time") {
    const auto format_ms = [](std::size_t rules) {
        const Parsed parsed(
            repeated(rules, "rule r { when ip.src in { 10.0.0.0/8, fd00::/8 } and tcp # c\n then alert a, drop }\n"));
        double least = 1e9;
        for (int i = 0; i < 5; ++i) {
            const std::clock_t begin = std::clock();
            CHECK(!parsed.formatted().empty());
            least = std::min(least, 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
        }
        return least;
    };
    const double small = format_ms(500), large = format_ms(4'000);
    CHECK(large < 4 * 8 * (small + 1));
}

TEST_CASE("every prefix of a policy is parsed") {
    const std::string text = policies().front().second;
    std::size_t refused = 0;
    for (std::size_t size = 0; size < text.size(); size += 3)
        refused += Parsed(text.substr(0, size)).diagnostics.has_errors();
    CHECK(refused > text.size() / 6);
}

// Mutants of real policies: what still parses keeps its meaning in the canonical layout.
TEST_CASE("mutants") {
    constexpr std::uint64_t kSeed = 4711;
    constexpr int kMutants = 6'000;
    constexpr std::size_t kLargest = 3'000;
    const auto all = policies();
    tests::Random random(kSeed);
    int accepted = 0;
    for (int i = 0; i < kMutants; ++i) {
        const std::string& whole = random.of(all).second;
        const std::size_t begin =
            whole.size() > kLargest ? whole.find('\n', random.below(whole.size() - kLargest)) + 1 : 0;
        std::string text = whole.substr(begin, kLargest);
        text.resize(text.rfind("\n}\n") == std::string::npos ? text.size() : text.rfind("\n}\n") + 3);
        text = tests::mutant_of_bytes(std::move(text), random);
        INFO("mutant " << i << " of seed " << kSeed << "\n" << text);
        const Parsed parsed(text);
        if (parsed.diagnostics.has_errors()) continue;
        ++accepted;
        const std::string formatted = parsed.formatted();
        const Parsed again(formatted);
        REQUIRE(again.codes() == "");
        REQUIRE(again.formatted() == formatted);
        REQUIRE(again.shape() == parsed.shape());
        REQUIRE(again.comments() == parsed.comments());
    }
    CHECK(accepted > kMutants / 20);
}

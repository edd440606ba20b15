#include "grammar/base/nearest.h"

#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

#include "grammar/base/seeded.h"

namespace weir {
namespace {

// The same distance by its whole table, as the textbook has it.
std::size_t by_table(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

}  // namespace

TEST_CASE("edits within the limit are counted exactly, others are more than the limit") {
    Seeded random(1);
    for (int i = 0; i < 20'000; ++i) {
        const auto word = [&] {
            std::string text;
            for (std::uint64_t size = random.below(9); text.size() < size;)
                text += static_cast<char>('a' + random.below(3));
            return text;
        };
        const std::string a = word(), b = word();
        for (std::size_t limit = 0; limit < 8; ++limit) {
            const std::size_t exact = by_table(a, b), found = edit_distance(a, b, limit);
            if (exact <= limit ? found != exact : found <= limit)
                FAIL_CHECK(a << " " << b << " limit " << limit << ": " << found << ", not " << exact);
        }
    }
    CHECK(edit_distance(std::string(65, 'a'), std::string(65, 'a'), 100) > 100);  // longer than any word of ours
}

TEST_CASE("the nearest word") {
    constexpr std::string_view kWords[] = {"pass", "drop", "reject", "redirect"};
    CHECK(nearest_word(kWords, "dorp") == "drop");
    CHECK(nearest_word(kWords, "pas") == "pass");
    CHECK(nearest_word(kWords, "rejcet") == "reject");
    CHECK(nearest_word(kWords, "x") == "");
    CHECK(nearest_word(kWords, "accept") == "");
    CHECK(nearest_word(kWords, "") == "");
}

TEST_CASE("of equally near words the first in the alphabet, in whatever order they come") {
    for (const bool turned : {false, true}) {
        Nearest nearest("port_c");
        nearest.offer(turned ? "port_b" : "port_a");
        nearest.offer(turned ? "port_a" : "port_b");
        CHECK(nearest.best() == "port_a");
        CHECK(nearest.distance() == 1);
    }
    Nearest one("b");
    one.offer("a");
    CHECK(one.best() == "");  // nothing of it is left
}

}  // namespace weir

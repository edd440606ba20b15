#include "grammar/base/nearest.h"

#include <algorithm>
#include <vector>

namespace weir {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            const std::size_t replace = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

std::string_view nearest_word(std::span<const std::string_view> words, std::string_view word) {
    constexpr std::size_t kMaxWord = 64;  // longer ones are no misspelling of ours
    if (word.size() < 2 || word.size() > kMaxWord) return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string_view known : words) {
        const std::size_t distance = edit_distance(word, known);
        if (distance >= best_distance || distance >= known.size()) continue;
        best = known;
        best_distance = distance;
    }
    return best;
}

}  // namespace weir

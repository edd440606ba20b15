// Tested by tests/unit/base/nearest_test.cpp.
#include "grammar/base/nearest.h"

#include <algorithm>
#include <array>

namespace weir {
namespace {

constexpr std::size_t kMaxWord = 64;  // a longer one is no misspelling: names have 63 bytes

}  // namespace

// Three rows of the table of Damerau and Levenshtein (optimal string alignment), and of these a band of `limit` on both
// sides of the diagonal: no path through a cell outside is cheap enough.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    if (a.size() > b.size()) std::swap(a, b);
    const std::size_t far = limit + 1;
    if (b.size() > kMaxWord || b.size() - a.size() > limit) return far;
    std::array<std::array<std::size_t, kMaxWord + 1>, 3> rows;
    std::size_t *before_last = rows[0].data(), *last = rows[1].data(), *row = rows[2].data();
    std::fill(before_last, before_last + b.size() + 1, far);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = std::min(j, far);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        const std::size_t first = i > limit ? i - limit : 1, end = std::min(b.size(), i + limit);
        std::fill(row, row + b.size() + 1, far);
        if (i <= limit) row[0] = i;
        std::size_t least = row[0];
        for (std::size_t j = first; j <= end; ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced, far});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            least = std::min(least, row[j]);
        }
        // A swap reaches back two rows, so that one row without a cheap cell is not the end yet.
        if (least == far && *std::min_element(last, last + b.size() + 1) == far) return far;
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

Nearest::Nearest(std::string_view word, std::size_t at_least)
    : word_(word), best_distance_(word.size() > kMaxWord ? 0 : std::max(at_least, word.size() / 3) + 1) {}

void Nearest::offer(std::string_view known) {
    if (best_distance_ == 0) return;  // nothing is nearer than the word itself, or nothing may differ
    const std::size_t distance = edit_distance(word_, known, best_distance_);
    const bool tie = distance == best_distance_ && !best_.empty() && known < best_;
    // A word that shares no letter is not near, however short.
    if ((distance >= best_distance_ && !tie) || distance >= known.size()) return;
    best_ = known;
    best_distance_ = distance;
}

std::string nearest_word(std::span<const std::string_view> words, std::string_view word) {
    if (word.size() < 2) return {};  // one letter is near to each short word
    Nearest nearest(word);
    for (const std::string_view known : words) nearest.offer(known);
    return nearest.best();
}

}  // namespace weir

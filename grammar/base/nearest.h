// The word that a misspelt one may have been meant for.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir {

// Keeps the nearest of the words that it is offered; of several equally near ones the first in the alphabet. Words are
// near where at most a third of the letters differ, by insertions, deletions, replacements and swaps of neighbours.
class Nearest {
public:
    // `word`, which outlives this, is the misspelt one. `at_least`: so many letters may differ in a short word, too.
    explicit Nearest(std::string_view word, std::size_t at_least = 1);
    void offer(std::string_view known);
    // Empty where none was near.
    const std::string& best() const { return best_; }
    // Edits from the word to `best()`.
    std::size_t distance() const { return best_distance_; }

private:
    std::string_view word_;
    std::string best_;
    std::size_t best_distance_;  // of `best_`; before that one more than is allowed
};

// Edits from `a` to `b`, or any number above `limit` where they are more. Linear in `limit` and the shorter word.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The one of `words` that is nearest to `word`, or empty where none is near.
std::string nearest_word(std::span<const std::string_view> words, std::string_view word);

}  // namespace weir

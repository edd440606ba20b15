// The word that a misspelt one may have been meant for.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace weir {

// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The one of `words` that is nearest to `word`, or empty where none is near: a third of its letters may differ.
std::string_view nearest_word(std::span<const std::string_view> words, std::string_view word);

}  // namespace weir

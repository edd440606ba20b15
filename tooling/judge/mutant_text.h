// Places and words for mutants, and sets with an entry less.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "compiler/policy/typed_policy.h"
#include "grammar/source.h"

namespace weir::tooling {

inline constexpr std::size_t kMostChanged = 8;  // of the ranges or entries of one list

// One line, and at most 60 bytes of it.
std::string shown(std::string_view text);
// The first such word in `span` outside of comments and strings; `span` where there is none.
Span word_of(const Sources& sources, Span span, std::string_view word);
// The line of the file that begins with `word`; an empty span where there is none.
Span item_of(const Sources& sources, std::uint32_t file, std::string_view word);

std::string entry_text(const policy::Set& set, std::size_t entry);
policy::SetEntries without_entry(const policy::Set& set, std::size_t entry);

}  // namespace weir::tooling

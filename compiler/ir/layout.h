// How entries store boxes. The layout depends on what the boxes of a forest have in common, so that an entry fits into
// one cache line.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/forest.h"
#include "compiler/ir/tree.h"

namespace weir::ir {

EntryLayout make_layout(const BoxTable& boxes);
// Appends box `box`, in layout.words words.
void append_entry(const EntryLayout& layout, const BoxTable& boxes, std::uint32_t box,
                  std::vector<std::uint32_t>& words);
// Is the packet in the entry's box? The same comparison as the program's.
bool entry_matches(const EntryLayout& layout, const std::uint32_t* entry, const std::uint32_t* packet_words);

}  // namespace weir::ir

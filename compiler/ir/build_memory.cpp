#include "compiler/ir/build_memory.h"

namespace weir::ir {

const BuildMemory::Choice* BuildMemory::choice(std::uint64_t made_from) {
    if (const auto at = used_.find(made_from); at != used_.end()) return &at->second;
    auto known = before_.extract(made_from);
    if (known.empty()) return nullptr;
    return &used_.insert(std::move(known)).position->second;
}

void BuildMemory::keep(std::uint64_t made_from, const Choice& choice) {
    if (used_.size() < kMostChoices) used_.insert_or_assign(made_from, choice);
}

void BuildMemory::end_build() { before_ = std::exchange(used_, {}); }

}  // namespace weir::ir

// Tested by tests/unit/ir/session_test.cpp with `Session`.
#include "compiler/ir/build_cache.h"

namespace weir::ir {

const BuildCache::Choice* BuildCache::find(std::uint64_t inputs_hash) {
    if (const auto at = used_.find(inputs_hash); at != used_.end()) return &at->second;
    auto known = previous_.extract(inputs_hash);
    if (known.empty()) return nullptr;
    return &used_.insert(std::move(known)).position->second;
}

void BuildCache::keep(std::uint64_t inputs_hash, const Choice& choice) {
    if (used_.size() < kMaxChoices) used_.insert_or_assign(inputs_hash, choice);
}

void BuildCache::end_build() { previous_ = std::exchange(used_, {}); }

}  // namespace weir::ir

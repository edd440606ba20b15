// What a build leaves for the next one of nearly the same policy, so that a changed rule does not cost a whole build. A
// build with a memory means the same as one without: only which windows and how many trees may be those of before.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/tree.h"

namespace weir::ir {

class BuildMemory {
public:
    // A choice of windows, by a hash of all that it was made from. `work`: what choosing took, to be counted again, so
    // that bounds on work end in the same tree.
    struct Choice {
        Window window{};
        std::uint64_t work = 0;
    };
    const Choice* choice(std::uint64_t made_from);
    void keep(std::uint64_t made_from, const Choice& choice);

    // Into which groups of boxes a forest went, and for how many boxes that was found out.
    struct Grouping {
        std::uint32_t number = 0;  // plant.cpp's
        std::uint32_t boxes = 0;
    };
    std::array<std::optional<Grouping>, WEIR_FORESTS> groupings{};

    // To be called behind a build: what it did not use is forgotten.
    void end_build();

private:
    static constexpr std::size_t kMostChoices = 1'000'000;  // 64 MB; beyond, windows are chosen again
    std::unordered_map<std::uint64_t, Choice> used_, before_;
};

}  // namespace weir::ir

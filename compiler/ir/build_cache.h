// Choices of a build that the next build of a similar policy uses again, so that a changed rule does not cost a whole
// build. With or without the cache the policy means the same; windows and number of trees may differ.
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

class BuildCache {
public:
    // A chosen window, by a hash of all its inputs. `work`: the steps that the choice took. They are counted again, so
    // that limits on work give the same tree.
    struct Choice {
        Window window{};
        std::uint64_t work = 0;
    };
    const Choice* find(std::uint64_t inputs_hash);
    void keep(std::uint64_t inputs_hash, const Choice& choice);

    // How the boxes of a forest were divided into trees, and how many boxes there were.
    struct Grouping {
        std::uint32_t number = 0;  // of build_forest.cpp
        std::uint32_t boxes = 0;
    };
    std::array<std::optional<Grouping>, WEIR_FORESTS> groupings{};

    // Call after a build. Removes choices that it did not use.
    void end_build();

private:
    static constexpr std::size_t kMaxChoices = 1'000'000;  // 64 MB; beyond, windows are chosen again
    std::unordered_map<std::uint64_t, Choice> used_, previous_;
};

}  // namespace weir::ir

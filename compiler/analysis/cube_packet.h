// A packet for conditions that hold together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/analysis/literal.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

struct CubeFrame {
    std::vector<std::uint8_t> frame{};
    std::string interface{};  // empty: none
};
// How many numbers cube_frame() knows ways for.
inline constexpr std::size_t kCubeFrames = 24;
// A frame that has what the cube asks for, as far as one frame can; another `number` may make another one. `policy`:
// the one that the sets of the cube are in. Who calls must look whether it is right.
CubeFrame cube_frame(const policy::TypedPolicy& policy, const Cube& cube, std::size_t number);

}  // namespace weir::analysis

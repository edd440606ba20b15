// What is needed to read the flight recorder of a running engine, beside its map.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/object.h"

namespace weir::runtime {

struct RecorderView {
    std::string policy{};
    bpf::RecordInfo shape{};
    struct Rules {  // of a policy that packets may be of
        std::uint32_t generation = 0;
        std::vector<std::string> names{};
    };
    std::vector<Rules> rules{};
    struct Interface {
        std::uint32_t index = 0;
        std::string name{};
    };
    std::vector<Interface> interfaces{};
};

// The row of a policy that decided, as people know it: a rule's name, "default", "malformed", "default egress", or
// numbers where the policy is no longer known (null).
std::string row_name(const std::vector<std::string>* rules, std::uint32_t generation, std::uint32_t row);

}  // namespace weir::runtime

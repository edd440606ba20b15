// The smallest box of addresses, protocol and ports around a condition: rules whose boxes are apart have no packet in
// common. Cheap, and never too small.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

struct RuleBox {
    struct Side {
        std::uint64_t first = 0;
        std::uint64_t last = ~std::uint64_t{0};
    };
    // Source and destination address (IPv4 below IPv6, of which the first 63 bits count), protocol, source and
    // destination port.
    std::array<Side, 5> sides{};
    bool is_empty = false;

    bool meets(const RuleBox& other) const {
        if (is_empty || other.is_empty) return false;
        for (std::size_t i = 0; i < sides.size(); ++i)
            if (sides[i].last < other.sides[i].first || other.sides[i].last < sides[i].first) return false;
        return true;
    }
};

RuleBox box_of(const policy::TypedPolicy& policy, policy::ExprId condition);

}  // namespace weir::analysis

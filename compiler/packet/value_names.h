// Names of values: `icmp.type == echo_request`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "compiler/packet/fields.h"

namespace weir::packet {

struct ValueName {
    std::string_view name;
    std::uint64_t value = 0;
};

// In the order of value_names.def; none where the values of the field have no names.
std::span<const ValueName> value_names(FieldId field);

}  // namespace weir::packet

// Tested by tests/unit/analysis/policy_diff_test.cpp with `ranges_of`.
#include "compiler/policy/wide_value.h"

namespace weir::policy {

WideValue next(WideValue value) {
    if (++value.low == 0) ++value.high;
    return value;
}

WideValue previous(WideValue value) {
    if (value.low-- == 0) --value.high;
    return value;
}

WideValue wide_value(const IpAddress& address) {
    WideValue value;
    const std::size_t bytes = address.version == 4 ? 4 : 16;
    for (std::size_t i = 0; i < bytes; ++i) {
        value.high = value.high << 8 | value.low >> 56;
        value.low = value.low << 8 | address.bytes[i];
    }
    return value;
}

IpAddress address_of(const WideValue& value, std::uint8_t version) {
    IpAddress address;
    address.version = version;
    const std::size_t bytes = version == 4 ? 4 : 16;
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::size_t from_low = 8 * (bytes - 1 - i);
        address.bytes[i] =
            static_cast<std::uint8_t>(from_low >= 64 ? value.high >> (from_low - 64) : value.low >> from_low);
    }
    return address;
}

}  // namespace weir::policy

// Values of up to 128 bits as numbers: addresses of both versions and all that is narrower.
#pragma once

#include <cstdint>

#include "grammar/value.h"

namespace weir::policy {

struct WideValue {
    std::uint64_t high = 0, low = 0;
    friend auto operator<=>(const WideValue&, const WideValue&) = default;
};

WideValue next(WideValue value);
WideValue previous(WideValue value);

// An IPv4 address is 32 bits wide.
WideValue wide_value(const IpAddress& address);
IpAddress address_of(const WideValue& value, std::uint8_t version);

}  // namespace weir::policy

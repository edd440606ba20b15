// The types of the language. Nothing converts silently.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::packet {

// kDuration: nanoseconds.
enum class Type : std::uint8_t { kBool, kUint, kPort, kIp, kMac, kDomain, kText, kBytes, kDuration };

std::string_view type_name(Type type);  // "port", "address", as diagnostics say it

}  // namespace weir::packet

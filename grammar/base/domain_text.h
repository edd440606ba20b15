// Domain names as people write them: in policies, in set files, and for `weir set`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

inline constexpr std::size_t kMaxNameBytes = 253;  // as text: 255 on the wire (RFC 1035, 2.3.4)
inline constexpr std::size_t kMaxLabelBytes = 63;

enum class NameFault : std::uint8_t {
    kNone,
    kEmpty,       // nothing, or the root
    kWildcard,    // begins with "*."
    kLeadingDot,  // ".example.com"
    kNotAscii,
    kEmptyLabel,
    kLongLabel,
    kTooLong,
    kCharacter,  // one that no name has: a space, a slash, a colon, …
};

// Puts the name as packets have it into `name`: small letters, no final dot.
NameFault read_name(std::string_view written, std::string& name);

// What is wrong, behind the text that was written ("begins with a dot"), and what to do about it.
std::string name_fault_text(NameFault fault);
std::string name_fault_help(NameFault fault, std::string_view written);

// What was meant, where that can be told; else nothing: "example.com" of "*.example.com" and of "http://example.com/",
// "xn--bcher-kva.example" of "bücher.example".
std::string name_meant(std::string_view written);

}  // namespace weir

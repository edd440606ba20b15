// Fields as other tools call them.
#pragma once

#include <string_view>

namespace weir::sema {

// Our name of what nftables, tcpdump, Wireshark and the like call `name`, or of its halves turned round; empty where
// none is known. `other`: there are two such fields, and only the author knows which is meant.
struct FieldSuggestion {
    std::string_view field{};
    std::string_view other{};
    std::string_view help{};  // where no field of ours is the same
};
FieldSuggestion suggest_field(std::string_view name);

}  // namespace weir::sema

// Fields as other tools call them.
#pragma once

#include <string_view>

namespace weir::sema {

// Our name of what nftables, tcpdump, Wireshark and the like call `name`, or of its halves turned round; empty where
// none is known. `two`: there are two such fields, this one and another; which is meant the author must say.
struct FieldSuggestion {
    std::string_view field;
    std::string_view other;
};
FieldSuggestion suggest_field(std::string_view name);

}  // namespace weir::sema

// Content by its hash.
#pragma once

#include <string>
#include <string_view>

namespace weir::tooling {

// 64 hexadecimal digits, lower case.
std::string sha256(std::string_view bytes);

}  // namespace weir::tooling

// The version of libbpf that this process uses.
#pragma once

#include <string>

namespace weir::runtime {

std::string libbpf_version();  // "1.1"

}  // namespace weir::runtime

// Entries of sets as people write them, and as the tables have them: bpf/abi.h, struct weir_set_key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"

namespace weir::runtime {

// "198.51.100.7", "198.51.100.7, 22", "(198.51.100.7, 22)": without the zero words that a table's key ends in.
Result<std::vector<std::uint32_t>> set_words(const bpf::SetInfo& info, const std::string& value);
std::string set_text(const bpf::SetInfo& info, const std::uint32_t* words);

}  // namespace weir::runtime

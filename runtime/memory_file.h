// Files in memory, which go from process to process as descriptors.
#pragma once

#include <string_view>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

// A new one, empty. `name` is for who looks at the process.
Result<UniqueFd> make_memory_file(const char* name);
// With these bytes; whoever reads it begins at the first.
Result<UniqueFd> make_memory_file(const char* name, std::string_view bytes);

// Nobody can change it any more. An error EBUSY where somebody has it mapped, and could write to it still.
Status seal(int memory);

}  // namespace weir::runtime

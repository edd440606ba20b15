// bpf::Object as bytes, for the way from the process that compiles to the one that runs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compiler/object.h"

namespace weir::bpf {

std::vector<std::uint8_t> to_bytes(const Object& object);
// Nothing where the bytes are not what to_bytes() of this version made: cut short, too long, or impossible
// (compiler/object_check.h).
std::optional<Object> from_bytes(std::span<const std::uint8_t> bytes);
// The same without program, tables and the contents of maps and sets, which stay empty. Takes at most `most_bytes` of
// memory: nothing where it would take more.
std::optional<Object> names_from_bytes(std::span<const std::uint8_t> bytes, std::size_t most_bytes);

}  // namespace weir::bpf

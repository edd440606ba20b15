// Names of the pins of a generation.
#pragma once

#include <cstdint>
#include <string>

namespace weir::runtime {

std::string program_pin(std::uint32_t generation);
std::string record_pin(std::uint32_t generation);
std::string shadow_pin(std::uint32_t generation);

}  // namespace weir::runtime

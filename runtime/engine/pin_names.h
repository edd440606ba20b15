// Names of the pins of a generation.
#pragma once

#include <cstdint>
#include <string>

namespace weir::runtime {

std::string program_pin(std::uint32_t generation);
std::string record_pin(std::uint32_t generation);
std::string shadow_pin(std::uint32_t generation);
// Of the program, or the comparison, for packets on their way out.
std::string egress_program_pin(std::uint32_t generation);
std::string egress_shadow_pin(std::uint32_t generation);

}  // namespace weir::runtime

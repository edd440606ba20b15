// Link types of captures by name, for people whose capture has no Ethernet frames.
#pragma once

#include <cstdint>
#include <string>

namespace weir::tooling {

// "raw IP", "Linux cooked (interface `any`)"; "link type 147" where nothing better is known.
std::string link_type_name(std::uint16_t link_type);
// How to come to Ethernet frames; empty where there is no way but another capture.
std::string link_type_advice(std::uint16_t link_type);

}  // namespace weir::tooling

// Interfaces that a text of nft names by number (`iif eth0`): nft refuses it where they are not there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tooling/import/import.h"

namespace weir::tooling::imports {

// The interface that nft missed in the text; nothing where it refuses something else.
std::optional<std::string> missing_link(std::string_view text, const NftRefusal& refusal);
// Makes one of that name, which is of no use, in the network namespace of the caller. Does nothing where it may not.
void make_link(const std::string& name);

}  // namespace weir::tooling::imports

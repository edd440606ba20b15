// Diagnostics that another process has rendered, or says so.
#pragma once

#include <string>
#include <string_view>

#include "grammar/render.h"

namespace weir {

// As printable(), but lines stay, and with kOn the colours of render(). What it returns it leaves as it is when called
// again.
std::string printable_rendered(std::string_view text, Colour colour);

}  // namespace weir

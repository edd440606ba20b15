// Payloads by chance that are messages of DNS and HTTP/1, or nearly: their names and texts are those that random
// policies compare with.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/frames.h"
#include "tests/support/random.h"

namespace weir::tests {

// A condition on a field that is a name or a text.
std::string random_text_condition(Random& random, std::string_view field);
Bytes random_message(Random& random);

}  // namespace weir::tests

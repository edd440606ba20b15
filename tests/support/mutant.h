// Texts that are a little wrong: what people mistype, and what nobody would type.
#pragma once

#include <string>

#include "tests/support/random.h"

namespace weir::tests {

// One to three places changed: bytes are taken away, replaced or put in.
std::string mutant_of_bytes(std::string text, Random& random);
// One to three words changed for others that may stand in their place, or numbers for other numbers: more of these are
// policies still.
std::string mutant_of_words(std::string text, Random& random);

}  // namespace weir::tests

// The generator of the tests: what a seed repeats.
#pragma once

#include "grammar/base/seeded.h"

namespace weir::tests {

using Random = Seeded;

}  // namespace weir::tests

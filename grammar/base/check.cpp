// Tested by tests/unit/base/check_test.cpp.
#include "grammar/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

// The one place of this room that writes: there is nobody left to tell.
void check_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "weir: internal error: %s does not hold (%s:%d)\n", condition, file, line);
    std::abort();
}

}  // namespace weir

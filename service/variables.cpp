// Tested by tests/unit/service/side_process_test.cpp.
#include "service/variables.h"

#include <unistd.h>

#include <string_view>

extern char** environ;

namespace weir::service {

std::vector<char*> variables_handed_on() {
    std::vector<char*> kept;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text = *variable;
        for (const char* prefix : {"LD_", "FAKETIME", "DONT_FAKE", "ASAN_", "UBSAN_", "LSAN_"})
            if (text.starts_with(prefix)) kept.push_back(*variable);
    }
    kept.push_back(nullptr);
    return kept;
}

}  // namespace weir::service

// Tested by tests/unit/tooling/json_depth_test.cpp.
#include "tooling/files/json_depth.h"

#include <cstddef>

namespace weir::tooling {
namespace {

constexpr int kMost = 64;  // the language server's protocol needs ten

}  // namespace

bool is_nested_too_deep(std::string_view json) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') ++i;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > kMost) return true;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

}  // namespace weir::tooling

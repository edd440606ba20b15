// Tested by tests/unit/sema/record_test.cpp.
#include "compiler/policy/capture_keys.h"

#include <algorithm>

namespace weir::policy {

std::vector<std::vector<KeyField>> capture_keys(const TypedPolicy& policy) {
    std::vector<std::vector<KeyField>> keys;
    for (const Rule& rule : policy.rules) {
        if (!rule.capture || rule.capture->before == 0) continue;
        if (std::find(keys.begin(), keys.end(), rule.capture->keys) == keys.end()) keys.push_back(rule.capture->keys);
    }
    return keys;
}

}  // namespace weir::policy

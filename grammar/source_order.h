// Diagnostics as people read them: by file, then by place.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "grammar/diagnostic.h"

namespace weir {

inline std::vector<const Diagnostic*> in_source_order(const Diagnostics& diagnostics) {
    std::vector<const Diagnostic*> all;
    for (const Diagnostic& d : diagnostics.all()) all.push_back(&d);
    std::stable_sort(all.begin(), all.end(), [](const Diagnostic* a, const Diagnostic* b) {
        return std::pair(a->span.file, a->span.begin) < std::pair(b->span.file, b->span.begin);
    });
    return all;
}

}  // namespace weir

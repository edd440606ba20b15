// Which rules the packets of tests met.
#pragma once

#include <string>
#include <vector>

#include "cli/engines.h"
#include "compiler/sema/typed_policy.h"

namespace weir::cli {

class Coverage {
public:
    explicit Coverage(const sema::TypedPolicy& policy) : policy_(policy), matched_(policy.rules.size()) {}
    void add(const Judged& judged);
    // The share, and the rules that no packet matched.
    std::string text() const;

private:
    const sema::TypedPolicy& policy_;
    std::vector<bool> matched_;
    bool default_ = false, malformed_ = false;
};

}  // namespace weir::cli

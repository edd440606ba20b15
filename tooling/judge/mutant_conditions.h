// One comparison, changed a little.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::tooling {

struct ChangedComparison {
    std::string change{};  // for people
    decltype(policy::Expr::node) node{};
};

// `expr` is no `and`, `or` or `not`. `written`: its text.
std::vector<ChangedComparison> changed_comparisons(const policy::Expr& expr, std::string_view written);

}  // namespace weir::tooling

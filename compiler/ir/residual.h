// Conditions that a box cannot express. Equal conditions are stored once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/decision.h"

namespace weir::ir {

class Residuals {
public:
    explicit Residuals(Decision& decision) : decision_(decision) {}
    // The number of the conjunction of `predicates`; 0 if empty. Number n is decision.residuals[n - 1].
    std::uint32_t number(const std::vector<PredicateId>& predicates);

private:
    PredicateId canonical(PredicateId id);
    std::string key(const Predicate& predicate);

    Decision& decision_;
    std::unordered_map<std::uint32_t, PredicateId> known_;  // by id
    std::unordered_map<std::string, PredicateId> canonical_;
    std::map<std::vector<PredicateId>, std::uint32_t> numbers_;
};

}  // namespace weir::ir

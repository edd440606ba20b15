// Conditions that are no sides of boxes, each kept once however many rules have it.
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
    // The number of "all of these hold"; 0 for none. Numbers index decision.residuals, less 1.
    std::uint32_t number(const std::vector<PredicateId>& predicates);

private:
    PredicateId one_of_its_kind(PredicateId id);
    std::string key(const Predicate& predicate);

    Decision& decision_;
    std::unordered_map<std::uint32_t, PredicateId> known_;  // by id
    std::unordered_map<std::string, PredicateId> kinds_;
    std::map<std::vector<PredicateId>, std::uint32_t> numbers_;
};

}  // namespace weir::ir

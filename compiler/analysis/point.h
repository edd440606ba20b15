// One packet, as values of the variables of a universe.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/analysis/bdd.h"

namespace weir::analysis {

// Every variable has a value: the one that was set, else one by chance, the same for the same seed.
class Point {
public:
    // Forgets what was set. `variables`: all are below it.
    void begin(std::uint64_t seed, Bdd::Variable variables) {
        if (set_.size() < variables) set_.resize(variables, {});
        seed_ = seed * 0x9e3779b97f4a7c15u;
        ++round_;
    }
    bool operator[](Bdd::Variable variable) const {
        const Set& known = set_[variable];
        if (known.round == round_) return known.value;
        const std::uint64_t mixed = (seed_ ^ variable) * 0xbf58476d1ce4e5b9u;
        return ((mixed ^ (mixed >> 29)) * 0x94d049bb133111ebu) >> 63 != 0;
    }
    void set(Bdd::Variable variable, bool value) { set_[variable] = {round_, value, true}; }
    bool is_set(Bdd::Variable variable) const { return set_[variable].round == round_ && set_[variable].is_fixed; }
    // The same of a variable that is not set, which may change again.
    void prefer(Bdd::Variable variable, bool value) { set_[variable] = {round_, value, false}; }

private:
    struct Set {
        std::uint32_t round = 0;
        bool value = false;
        bool is_fixed = false;
    };
    std::vector<Set> set_;
    std::uint64_t seed_ = 0;
    std::uint32_t round_ = 0;
};

}  // namespace weir::analysis

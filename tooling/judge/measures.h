// What an evaluator has measured, in a form that all evaluators have.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/oracle/measures.h"
#include "runtime/state/measure_table.h"

namespace weir::tooling {

struct MeasuredValues {
    std::uint64_t sum = 0;
    std::uint64_t largest = 0;
    std::map<std::uint64_t, std::uint64_t> buckets;  // by their least value: values in them

    friend bool operator==(const MeasuredValues&, const MeasuredValues&) = default;
};
struct MeasuredByKey {
    std::map<std::vector<std::string>, MeasuredValues> keys;  // by the texts of its parts
    std::uint64_t refused = 0;

    friend bool operator==(const MeasuredByKey&, const MeasuredByKey&) = default;
};

MeasuredByKey measured_by(const policy::Measure& measure, const oracle::Measured& measured);
// `keys`: of the compiled program's table.
MeasuredByKey measured_by(const bpf::MeasureInfo& info, const std::vector<runtime::MeasuredKey>& keys,
                          std::uint64_t refused);

}  // namespace weir::tooling

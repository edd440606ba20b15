// What tests came to, for people and machines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grammar/base/result.h"

namespace weir::tooling {

struct TestFailure {
    std::size_t step = 0;    // from 1
    std::uint32_t line = 0;  // of the step
    std::string expected{};
    std::string got{};
};
struct TestResult {
    std::string name{};
    std::string file{};
    std::uint32_t line = 0;
    std::string engine{};
    double seconds = 0;
    std::optional<TestFailure> failure{};  // nothing: it holds
};

std::string json_line(const TestResult& result);
// JUnit's XML, as CI systems read it: a suite a file.
Status write_junit(const std::string& path, const std::vector<TestResult>& results);

}  // namespace weir::tooling

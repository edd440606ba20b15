// Verdict tables: what a condition is for a packet, held against every engine.
#pragma once

#include <string>
#include <vector>

#include "tests/support/engines.h"

namespace weir::tests {

struct Row {
    std::string condition;
    Bytes frame;
    bool expected;
    std::string about{};  // what the frame is, for the failure
};

// Every row on every engine. `preamble`: lets and sets that the conditions name. Reports through Catch.
void check_rows(const std::vector<Row>& rows, const std::string& preamble = {}, const FileTexts& files = {});

}  // namespace weir::tests

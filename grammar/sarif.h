// SARIF 2.1.0: one document for everything that a command found.
#pragma once

#include <string>
#include <vector>

#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir {

// Something wrong that is no diagnostic: a test that fails.
struct SarifFinding {
    std::string rule_id{};      // "test-failed"
    std::string description{};  // of the rule
    std::string message{};
    std::string file{};
    std::uint32_t line = 1;
    Severity severity = Severity::kError;
};
// What was found in one policy. `sources` may be null where there are no diagnostics.
struct SarifInput {
    const Sources* sources = nullptr;
    const Diagnostics* diagnostics = nullptr;
    std::vector<SarifFinding> findings{};
};

// With fixes and related places. Columns count characters.
std::string sarif_document(const std::vector<SarifInput>& inputs);

}  // namespace weir

// Policies as text, and frames for them.
#pragma once

#include <catch2/catch.hpp>

#include <string>

#include "tests/support/frames.h"
#include "tooling/files/policy_file.h"

namespace weir::tests {

inline tooling::LoadedPolicy loaded_policy(const std::string& text) {
    tooling::LoadedPolicy loaded = tooling::analyse_text("test.rules", text, {}, {});
    INFO(render(loaded.sources, loaded.diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
    REQUIRE(loaded.compiled);
    return loaded;
}

}  // namespace weir::tests

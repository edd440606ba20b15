// How a policy is decided, as `weir compile --emit decision` prints it: decisions/NAME.rules, and beside it
// NAME.decision. Policies of different shapes, so that a change of lowering, or of what the cost model chooses, is
// seen.
#include <filesystem>

#include <catch2/catch.hpp>

#include "compiler/compiler.h"
#include "compiler/ir/print.h"
#include "grammar/render.h"
#include "tests/golden/golden_case.h"

using namespace weir;
using namespace weir::golden;

TEST_CASE("each policy is decided as stands beside it") {
    int policies = 0;
    for (const auto& entry : std::filesystem::directory_iterator(WEIR_GOLDEN_DECISIONS)) {
        std::filesystem::path path = entry.path();
        if (path.extension() != ".rules") continue;
        ++policies;
        Sources sources;
        Diagnostics diagnostics;
        const auto compiled = analyse(sources, path.filename(), read_text(path), case_files(), diagnostics);
        INFO(path << "\n" << render(sources, diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
        REQUIRE(compiled);
        check_golden(path.replace_extension(".decision"), ir::print(compiled->decision, compiled->policy));
    }
    CHECK(policies >= 4);
}

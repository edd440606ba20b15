// Any text through the whole front end: parse, check, lower, build, and what is said of its rules. It is accepted or
// refused with a reason.
#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"
#include "grammar/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    weir::Sources sources;
    weir::Diagnostics diagnostics;
    const auto compiled =
        weir::analyse(sources, "fuzz.rules", std::string(reinterpret_cast<const char*>(bytes), size), {}, diagnostics);
    WEIR_CHECK(compiled.has_value() != diagnostics.has_errors());
    if (!compiled) return 0;
    const weir::analysis::Judged judged = weir::analysis::lint(compiled->policy, diagnostics);
    WEIR_CHECK(!diagnostics.has_errors() && judged.left_out.size() <= compiled->policy.rules.size());
    return 0;
}

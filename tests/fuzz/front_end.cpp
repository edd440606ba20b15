// Any text through the whole front end: parse, check, lower, build. It is accepted or refused with a reason.
#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/compiler.h"
#include "grammar/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    weir::Sources sources;
    weir::Diagnostics diagnostics;
    const auto compiled =
        weir::analyse(sources, "fuzz.rules", std::string(reinterpret_cast<const char*>(bytes), size), {}, diagnostics);
    WEIR_CHECK(compiled.has_value() != diagnostics.has_errors());
    return 0;
}

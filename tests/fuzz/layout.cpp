// Any text: parsed without a crash; and where it parses, the canonical layout has the same tree and the same comments,
// and is its own layout.
#include <cstddef>
#include <cstdint>
#include <string>

#include "grammar/base/check.h"
#include "tests/unit/grammar/parsed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const weir::Parsed parsed(std::string(reinterpret_cast<const char*>(bytes), size));
    if (parsed.diagnostics.has_errors()) return 0;
    const std::string formatted = parsed.formatted();
    const weir::Parsed again(formatted);
    WEIR_CHECK(!again.diagnostics.has_errors());
    WEIR_CHECK(again.shape() == parsed.shape());
    WEIR_CHECK(again.comments() == parsed.comments());
    WEIR_CHECK(again.formatted() == formatted);
    return 0;
}

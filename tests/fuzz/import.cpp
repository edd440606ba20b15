// Any text as what `iptables-save` writes: refused with a reason, or a policy that is accepted.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "compiler/compiler.h"
#include "grammar/base/check.h"
#include "grammar/render.h"
#include "tooling/import/import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace weir;
    Sources sources;
    Diagnostics diagnostics;
    sources.add("rules.v4", std::string(reinterpret_cast<const char*>(bytes), size));
    const auto imported = tooling::imports::import_iptables(sources, "fuzz", {}, diagnostics);
    WEIR_CHECK(imported);
    WEIR_CHECK(imported->has_value() || diagnostics.has_errors());
    if (!*imported) return 0;
    Sources made;
    Diagnostics said;
    if (analyse(made, "fuzz.rules", (*imported)->text, {}, said)) return 0;
    std::fprintf(stderr, "%s\n%s", render(made, said, DiagnosticFormat::kHuman, Colour::kOff).c_str(),
                 (*imported)->text.c_str());
    WEIR_CHECK(false);
    return 0;
}

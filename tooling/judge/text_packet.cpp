// Tested by tests/unit/tooling/explain_test.cpp with `packet_of_text`.
#include "tooling/judge/text_packet.h"

#include "compiler/compiler.h"
#include "grammar/render.h"

namespace weir::tooling {

Result<TextPacket> packet_of_text(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled =
        analyse(sources, "--packet", "test \"\" {\n" + text + "\n=> pass\n}", sema::Files{}, diagnostics);
    if (!compiled) return Error{render(sources, diagnostics, DiagnosticFormat::kHuman, Colour::kOff), {}, 0};
    const policy::TypedPolicy& policy = compiled->policy;
    const bool is_one_step = policy.tests.size() == 1 && policy.tests[0].steps.size() == 1;
    const auto* send = is_one_step ? std::get_if<policy::SendFrames>(&policy.tests[0].steps[0].node) : nullptr;
    if (send == nullptr || send->frames.size() != 1 || send->times != 1)
        return Error{
            "weir: `--packet` takes one packet, as in a step of a test: \"tcp 198.51.100.7:4000 -> "
            "192.0.2.1:22 syn\"\n",
            {},
            0};
    return TextPacket{send->frames[0], send->direction, send->interface};
}

}  // namespace weir::tooling

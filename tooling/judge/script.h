// Packets and pauses in a row, judged by the oracle and written as the steps of a test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/packet/direction.h"
#include "compiler/policy/typed_policy.h"
#include "tooling/judge/judged.h"

namespace weir::tooling {

struct ScriptEvent {
    std::uint64_t after_ns = 0;  // that pass before it; whole microseconds
    std::vector<std::uint8_t> frame{};
    packet::Direction direction = packet::Direction::kIn;
    std::string interface{};

    friend bool operator==(const ScriptEvent&, const ScriptEvent&) = default;
};
using Script = std::vector<ScriptEvent>;

// From empty state. Responses of alerts are the oracle's own.
std::vector<Judged> play(const policy::TypedPolicy& policy, const Script& script);

// The first event whose verdict, deciding rule or alerts the two policies differ in; rules and alerts go by name.
std::optional<std::size_t> first_difference(const policy::TypedPolicy& policy, const policy::TypedPolicy& changed,
                                            const Script& script);

// Packets and pauses as a test has them, without what it expects: equal packets in a row are one.
std::vector<std::string> packet_steps(const Script& script);

// Steps that hold for `policy`, a line each: equal events in a row are one. `other`: a policy that the last step must
// tell from it, or null.
std::vector<std::string> steps_of(const policy::TypedPolicy& policy, const Script& script,
                                  const policy::TypedPolicy* other);

}  // namespace weir::tooling

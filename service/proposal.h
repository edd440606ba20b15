// What a model proposes, on its way to a person: rules and tests behind the policy in force, as a file. Nothing here
// puts it in force. docs/http-sinks.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "grammar/base/result.h"
#include "runtime/sinks/triage.h"

namespace weir::service {

// An error that says what else it has, or that it is no text of the language. For the compiler's process.
Status only_rules_and_tests(const std::string& proposal);

// The policy `file`, whose text is `text`, with the proposal behind it: what is checked, and what a person gets.
std::string with_proposal(const std::string& text, const std::string& proposal);

// Is `whole` that of a text with this hash? The compiler's process made it, which may be taken over.
bool is_with_proposal(const std::string& whole, const std::string& sha256, const std::string& proposal);

// More are not kept: a person has to remove some.
inline constexpr std::size_t kMaxProposals = 100;

// Writes `policy`, which with_proposal() made of `file`, into `folder`, which it makes where it is missing, behind
// comments that say what it is and, in the lines of `changes`, what it would change. Returns its path: a name of the
// time and the sink. `now_ns`: CLOCK_REALTIME.
Result<std::string> write_proposal(const std::string& folder, const std::string& file, const std::string& policy,
                                   std::string_view changes, const runtime::TriageNote& note, std::uint64_t now_ns);

// One line for the log.
std::string note_line(const runtime::TriageNote& note);
// The same for machines, as an EVE event of the type `anomaly`, without newline.
std::string note_eve(const runtime::TriageNote& note, const std::string& policy, std::uint64_t now_ns);

}  // namespace weir::service

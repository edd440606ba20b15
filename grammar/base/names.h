// The words of the language that are numbers everywhere else, in the order of their numbers: enum weir_verdict
// (bpf/abi.h), ast::VerdictKind, ast::AlertSeverity and bpf::AlertSeverity are the same: static_asserts hold them to it
// (grammar/dump.cpp, runtime/sinks/event_text.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace weir {

inline constexpr std::string_view kVerdictNames[] = {"pass", "drop", "reject", "redirect"};
inline constexpr std::string_view kSeverityNames[] = {"low", "medium", "high", "critical"};

// "none" for a number that is no verdict.
constexpr std::string_view verdict_name(std::uint32_t verdict) {
    return verdict < std::size(kVerdictNames) ? kVerdictNames[verdict] : "none";
}

}  // namespace weir

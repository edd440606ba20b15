// What a model says of events: text for people. Nothing of it is executed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::runtime {

inline constexpr std::size_t kMaxReasonBytes = 2000;
inline constexpr std::size_t kMaxEvidence = 64;
inline constexpr std::size_t kMaxProposalBytes = 32 << 10;

struct Triage {
    std::string verdict{};                // benign, suspicious, malicious, unknown
    double confidence = 0;                // 0 to 1
    std::string reason{};                 // printable, kMaxReasonBytes at most
    std::vector<std::string> evidence{};  // event_id()s that were in the digest
    bool is_cited = false;                // it names events, and all that it names were in the digest
    std::string proposal{};               // rules and tests, as the model wrote them; empty: none
};

// What a model said of `events` events, as the sink's thread hands it on.
struct TriageNote {
    std::string sink{};
    Triage triage{};
    std::uint64_t events = 0;
};
using OnTriage = std::function<void(TriageNote)>;  // called by the sink's thread

}  // namespace weir::runtime

// Notes of models, from the sinks' threads to the engine's loop.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/handles.h"
#include "runtime/sinks/triage.h"

namespace weir::service {

// Where proposals go, and what is done with one that is checked.
struct ProposalOptions {
    std::string folder{};  // empty: they are dropped, with a notice
    bool tries = false;    // beside the policy in force, as a candidate, where there is none
};

class TriageInbox {
public:
    explicit TriageInbox(ProposalOptions options);
    // By any thread. Beyond kMost that wait, the oldest one is dropped.
    void take(runtime::TriageNote note);
    std::vector<runtime::TriageNote> taken();
    int fd() const { return ready_.get(); }  // readable where taken() has something
    const ProposalOptions& options() const { return options_; }
    static constexpr std::size_t kMost = 64;

private:
    ProposalOptions options_;
    runtime::UniqueFd ready_;
    std::mutex mutex_{};
    std::vector<runtime::TriageNote> notes_{};
};

}  // namespace weir::service

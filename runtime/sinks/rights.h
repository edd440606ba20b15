// What the sinks of a policy may do on this host: the operator says it, not the policy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"

namespace weir::runtime {

struct SinkRights {
    std::string programs{};                        // the folder of programs that `exec` may run; empty: none
    std::optional<std::vector<SinkKind>> kinds{};  // nothing: all but `exec`, which needs `programs`
    std::string folder{};                          // files and sockets are below it; empty: anywhere
};

// "eve,pcap,stdout"; an error names the word that is no kind.
Result<std::vector<SinkKind>> sink_kinds(const std::string& list);

// The same of a policy that came over a network: nothing that the operator has not named. Its sinks are of `kinds`, or
// stdout; their files and sockets below `folder`; the variables that they read begin with WEIR_SINK_.
Status admit_from_others(const SinkRights& rights, const std::vector<bpf::SinkInfo>& sinks);

// Whether a policy with these sinks may be put in force here: an error names the first that may not, or that this build
// has not (can_make()).
Status admit(const SinkRights& rights, const std::vector<bpf::SinkInfo>& sinks);

}  // namespace weir::runtime

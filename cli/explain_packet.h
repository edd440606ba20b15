// weir explain FILE --packet, --pcap: why a packet gets its verdict.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tooling/files/policy_file.h"

namespace weir::cli {

struct ExplainArguments {
    tooling::PolicyOptions options{};
    std::string subject{};  // a code, or a policy's file
    std::string packet{};
    std::string capture{};
    std::uint64_t frame = 0;  // of the capture, from 1; 0: not given
    std::string engine{};
    std::string interface{};
    std::vector<std::string> local{};
};

// One of `packet` and `capture` is given.
int explain_packet(const ExplainArguments& arguments);

}  // namespace weir::cli

// What `weir status` says of the processes beside an engine.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir::service {

inline constexpr const char* kConnecting = "connecting";  // of one that follows

struct SideProcessStatus {
    std::string name;                               // "network-door"
    std::vector<std::string> addresses{};           // where it listens, or whom it follows
    std::string state{};                            // "ok", kConnecting, or what is wrong
    std::uint64_t restarts = 0;                     // since the engine has started
    std::vector<std::string> lacks{};               // of its confinement, on this machine
    std::map<std::string, std::uint64_t> counts{};  // of its own, since it has started
};

}  // namespace weir::service

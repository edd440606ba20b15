// Where the control sockets of running engines are.
#pragma once

#include <sys/un.h>

#include <string>

#include "grammar/base/result.h"

namespace weir::service {

inline constexpr const char* kControlFolder = "/run/weir";
inline constexpr std::size_t kMaxReplyBytes = 64 << 20;  // the counters of 131,072 rules are 15 MB

// "/run/weir/NAME.sock"
std::string control_path(const std::string& name);
// An error where the path is too long for a socket.
Result<sockaddr_un> control_address(const std::string& path);

}  // namespace weir::service

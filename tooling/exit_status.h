// How a command or a request ends: docs/cli.md, "Exit statuses".
#pragma once

namespace weir {

enum Exit : int { kOk = 0, kPolicyFault = 1, kUsage = 2, kWorldFault = 3 };

}  // namespace weir

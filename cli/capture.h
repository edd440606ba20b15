// Captures: pcap and pcapng with Ethernet frames.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "runtime/result.h"

namespace weir::cli {

// Calls `take` with each frame (its captured bytes) and its time stamp in ns, in order; stops where it returns false.
// Time never goes back: a stamp before the last counts as the last.
runtime::Status read_capture(const std::string& path,
                             const std::function<bool(std::span<const std::uint8_t> frame, std::uint64_t time_ns)>& take);

}  // namespace weir::cli

// --local NET: the host's own addresses in a capture.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "grammar/value.h"

namespace weir::cli {

// "10.0.0.0/8" or an address alone.
std::optional<IpPrefix> local_net(const std::string& text);
// --iface and --local: where the packets of a capture were met.
void add_capture_options(CLI::App& command, std::string& interface, std::vector<std::string>& local);

}  // namespace weir::cli

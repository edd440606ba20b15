// What the network door is told when it starts. The engine's side reads the files; the door's process can open none.
#pragma once

#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "service/http/listen_address.h"
#include "service/side_process.h"

namespace weir::service::http {

struct DoorOptions {
    std::vector<std::string> listen{};  // addresses
    std::vector<std::string> names{};   // under which clients reach it, beside the addresses and `localhost`
    std::string token_file{};
    std::string certificate_file{}, key_file{};  // PEM
};

struct DoorSettings {
    std::vector<ListenAddress> addresses{};  // in the order of the sockets
    std::vector<std::string> names{};        // lower case
    std::string token{};                     // empty: nobody may change anything, and packets' bytes are left out
    std::string certificate{}, key{};        // PEM; empty: no TLS
};

inline constexpr std::size_t kLeastTokenBytes = 32;

// Reads and checks all files. An address that others reach asks for a token and TLS: an error says so. The token file
// is a regular one of this user's or root's that nobody else can read, and holds 32 to 4096 visible characters.
Result<DoorSettings> read_settings(const DoorOptions& options);

// The process that serves them, with its sockets open.
Result<SideProcessOptions> door_process(const DoorSettings& settings);

std::string to_text(const DoorSettings& settings);
Result<DoorSettings> settings_from(const std::string& text);

}  // namespace weir::service::http

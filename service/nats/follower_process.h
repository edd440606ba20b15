// The process that follows a bucket of NATS for an engine (service/nats/follower.h): it talks to the server, so it may
// be taken over, and has no more than two files for the last good value and a channel on which the engine takes
// bundles. What it hands over is verified once more where it is compiled (service/bundle_files.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "grammar/base/result.h"
#include "service/nats/kept_value.h"
#include "service/side_process.h"

namespace weir::service {

struct FollowOptions {
    std::string url{};               // nats://HOST:4222/BUCKET/KEY
    std::string public_key_file{};   // empty: values need no signature
    std::string credentials_file{};  // of NATS; empty: none
    std::string host{};              // in the fleet; empty: the host's name
    std::string state_folder{};      // for the last good value
    std::string version{};           // of this program
};

// What an engine that follows needs.
struct Following {
    std::string shown{};  // the address, without secrets
    tooling::Expected expected{};
    std::optional<KeptValue::Value> kept{};
    KeptValue files;
    SideProcessOptions process{};
};
// Errors quote no secret. `options.url` is one that bucket_address() takes.
Result<Following> prepare_following(const FollowOptions& options);

// A row of service/side_process_main.cpp.
int live_as_follower(SideEnds ends);

}  // namespace weir::service

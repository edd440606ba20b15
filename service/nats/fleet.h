// How the hosts are that follow a bucket, as they say it themselves in the bucket of statuses.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "service/nats/bucket.h"
#include "service/nats/follower.h"

namespace weir::service {

// Texts are as the host wrote them: hostile, perhaps, but cut to what an honest host writes.
struct HostStatus {
    std::string key{}, host{};  // those of the place where it lies
    std::string outcome{};      // a word of kOutcomeNames
    std::string reason{};
    Revision value{};     // that the outcome is of
    Revision in_force{};  // hash empty: nothing
    std::uint64_t generation = 0;
    std::string time{};      // RFC 3339, UTC, by the host's clock
    std::int64_t age_s = 0;  // by the server's clock
    std::string version{};   // of weir
};
// The value is not in force, and will not be.
bool is_bad(const HostStatus& status);
// It has said nothing for so long that it may not run any more.
bool is_silent(const HostStatus& status);

// By key and host. `key` empty: of all keys. What is no status is left out, and so is one that speaks for another host
// than that in whose place it lies.
Result<std::vector<HostStatus>> host_statuses(BucketClient& client, const std::string& bucket, const std::string& key);

// ---- a release for some hosts first ----

struct Canaries {
    std::vector<std::string> hosts{};   // that take it, sorted; silent ones are left out
    std::vector<std::string> silent{};  // that would
    std::uint32_t canary = 0;           // tooling::Release::canary: raised where no known host would take it
};
// An error where no host follows the key.
Result<Canaries> choose_canaries(const std::vector<HostStatus>& statuses, std::uint32_t canary);

struct CanaryReport {
    std::vector<std::string> done{};     // it is in force there
    std::vector<std::string> waiting{};  // they have not said
    std::vector<HostStatus> bad{};
    bool is_good() const { return bad.empty() && waiting.empty(); }
};
// Until all of them have `serial` in force, one of the fleet says that it is bad, or the time ends. `on_change`: after
// each look that saw something new.
Result<CanaryReport> wait_for_canaries(BucketClient& client, const std::string& bucket, const std::string& key,
                                       const Canaries& canaries, std::uint64_t serial, std::uint64_t within_ms,
                                       const std::function<void(const CanaryReport&)>& on_change);

}  // namespace weir::service

// Tested by tests/fleet/push_test.py with `canary`.
#include "service/nats/fleet.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include <nlohmann/json.hpp>

#include "runtime/kernel.h"

namespace weir::service {
namespace {

using nlohmann::json;

constexpr std::int64_t kSilent_s = 300;  // a host says how it is every minute
constexpr std::uint64_t kMillisecond_ns = 1'000'000;

constexpr std::size_t kMaxWordBytes = 128;

std::string text_of(const json& object, const char* key, std::size_t most_bytes = kMaxWordBytes) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get_ref<const std::string&>().substr(0, most_bytes)
                                                       : std::string();
}
std::uint64_t number_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}
Revision revision_of(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_object()) return {};
    return {number_of(*found, "revision"), number_of(*found, "serial"), text_of(*found, "sha256")};
}

// Of what lies in a place of the bucket; nothing where no host writes that there.
std::optional<HostStatus> status_of(const BucketClient::Entry& entry) {
    const json said = json::parse(entry.value, nullptr, false);
    const std::size_t dot = entry.key.find('.');  // a key has none, a host's name may have some
    if (!said.is_object() || dot == std::string::npos) return std::nullopt;
    HostStatus status{entry.key.substr(0, dot),
                      entry.key.substr(dot + 1),
                      text_of(said, "outcome"),
                      text_of(said, "reason", kMaxReasonBytes),
                      revision_of(said, "value"),
                      revision_of(said, "in_force"),
                      number_of(said, "generation"),
                      text_of(said, "time"),
                      entry.age_s(),
                      text_of(said, "weir")};
    // A host writes to its own place, where the server's permissions say so; it may not speak for another.
    const bool is_its_own = text_of(said, "key") == status.key && text_of(said, "host") == status.host;
    return is_its_own && key_part(status.host) == status.host ? std::optional(std::move(status)) : std::nullopt;
}

}  // namespace

bool is_bad(const HostStatus& status) {
    return status.outcome == kOutcomeNames[static_cast<std::size_t>(Outcome::kRefused)] ||
           status.outcome == kOutcomeNames[static_cast<std::size_t>(Outcome::kRolledBack)];
}

bool is_silent(const HostStatus& status) { return status.age_s > kSilent_s; }

Result<std::vector<HostStatus>> host_statuses(BucketClient& client, const std::string& bucket, const std::string& key) {
    const auto entries = client.list(status_bucket(bucket), key.empty() ? ">" : key + ".>");
    if (!entries) return entries.error();
    std::vector<HostStatus> statuses;
    for (const BucketClient::Entry& entry : *entries)
        if (auto status = status_of(entry)) statuses.push_back(std::move(*status));
    std::sort(statuses.begin(), statuses.end(), [](const HostStatus& one, const HostStatus& other) {
        return std::tie(one.key, one.host) < std::tie(other.key, other.host);
    });
    return statuses;
}

Result<Canaries> choose_canaries(const std::vector<HostStatus>& statuses, std::uint32_t canary) {
    std::uint32_t lowest = tooling::kEveryHost;
    for (const HostStatus& status : statuses)
        if (!is_silent(status)) lowest = std::min(lowest, tooling::canary_place(status.host));
    if (lowest == tooling::kEveryHost)
        return Error{"no host follows this key: there is none to be the first",
                     "push without --canary, or start a host: weir run nats://…", ESRCH};
    Canaries chosen{{}, {}, std::max(canary, lowest + 1)};
    for (const HostStatus& status : statuses)
        if (tooling::is_canary(status.host, chosen.canary))
            (is_silent(status) ? chosen.silent : chosen.hosts).push_back(status.host);
    return chosen;
}

Result<CanaryReport> wait_for_canaries(BucketClient& client, const std::string& bucket, const std::string& key,
                                       const Canaries& canaries, std::uint64_t serial, std::uint64_t within_ms,
                                       const std::function<void(const CanaryReport&)>& on_change) {
    constexpr useconds_t kLook_us = 200'000;
    const std::uint64_t until_ns = runtime::monotonic_ns() + within_ms * kMillisecond_ns;
    std::size_t known = 0;
    for (;;) {
        const auto statuses = host_statuses(client, bucket, key);
        if (!statuses) return statuses.error();
        CanaryReport report;
        for (const HostStatus& status : *statuses) {
            if (status.value.serial != serial) continue;
            if (is_bad(status)) report.bad.push_back(status);
            if (status.outcome == kOutcomeNames[static_cast<std::size_t>(Outcome::kInForce)])
                report.done.push_back(status.host);
        }
        for (const std::string& host : canaries.hosts)
            if (std::find(report.done.begin(), report.done.end(), host) == report.done.end())
                report.waiting.push_back(host);
        if (report.done.size() + report.bad.size() != std::exchange(known, report.done.size() + report.bad.size()))
            on_change(report);
        if (report.is_good() || !report.bad.empty() || runtime::monotonic_ns() >= until_ns) return report;
        usleep(kLook_us);
    }
}

}  // namespace weir::service

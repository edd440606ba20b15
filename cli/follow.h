// weir run nats://…: where the first policy of an engine comes from that follows a bucket of NATS.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "grammar/base/result.h"
#include "runtime/engine/engine.h"
#include "service/nats/follower_process.h"
#include "service/side_process.h"
#include "service/startup.h"
#include "service/worker.h"

namespace weir::cli {

class Follow {
public:
    // Of `weir run` with these; `request` then compiles bundles of that bucket only.
    static Result<Follow> prepare(const service::FollowOptions& options, service::WorkerRequest& request);

    // The last one that was in force, or, where there is none that compiles, one that comes. Nothing where the program
    // was told to end.
    std::optional<service::WorkerOutcome> first_policy(service::Startup& startup,
                                                       std::optional<service::Worker>& worker,
                                                       service::WorkerRequest& request);
    // What became of it, for the status of this host.
    void started(service::Startup& startup, const runtime::InForceStatus& now, const service::WorkerOutcome& compiled);
    void failed(service::Startup& startup, const Error& error);

    const std::string& shown() const { return following_.shown; }
    std::unique_ptr<service::SideProcess> take_process() { return std::move(process_); }

private:
    Follow(service::Following following, std::unique_ptr<service::SideProcess> process)
        : following_(std::move(following)), process_(std::move(process)) {}
    std::optional<service::WorkerOutcome> last_policy(service::Startup& startup, service::Worker& worker,
                                                      service::WorkerRequest& request) const;

    service::Following following_;
    std::unique_ptr<service::SideProcess> process_;
    std::optional<service::Startup::Asked> asked_{};  // who handed over the first policy
};

}  // namespace weir::cli

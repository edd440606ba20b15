// A running engine and those who talk to it: signals, the control socket, reloads.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/worker.h"
#include "runtime/control.h"
#include "runtime/engine.h"

namespace weir::cli {

class Daemon {
public:
    // `signals`: a signalfd of SIGTERM, SIGINT and SIGHUP. `request`: what is in force, and reloaded on SIGHUP.
    Daemon(std::unique_ptr<runtime::Engine> engine, runtime::ControlServer control, runtime::UniqueFd signals, WorkerRequest request);
    // Until SIGTERM or SIGINT. Returns an exit status.
    int run();

private:
    struct Reload {
        WorkerRequest request{};
        std::optional<std::uint64_t> client{};   // nothing: SIGHUP
    };

    bool take_signals();                          // false: it is time to go
    void take_requests();
    void answer(const runtime::ControlServer::Request& request);
    void start_reload();
    void end_reload(WorkerOutcome outcome);
    void tell(const std::optional<std::uint64_t>& client, const nlohmann::ordered_json& answer);

    std::unique_ptr<runtime::Engine> engine_;
    runtime::ControlServer control_;
    runtime::UniqueFd signals_;
    WorkerRequest request_;
    std::deque<Reload> waiting_;                  // for the worker
    std::optional<Reload> current_;
    std::unique_ptr<Worker> worker_;
    std::uint64_t reload_failed_ = 0;
    std::uint64_t tidied_ns_ = 0;
};

}  // namespace weir::cli

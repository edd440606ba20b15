// What an engine does before it has a policy: compiles and loads the first one, while signals are served and whoever
// asks gets an answer.
#pragma once

#include <optional>

#include "runtime/engine/program.h"
#include "runtime/handles.h"
#include "service/command.h"
#include "service/control_socket.h"
#include "service/loader.h"
#include "service/side_process.h"
#include "service/worker.h"

namespace weir::service {

class Startup {
public:
    // `signals`: a signalfd of SIGTERM, SIGINT and SIGHUP.
    Startup(const runtime::UniqueFd& signals, ControlServer& control) : signals_(signals), control_(control) {}

    // Nothing where the program was told to end meanwhile. `text`: as Worker::ask().
    std::optional<WorkerOutcome> compile(Worker& worker, const WorkerRequest& request, int text = -1);
    // A bundle that a policy follower hands over; answer() what became of it. Nothing where the program was told to
    // end. `side`: that follower.
    struct Asked {
        std::uint64_t client = 0;
        ReloadCommand command{};
    };
    std::optional<Asked> wait_for_bundle(SideProcess& side);
    void answer(const Asked& asked, const Reply& reply);
    void serve(SideProcess& side, std::uint64_t for_ms);
    Result<runtime::Program> load(const WorkerOutcome& compiled, const runtime::ProgramOptions& options);
    // Of the policy that load() loaded, once it is in force.
    Status add_first_entries();

    bool is_stopped() const { return is_stopped_; }  // SIGTERM or SIGINT came

private:
    SideProcess::Adopt adopt();
    // Waits for `fd`; false where it is time to go.
    bool wait(int fd, std::uint64_t timeout_ms);

    const runtime::UniqueFd& signals_;
    ControlServer& control_;
    std::optional<Loader> loader_{};
    bool is_stopped_ = false;
    bool waits_for_bundle_ = false;
    std::optional<Asked> asked_{};
};

}  // namespace weir::service

// A command's side of the control socket of a running engine.
#pragma once

#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/left.h"
#include "runtime/handles.h"

namespace weir::service {

// Names of the engines that run, sorted.
std::vector<std::string> running_engines();
// Those that were killed, and whose policy is in force still.
std::vector<runtime::LeftEngine> killed_engines();
// To engine `name`, or to the only one running where it is empty.
class EngineConnection {
public:
    static Result<EngineConnection> open(const std::string& name);
    // `attached`: a descriptor that goes with it, or -1.
    Status send(const std::string& request, int timeout_ms, int attached = -1);
    // The next line. `timeout_ms` -1: whenever it comes. An error EINTR where `wake`, a descriptor, becomes readable
    // before that: then it can be called again.
    Result<std::string> receive(int timeout_ms, int wake = -1);

    const std::string& name() const { return name_; }
    // A descriptor (pidfd) of the engine's process: readable once it has ended.
    Result<runtime::UniqueFd> process() const;

private:
    EngineConnection(std::string name, runtime::UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
    std::string name_;
    runtime::UniqueFd fd_;
    std::string in_;
};

}  // namespace weir::service

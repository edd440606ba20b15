// Starts the programs of sinks `exec`. The process that does it is forked while the engine is small and has its rights:
// later it may not become another user, and a fork of it would be a copy of all that it has.
//
//     engine ── broker ── a session a sink ── a supervisor a program ── the program
//
// Each ends with the one before it. The broker knows the folder that programs may be in and believes the engine
// nothing: who has taken the engine can run what is in that folder, as a user that is not root, and no more.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/sinks/exec_run.h"

namespace weir::runtime {

inline constexpr std::uint32_t kMaxAtOnce = 64;
inline constexpr std::size_t kMaxArguments = 255;           // of one program
inline constexpr std::size_t kMaxArgumentBytes = 32 << 10;  // of all of them

// What a sink runs.
struct ExecTerms {
    std::string path;
    std::string user;  // empty: find_exec_user()
    std::uint64_t timeout_ms = 10'000;
    std::uint32_t at_once = 4;
};

// Over the socket of a session.
struct ExecRequest {
    std::uint64_t number = 0;  // comes back with the answer
    std::string event;         // its id
    std::vector<std::string> arguments;
};
struct ExecAnswer {
    std::uint64_t number = 0;
    ExecOutcome outcome = ExecOutcome::kNotStarted;
    std::int32_t status = 0;
    std::string text;  // why it was not started; else the first line of its standard error, as it is
};
bool send_request(int session, const ExecRequest& request);  // false: the session is gone
// kNothing where none is there, kClosed where the session is gone.
enum class Answered : std::uint8_t { kAnswer, kNothing, kClosed };
Answered receive_answer(int session, ExecAnswer& answer);

class ExecBroker {
public:
    // `folder`: of --allow-exec. Before this process has threads, and before it drops rights.
    static Result<std::unique_ptr<ExecBroker>> start(const std::string& folder);
    // Ends all that it runs.
    ~ExecBroker();
    ExecBroker(const ExecBroker&) = delete;
    ExecBroker& operator=(const ExecBroker&) = delete;

    // A SOCK_SEQPACKET of a session. The first answer (its number is 0) says whether the program could be run; a
    // session tries again with each request.
    Result<UniqueFd> open_session(const ExecTerms& terms) const;
    const std::string& folder() const { return folder_; }
    pid_t process() const { return process_; }

private:
    ExecBroker(std::string folder, UniqueFd socket, pid_t process)
        : folder_(std::move(folder)), socket_(std::move(socket)), process_(process) {}
    std::string folder_;
    UniqueFd socket_;
    pid_t process_;
};

// ---- the other side ----

// What answers over `socket`, until it is closed: for exec_broker.cpp.
void serve_session(int socket, const ExecFolder& folder, const ExecTerms& terms);

}  // namespace weir::runtime

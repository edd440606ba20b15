// Processes of a running engine that talk to the network in its place, each confined and with nothing but what it is
// given: listening sockets, a few channels to the engine, settings. One that ends, is killed or is taken over costs the
// engine nothing: it is started again. The engine starts its own program once more, with the argument of a row of
// service/side_process_main.cpp.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "service/command.h"
#include "service/side_process_status.h"

namespace weir::service {

struct SideProcessOptions {
    std::string argument;                    // of its row: "network-door"
    std::string name;                        // for sentences: "the network door"
    std::vector<std::string> addresses{};    // where it listens, or whom it follows: for `weir status`
    std::string settings{};                  // what it is told, as its row reads it
    std::vector<runtime::UniqueFd> given{};  // descriptors that it gets; kept here for the next start
    std::size_t channels = 1;                // to the engine, each a client of the control socket
    // Empty: all. Else whether it may give that command: a process that was taken over gives any.
    std::function<bool(const Command&)> may_give{};
    std::string program = "/proc/self/exe";
};

// What such a process says of itself. It may have been taken over: none of it is more than a text or a number.
struct SideReport {
    std::string state{};                            // "ok", or what is wrong; empty: nothing was said yet
    std::string help{};                             // what to do about it
    std::vector<std::string> lacks{};               // of its confinement, on this machine
    std::map<std::string, std::uint64_t> counts{};  // "streams": 3
};
std::string encode(const SideReport& report);
// What is no report, or has too much, reads as one whose state says so.
SideReport decode_report(const std::string& text);

class SideProcess {
public:
    // Takes the engine's end of a channel: ControlServer::adopt().
    using Adopt = std::function<std::uint64_t(runtime::UniqueFd)>;

    explicit SideProcess(SideProcessOptions options);
    SideProcess(const SideProcess&) = delete;
    SideProcess& operator=(const SideProcess&) = delete;
    ~SideProcess();  // ends it

    // Starts it where it does not run and its turn has come, and reads what it has said. Never blocks.
    void step(const Adopt& adopt);
    // The first start: until it says that it is ready, or what is wrong with what it was given. Then it is to be ended.
    Status begin(const Adopt& adopt);
    int fd() const { return report_.get(); }  // readable where step() has something to do; -1 while it does not run
    std::uint64_t timeout_ms() const;         // until step() is to be called though fd() is quiet
    pid_t process() const { return process_; }
    SideProcessStatus status() const;
    const SideReport& report() const { return said_; }
    // Of a client of the control socket that is not this process's: true.
    bool lets(std::uint64_t client, const Command& command) const;

private:
    Status start(const Adopt& adopt);
    void take_reports();
    void end(const std::string& why);

    SideProcessOptions options_;
    runtime::UniqueFd report_{};
    pid_t process_ = -1;
    SideReport said_{};
    std::vector<std::uint64_t> clients_{};  // of the control socket: its channels
    std::uint64_t starts_ = 0;
    std::uint64_t begun_ns_ = 0;
    std::uint64_t not_before_ns_ = 0;  // the next start
    std::uint64_t delay_ms_;
};

// ---- the other side ----

// Its descriptors: the settings, a socket for reports, its ends of the channels, and those that it is given.
inline constexpr int kSettingsFd = 3;
inline constexpr int kReportFd = 4;
inline constexpr int kFirstChannelFd = 5;
inline constexpr int kMostGiven = 48;  // descriptors

// What a process finds when it starts.
struct SideEnds {
    int engine = -1;  // the process that started it
    std::string settings{};
    runtime::UniqueFd report{};
    std::vector<runtime::UniqueFd> channels{};
    std::vector<runtime::UniqueFd> given{};
};

// A row of side_process_main.cpp: how such a process lives. It confines itself once it has made ready, and returns an
// exit status.
struct SideProcessRow {
    const char* argument;
    int (*live)(SideEnds ends);
};

// Whether main() was called to be such a process.
bool is_side_process(int argc, const char* const* argv);
int side_process_main(int argc, const char* const* argv);

// Says it to the engine; false where that is gone.
bool send_report(const runtime::UniqueFd& socket, const SideReport& report);

}  // namespace weir::service

// The control socket of a running engine: a UNIX stream socket, one request a line, one answer a line, JSON objects
// both. Only its owner and root may connect (mode 0600 in a 0750 folder, and SO_PEERCRED).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::service {

inline constexpr const char* kControlFolder = "/run/weir";

class ControlServer {
public:
    struct Request {
        std::uint64_t client = 0;
        std::string text;
    };

    // Takes NAME. An error where an engine of that name runs already.
    static Result<ControlServer> listen(const std::string& name);
    ControlServer(ControlServer&&) = default;
    ControlServer& operator=(ControlServer&&) = default;
    ~ControlServer();  // socket and lock go

    int fd() const { return poll_.get(); }  // readable where there is something to do
    // The requests that are complete. Never blocks; clients that are too slow, too many or too talkative are let go.
    std::vector<Request> receive();
    // Nothing where the client has gone.
    void answer(std::uint64_t client, const std::string& text);
    // The same, but only where the client has read enough of what it got before: false where it has not.
    bool offer(std::uint64_t client, const std::string& text);
    bool is_connected(std::uint64_t client) const { return clients_.contains(client); }

private:
    struct Client {
        runtime::UniqueFd fd;
        std::string in;
        std::string out;
    };

    ControlServer(std::string path, std::string lock_path, runtime::UniqueFd lock, runtime::UniqueFd socket,
                  runtime::UniqueFd poll);
    void accept_clients();
    // False where the client is to be let go.
    bool read_from(std::uint64_t id, Client& client, std::vector<Request>& requests);
    bool write_to(std::uint64_t id, Client& client);

    std::string path_;
    std::string lock_path_;
    runtime::UniqueFd lock_;  // held as long as the name is
    runtime::UniqueFd socket_;
    runtime::UniqueFd poll_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, Client> clients_;
};

// Names of the engines that run, sorted.
std::vector<std::string> running_engines();
// To engine `name`, or to the only one running where it is empty.
class EngineConnection {
public:
    static Result<EngineConnection> open(const std::string& name);
    Status send(const std::string& request, int timeout_ms);
    // The next line. `timeout_ms` -1: whenever it comes.
    Result<std::string> receive(int timeout_ms);

private:
    EngineConnection(std::string name, runtime::UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
    std::string name_;
    runtime::UniqueFd fd_;
    std::string in_;
};
// One request to engine `name`, or to the only one running where it is empty; waits for the answer.
Result<std::string> ask_engine(const std::string& name, const std::string& request, int timeout_ms);

}  // namespace weir::service

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

}  // namespace weir::service

// The control socket of a running engine: a UNIX stream socket, one request a line, one answer a line, JSON objects
// both. Only its owner and root may connect (mode 0600 in a 0750 folder, and SO_PEERCRED). No client can keep the
// others from being served: each has one request a turn, and is closed where it is idle, slow or too talkative.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "service/control_path.h"

namespace weir::service {

class ControlServer {
public:
    struct Request {
        std::uint64_t client = 0;
        std::string text;
        runtime::UniqueFd attached{};  // a descriptor that came with it (SCM_RIGHTS)
    };
    struct Limits {
        std::size_t clients = 32;              // one more evicts the one that was idle longest
        std::size_t request_bytes = 64 << 10;  // a longer line is refused, and its client closed
        std::uint64_t line_ms = 10'000;        // from the first byte of a request to its end
        std::uint64_t idle_ms = 60'000;        // without a request, or without reading an answer
    };

    // Takes NAME. An error where an engine of that name runs already. `folder`: of the socket and its lock.
    static Result<ControlServer> listen(const std::string& name, const std::string& folder = kControlFolder);
    static Result<ControlServer> listen(const std::string& name, const std::string& folder, const Limits& limits);
    ControlServer(ControlServer&&) = default;
    ControlServer& operator=(ControlServer&&) = default;
    ~ControlServer();  // removes socket and lock

    // One more client, at the other end of `socket` (a stream): a process of the engine's own. Nothing closes it but
    // its other end, and it takes no other client's place. 0 where epoll cannot have it.
    std::uint64_t adopt(runtime::UniqueFd socket);

    int fd() const { return poll_.get(); }  // readable where there is something to do
    // True where receive() has more to give though fd() is quiet.
    bool has_more() const;
    // Requests that are complete: one a client, and none of a client whose last one waits for its answer. Never blocks.
    // To be called once a second at least: that is when clients time out.
    std::vector<Request> receive();
    // Nothing where the client has left.
    void answer(std::uint64_t client, std::string text);
    // A line after an answer, for a client that reads: false where it has not read enough of those before.
    bool offer(std::uint64_t client, const std::string& text);
    bool is_connected(std::uint64_t client) const;
    // Requests of it that were handed out: a client that sends another one no longer waits for what follows the last.
    std::uint64_t requests(std::uint64_t client) const;
    // The request that it has sent after the one that waits for its answer, and that receive() gives next; else empty.
    std::string_view next_line(std::uint64_t client) const;
    std::size_t clients() const { return clients_.size(); }  // adopted ones, too

private:
    struct Client {
        runtime::UniqueFd fd;
        std::string in{};
        std::size_t read = 0;  // of `in`, by requests that were handed out
        std::string out{};
        std::size_t sent = 0;  // of `out`
        runtime::UniqueFd attached{};
        std::uint64_t requests = 0;  // that were handed out
        bool is_adopted = false;
        bool is_asking = false;     // a request of it was handed out, and has no answer
        bool is_following = false;  // lines are offered to it: it may be quiet as long as it likes
        bool sends_no_more = false;
        bool has_left = false;        // nor does it read: requests that it has sent are carried out all the same
        bool is_refused = false;      // to be closed once it has what is in `out`
        std::uint32_t events = 0;     // that epoll waits for
        std::uint64_t active_ns = 0;  // when it last completed a request or read something
        std::uint64_t line_ns = 0;    // when the request began that is incomplete; 0: there is none
    };
    using Clients = std::map<std::uint64_t, Client>;

    ControlServer(std::string path, std::string lock_path, runtime::UniqueFd lock, runtime::UniqueFd socket,
                  runtime::UniqueFd poll, const Limits& limits);
    void accept_clients();
    runtime::UniqueFd accept_one();
    bool evict_idle();
    std::size_t visitors() const;
    std::uint64_t add(runtime::UniqueFd fd);
    void drop_late();
    void refuse_line(Client& client) const;
    // Of these, false: the client is to be closed.
    bool take_events(std::uint64_t id, Client& client, std::uint32_t events);
    bool read_from(Client& client) const;
    bool write_to(Client& client) const;
    bool wait_for(std::uint64_t id, Client& client) const;
    Request take_line(std::uint64_t id, Client& client);

    Limits limits_;
    std::string path_;
    std::string lock_path_;
    runtime::UniqueFd lock_;  // held as long as the name is
    runtime::UniqueFd socket_;
    runtime::UniqueFd poll_;
    runtime::UniqueFd reserve_;          // closed to accept, and refuse, a client where there is no other descriptor
    std::uint64_t accepts_from_ns_ = 0;  // not before: there was no descriptor left in the whole system
    std::uint64_t next_ = 1;
    std::uint64_t turn_ = 0;  // the client after this one is served first
    Clients clients_;
};

}  // namespace weir::service

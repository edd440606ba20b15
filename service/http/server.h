// HTTP for the network door, by libmicrohttpd: one thread, whose loop is the caller's. Here are connections, their
// limits and their times; what is asked and who may ask it are the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "service/http/event_log.h"
#include "service/http/request.h"
#include "service/http/routes.h"

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;

namespace weir::service::http {

// Why one: docs/http-door.md, "Limits".
struct ServerLimits {
    std::size_t connections = 512;    // one more closes the one that has waited longest without asking anything
    std::size_t of_one_address = 64;  // not of the machine's own
    std::size_t streams = 100;
    std::uint64_t first_request_ms = 10'000;  // until its header has come
    std::uint64_t idle_ms = 75'000;           // until the next one has
    std::uint64_t body_ms = 30'000;
    std::uint64_t reply_ms = 30'000;      // until it has been read
    std::size_t memory_bytes = 32 << 10;  // of a connection: the header, and a piece of the reply
    std::size_t stream_bytes = 256 << 10;
    std::size_t unread_bytes = 128 << 20;  // of answers; one more closes those that have waited longest for readers
};

// Since the process started, but for the first two.
struct ServerCounts {
    std::uint64_t connections = 0, streams = 0;  // now
    std::uint64_t requests = 0;
    std::map<std::uint32_t, std::uint64_t> responses{};  // by status
    std::uint64_t refused_connections = 0;               // too many, of all or of one address
    std::uint64_t closed_late = 0;                       // that were too slow
    std::uint64_t dropped_streams = 0;
};

// An answer that many get.
class SharedAnswer {
public:
    SharedAnswer() = default;
    explicit SharedAnswer(const Answer& answer);
    SharedAnswer(SharedAnswer&& other) noexcept
        : response_(std::exchange(other.response_, nullptr)), status_(other.status_) {}
    SharedAnswer& operator=(SharedAnswer&& other) noexcept {
        std::swap(response_, other.response_);
        std::swap(status_, other.status_);
        return *this;
    }
    ~SharedAnswer();
    explicit operator bool() const { return response_ != nullptr; }
    MHD_Response* response() const { return response_; }
    unsigned status() const { return status_; }

private:
    MHD_Response* response_ = nullptr;
    unsigned status_ = 200;
};

// What came, in full, to be answered once: at once or later.
struct Asked {
    std::uint64_t id = 0;
    Request request{};
    Found found{};
};

class Server {
public:
    // The refusal of a request whose header has come; nothing: its body is read.
    using Check = std::function<std::optional<Answer>(const Request&, const Found&)>;
    using Take = std::function<void(Asked)>;
    // Of a request that was handed out and is not answered: its client has closed the connection, or its side of it.
    // It is to be answered all the same.
    using Leave = std::function<void(std::uint64_t id)>;
    struct Listener {
        runtime::UniqueFd socket;
        Reach reach = Reach::kLoopback;
    };
    struct Tls {
        std::string certificate{}, key{};  // PEM; empty: none
    };

    Server(ServerLimits limits, Check check, Take take, Leave leave);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();
    // An error of TLS is the certificate's or the key's.
    Status listen(Listener listener, const Tls& tls);

    void add_descriptors(std::vector<int>& to) const;  // to be waited for; readable
    int timeout_ms(int most_ms) const;
    void run();           // what goes without waiting
    void close_late();    // who is too slow, and streams whose readers have left; to be called once a second
    void see_who_left();  // likewise, of those who wait for an answer

    void answer(std::uint64_t id, const SharedAnswer& answer);
    void answer(std::uint64_t id, const Answer& one);
    // Answers with events from now on.
    void stream(std::uint64_t id);
    void publish(std::string_view text);
    const ServerCounts& counts() const { return counts_; }

private:
    friend struct Callbacks;  // of libmicrohttpd
    enum class Phase : std::uint8_t { kFirstRequest, kIdle, kBody, kWork, kReply, kStream };
    struct Visit {  // a connection
        Server* server;
        int fd;
        std::string address;
        Reach reach;
        Phase phase = Phase::kFirstRequest;
        std::uint64_t since_ns = 0;
        bool is_closed = false;  // by us; libmicrohttpd is about to see it
        std::size_t unread_bytes = 0;
        std::list<Visit>::iterator self{};
    };
    struct Exchange {  // a request
        std::uint64_t id = 0;
        MHD_Connection* connection = nullptr;
        Visit* visit = nullptr;
        Request request{};
        Found found{};
        bool is_too_long = false;  // its body
        bool is_taken = false;     // in full, and handed out
        bool is_answered = false;
        bool is_suspended = false;
        bool is_stream = false;
        bool has_left = false;  // its client
    };
    struct Stream {
        Server* server = nullptr;
        MHD_Connection* connection = nullptr;
        int fd = -1;
        std::uint64_t at = 0;
        bool is_suspended = false;
        bool is_dropped = false;
        std::list<Stream>::iterator self{};
    };
    struct Listening {
        Server* server = nullptr;
        Reach reach = Reach::kLoopback;
        std::string certificate{}, key{};
        std::string problem{};  // that libmicrohttpd named last
        MHD_Daemon* daemon = nullptr;
    };

    bool may_come(const std::string& address, Reach reach);
    void came(int fd, std::string address, Reach reach, void** place);
    void left(Visit& visit);
    void enter(Visit& visit, Phase phase);
    void make_room();
    void make_room_for(std::size_t bytes);

    Exchange& begin(Visit& visit, MHD_Connection* connection, Request request);
    static void take_piece(Exchange& exchange, std::string_view piece);
    void take(Exchange& exchange);
    static void suspend(Exchange& exchange);
    void queue(Exchange& exchange, MHD_Response* response, unsigned status);
    void completed(Exchange& exchange);

    long read_stream(Stream& stream, char* to, std::size_t most);
    void end_stream(Stream& stream);

    ServerLimits limits_;
    Check check_;
    Take take_;
    Leave leave_;
    EventLog log_;
    ServerCounts counts_{};
    std::vector<std::unique_ptr<Listening>> listening_{};
    std::list<Visit> visits_{};  // since_ns rises
    std::size_t unread_bytes_ = 0;
    std::map<std::string, std::size_t> of_address_{};
    std::map<std::uint64_t, Exchange> exchanges_{};
    std::list<Stream> streams_{};
    std::uint64_t next_ = 1;
};

}  // namespace weir::service::http

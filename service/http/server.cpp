// Tested by tests/http/door_test.py with `"/healthz"`.
#include "service/http/server.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/kernel.h"
#include "service/http/callbacks.h"

namespace weir::service::http {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr const char* kTlsVersions = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

// Each reply has these, unless it has others of the name.
constexpr std::pair<const char*, const char*> kHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"X-Frame-Options", "DENY"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

void add_headers(MHD_Response* response, const Answer& answer) {
    MHD_add_response_header(response, "Content-Type", answer.type.c_str());
    for (const auto& [name, value] : answer.headers) MHD_add_response_header(response, name.c_str(), value.c_str());
    for (const auto& [name, value] : kHeaders)
        if (MHD_get_response_header(response, name) == nullptr) MHD_add_response_header(response, name, value);
}

// Whatever it sent before: over TLS, it says that it ends.
bool is_closed_by_client(int fd) {
    pollfd one{fd, POLLRDHUP, 0};
    return poll(&one, 1, 0) == 1;
}

}  // namespace

SharedAnswer::SharedAnswer(const Answer& answer) : status_(answer.status) {
    response_ = MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()),
                                                MHD_RESPMEM_MUST_COPY);
    if (response_ != nullptr) add_headers(response_, answer);
}

SharedAnswer::~SharedAnswer() {
    if (response_ != nullptr) MHD_destroy_response(response_);
}

Server::Server(ServerLimits limits, Check check, Take take, Leave leave)
    : limits_(limits),
      check_(std::move(check)),
      take_(std::move(take)),
      leave_(std::move(leave)),
      log_(limits.stream_bytes) {}

Server::~Server() {
    // Who waits is let go: a connection that is suspended cannot be ended.
    for (auto& [id, exchange] : exchanges_)
        if (std::exchange(exchange.is_suspended, false)) MHD_resume_connection(exchange.connection);
    for (Stream& stream : streams_) {
        stream.is_dropped = true;
        if (std::exchange(stream.is_suspended, false)) MHD_resume_connection(stream.connection);
    }
    for (const auto& one : listening_)
        if (one->daemon != nullptr) MHD_stop_daemon(one->daemon);
}

Status Server::listen(Listener listener, const Tls& tls) {
    auto one = std::make_unique<Listening>();
    one->server = this;
    one->reach = listener.reach;
    one->certificate = tls.certificate;
    one->key = tls.key;
    std::vector<MHD_OptionItem> options{
        {MHD_OPTION_LISTEN_SOCKET, listener.socket.get(), nullptr},
        {MHD_OPTION_CONNECTION_LIMIT, static_cast<intptr_t>(2 * limits_.connections), nullptr},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<intptr_t>(limits_.memory_bytes), nullptr},
        {MHD_OPTION_CONNECTION_TIMEOUT, static_cast<intptr_t>(limits_.idle_ms / 1000), nullptr},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
        {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<intptr_t>(&Callbacks::completed), this},
        {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<intptr_t>(&Callbacks::connection), one.get()},
        {MHD_OPTION_UNESCAPE_CALLBACK, reinterpret_cast<intptr_t>(&Callbacks::unescape), nullptr},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, nullptr},
    };
    if (!tls.certificate.empty()) {
        options.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, one->certificate.data()});
        options.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, one->key.data()});
        options.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsVersions)});
    }
    options.push_back({MHD_OPTION_END, 0, nullptr});
    const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                           (tls.certificate.empty() ? 0u : unsigned{MHD_USE_TLS});
    // The logger comes first: it hears what is wrong with the others.
    one->daemon = MHD_start_daemon(flags, 0, &Callbacks::may_come, one.get(), &Callbacks::request, one.get(),
                                   MHD_OPTION_EXTERNAL_LOGGER, &Callbacks::log, &one->problem, MHD_OPTION_ARRAY,
                                   options.data(), MHD_OPTION_END);
    if (one->daemon == nullptr) {
        while (one->problem.ends_with('\n')) one->problem.pop_back();
        return Error{"HTTP cannot be served: " + one->problem,
                     tls.certificate.empty() ? "" : "are certificate and key PEM files that belong together?", 0};
    }
    static_cast<void>(listener.socket.release());  // libmicrohttpd closes it
    listening_.push_back(std::move(one));
    return Done{};
}

void Server::add_descriptors(std::vector<int>& to) const {
    for (const auto& one : listening_)
        to.push_back(MHD_get_daemon_info(one->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
}

int Server::timeout_ms(int most_ms) const {
    auto least = static_cast<unsigned long long>(most_ms);
    for (const auto& one : listening_) {
        unsigned long long ms = 0;
        if (MHD_get_timeout(one->daemon, &ms) == MHD_YES) least = std::min(least, ms);
    }
    return static_cast<int>(least);
}

void Server::run() {
    for (const auto& one : listening_) MHD_run(one->daemon);
}

// ---- connections ----

void Server::enter(Visit& visit, Phase phase) {
    visit.phase = phase;
    visit.since_ns = runtime::monotonic_ns();
    visits_.splice(visits_.end(), visits_, visit.self);
}

// The one that has waited longest while nobody works for it. It stays here until libmicrohttpd sees that it is closed.
void Server::make_room() {
    const auto waits = [](const Visit& visit) {
        return !visit.is_closed && visit.phase != Phase::kWork && visit.phase != Phase::kStream;
    };
    const auto oldest = std::find_if(visits_.begin(), visits_.end(), waits);
    if (oldest == visits_.end()) return;
    ++counts_.refused_connections;
    oldest->is_closed = true;
    shutdown(oldest->fd, SHUT_RDWR);
}

// For an answer: those that nobody reads would fill the memory.
void Server::make_room_for(std::size_t bytes) {
    for (Visit& visit : visits_) {
        if (unread_bytes_ + bytes <= limits_.unread_bytes) return;
        if (visit.phase != Phase::kReply || visit.unread_bytes == 0) continue;
        unread_bytes_ -= std::exchange(visit.unread_bytes, 0);
        if (std::exchange(visit.is_closed, true)) continue;
        ++counts_.closed_late;
        shutdown(visit.fd, SHUT_RDWR);
    }
}

bool Server::may_come(const std::string& address, Reach reach) {
    if (reach != Reach::kPublic) return true;
    const auto found = of_address_.find(address);
    if (found == of_address_.end() || found->second < limits_.of_one_address) return true;
    ++counts_.refused_connections;
    return false;
}

void Server::came(int fd, std::string address, Reach reach, void** place) {
    if (counts_.connections >= limits_.connections) make_room();
    ++counts_.connections;
    Visit& visit = visits_.emplace_back(Visit{this, fd, std::move(address), reach});
    visit.self = std::prev(visits_.end());
    visit.since_ns = runtime::monotonic_ns();
    ++of_address_[visit.address];
    *place = &visit;
}

void Server::left(Visit& visit) {
    --counts_.connections;
    const auto found = of_address_.find(visit.address);
    if (found != of_address_.end() && --found->second == 0) of_address_.erase(found);
    visits_.erase(visit.self);
}

void Server::close_late() {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    for (Visit& visit : visits_) {
        const std::uint64_t most_ms = visit.phase == Phase::kFirstRequest ? limits_.first_request_ms
                                      : visit.phase == Phase::kIdle       ? limits_.idle_ms
                                      : visit.phase == Phase::kBody       ? limits_.body_ms
                                      : visit.phase == Phase::kReply      ? limits_.reply_ms
                                                                          : 0;  // it waits for us
        if (most_ms == 0 || visit.is_closed || now_ns - visit.since_ns < most_ms * kMillisecond_ns) continue;
        visit.is_closed = true;
        if (visit.phase != Phase::kIdle) ++counts_.closed_late;
        shutdown(visit.fd, SHUT_RDWR);
    }
    // While it has nothing to send, libmicrohttpd does not see that its reader has left.
    for (Stream& stream : streams_) {
        if (!stream.is_suspended || !is_closed_by_client(stream.fd)) continue;
        stream.is_dropped = true;
        stream.is_suspended = false;
        MHD_resume_connection(stream.connection);
    }
}

// Nor does it of a connection that is suspended.
void Server::see_who_left() {
    for (auto& [id, exchange] : exchanges_) {
        if (!exchange.is_suspended || exchange.has_left || !is_closed_by_client(exchange.visit->fd)) continue;
        exchange.has_left = true;
        leave_(id);
    }
}

// ---- requests ----

Server::Exchange& Server::begin(Visit& visit, MHD_Connection* connection, Request request) {
    Exchange& exchange = exchanges_[next_];
    exchange.id = next_++;
    exchange.connection = connection;
    exchange.visit = &visit;
    exchange.request = std::move(request);
    exchange.found = find_route(exchange.request.method, exchange.request.path);
    ++counts_.requests;
    enter(visit, Phase::kBody);
    return exchange;
}

void Server::take_piece(Exchange& exchange, std::string_view piece) {
    if (exchange.is_too_long) return;  // read, and dropped
    exchange.request.body += piece;
    exchange.is_too_long = exchange.request.body.size() > exchange.found.route->body_bytes;
    if (exchange.is_too_long) exchange.request.body = {};
}

void Server::take(Exchange& exchange) {
    exchange.is_taken = true;
    enter(*exchange.visit, Phase::kWork);
    if (exchange.is_too_long) return answer(exchange.id, refusal(413, "the body is too long"));
    take_({exchange.id, std::move(exchange.request), exchange.found});
}

void Server::suspend(Exchange& exchange) {
    exchange.is_suspended = true;
    MHD_suspend_connection(exchange.connection);
}

void Server::completed(Exchange& exchange) {
    unread_bytes_ -= std::exchange(exchange.visit->unread_bytes, 0);
    if (!exchange.is_stream) enter(*exchange.visit, Phase::kIdle);
    exchanges_.erase(exchange.id);
}

// libmicrohttpd takes the answer to a request that is suspended, too, and sends it once that goes on.
void Server::queue(Exchange& exchange, MHD_Response* response, unsigned status) {
    ++counts_.responses[status];
    exchange.is_answered = true;
    enter(*exchange.visit, exchange.is_stream ? Phase::kStream : Phase::kReply);
    MHD_queue_response(exchange.connection, status, response);
    if (std::exchange(exchange.is_suspended, false)) MHD_resume_connection(exchange.connection);
}

void Server::answer(std::uint64_t id, const SharedAnswer& answer) {
    const auto found = exchanges_.find(id);
    if (found != exchanges_.end() && answer) queue(found->second, answer.response(), answer.status());
}

void Server::answer(std::uint64_t id, const Answer& one) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    make_room_for(one.body.size());
    found->second.visit->unread_bytes = one.body.size();
    unread_bytes_ += one.body.size();
    answer(id, SharedAnswer(one));
}

// ---- streams ----

void Server::stream(std::uint64_t id) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    if (counts_.streams >= limits_.streams)
        return answer(id, refusal(503, "too many streams of events are open", "close one, and ask again"));
    Exchange& exchange = found->second;
    streams_.push_back({this, exchange.connection, exchange.visit->fd, log_.end()});
    streams_.back().self = std::prev(streams_.end());
    ++counts_.streams;
    constexpr std::size_t kBlockBytes = 16 << 10;
    MHD_Response* response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlockBytes, &Callbacks::read_stream,
                                                               &streams_.back(), &Callbacks::end_stream);
    Answer head;
    head.type = "text/event-stream";
    head.headers.emplace_back("X-Accel-Buffering", "no");  // nginx passes each event on at once
    add_headers(response, head);
    exchange.is_stream = true;
    queue(exchange, response, head.status);
    MHD_destroy_response(response);
}

void Server::publish(std::string_view text) {
    log_.append(text);
    for (Stream& stream : streams_) {
        if (!stream.is_dropped && log_.is_behind(stream.at)) {
            stream.is_dropped = true;
            ++counts_.dropped_streams;
            if (!stream.is_suspended) shutdown(stream.fd, SHUT_RDWR);  // it waits for its reader
        }
        if (std::exchange(stream.is_suspended, false)) MHD_resume_connection(stream.connection);
    }
}

long Server::read_stream(Stream& stream, char* to, std::size_t most) {
    if (stream.is_dropped) return MHD_CONTENT_READER_END_WITH_ERROR;
    const std::string_view there = log_.from(stream.at);
    if (there.empty()) {
        stream.is_suspended = true;
        MHD_suspend_connection(stream.connection);
        return 0;
    }
    const std::size_t size = std::min(most, there.size());
    std::memcpy(to, there.data(), size);
    stream.at += size;
    return static_cast<long>(size);
}

void Server::end_stream(Stream& stream) {
    --counts_.streams;
    streams_.erase(stream.self);
}

}  // namespace weir::service::http

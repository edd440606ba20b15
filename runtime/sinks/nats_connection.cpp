// Tested by tests/unit/sinks/nats_test.cpp with `nats:`.
#include "runtime/sinks/nats_connection.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/kernel.h"
#include "runtime/sinks/nats_key.h"
#include "runtime/sinks/peer_secrets.h"

namespace weir::runtime {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::size_t kRead = 64 << 10;
constexpr std::size_t kMaxLine = 64 << 10;  // INFO of a large cluster has some KB
constexpr std::size_t kMaxOwed = 4 << 20;   // a server that does not read gets no more answers to its PINGs

Error gone(const std::string& why) { return {why, {}, ENOTCONN}; }

std::size_t number(std::string_view text) {
    std::size_t value = std::string::npos;  // what is none is too large
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> all;
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
        if (end != at) all.push_back(line.substr(at, end - at));
        at = end + 1;
    }
    return all;
}

std::string tls_error() {
    const unsigned long code = ERR_get_error();
    char text[256] = {};
    ERR_error_string_n(code, text, sizeof(text));
    ERR_clear_error();
    return code == 0 ? "TLS: the server ended the connection" : text;
}

}  // namespace

NatsServer nats_server(const std::string& url) {
    NatsServer server;
    server.is_tls = url.starts_with("tls://");
    const std::size_t scheme = url.find("://");
    std::string rest = scheme == std::string::npos ? url : url.substr(scheme + 3);
    if (const std::size_t at = rest.rfind('@'); at != std::string::npos) {
        const std::string who = rest.substr(0, at);
        const std::size_t colon = who.find(':');
        (colon == std::string::npos ? server.token : server.user) = who.substr(0, colon);
        if (colon != std::string::npos) server.password = who.substr(colon + 1);
        rest.erase(0, at + 1);
    }
    server.shown = (server.is_tls ? "tls://" : "nats://") + rest;
    rest.resize(std::min(rest.find('/'), rest.size()));
    const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : std::string::npos;
    const std::size_t colon = rest.find(':', bracket == std::string::npos ? 0 : bracket);
    server.host = bracket == std::string::npos ? rest.substr(0, colon) : rest.substr(1, bracket - 1);
    server.port = colon == std::string::npos ? "4222" : rest.substr(colon + 1);
    return server;
}

NatsConnection::NatsConnection(NatsServer server, std::size_t max_message_bytes)
    : server_(std::move(server)), max_message_(max_message_bytes) {}

void NatsConnection::close() {
    session_.reset();
    socket_ = {};
    in_.clear();
    out_.clear();
    sent_ = 0;
    error_.clear();
}

Status NatsConnection::wait_for(short events, std::uint64_t until_ns, int wake_fd) const {
    const std::uint64_t now_ns = monotonic_ns();
    pollfd ready[] = {{socket_.get(), events, 0}, {wake_fd, POLLIN, 0}};
    const int wait_ms = now_ns >= until_ns ? 0 : static_cast<int>((until_ns - now_ns) / kMillisecond_ns + 1);
    poll(ready, std::size(ready), wait_ms);
    if (ready[0].revents != 0) return Done{};
    return gone(ready[1].revents != 0 ? "not connected: the engine ends" : "the server does not answer");
}

// One that takes too long is waited for at the next attempt.
Status NatsConnection::resolve(std::uint64_t until_ns) {
    if (!lookup_) lookup_ = std::make_unique<Lookup>(server_.host, server_.port, SOCK_STREAM);
    const std::uint64_t now_ns = monotonic_ns();
    const int most_ms = now_ns >= until_ns ? 0 : static_cast<int>((until_ns - now_ns) / kMillisecond_ns + 1);
    const Lookup::State state = lookup_->wait(most_ms);
    if (state == Lookup::State::kFound) return Done{};
    if (state == Lookup::State::kUnderWay) return gone("looking up " + server_.host + " takes long");
    const std::string problem = lookup_->error();
    lookup_.reset();
    return gone("looking up " + server_.host + ": " + problem);
}

Status NatsConnection::open_socket(std::uint64_t until_ns, int wake_fd) {
    if (Status found = resolve(until_ns); !found) return found;
    const std::unique_ptr<Lookup> found = std::move(lookup_);
    Error last = gone("no address of " + server_.host);
    std::vector<const addrinfo*> addresses;
    for (const addrinfo* one = found->found(); one != nullptr; one = one->ai_next) addresses.push_back(one);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const addrinfo* one = addresses[(first_address_ + i) % addresses.size()];
        socket_ = UniqueFd(socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        int problem = 0;
        if (!socket_ || (::connect(socket_.get(), one->ai_addr, one->ai_addrlen) != 0 && errno != EINPROGRESS)) {
            last = kernel_error(errno, "connecting");
            continue;
        }
        Status connected = wait_for(POLLOUT, until_ns, wake_fd);
        if (!connected) return connected;
        socklen_t length = sizeof(problem);
        getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &length);
        if (problem == 0) return Done{};
        last = kernel_error(problem, "connecting");
    }
    return last;
}

Status NatsConnection::start_tls(std::uint64_t until_ns, int wake_fd) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    const std::string file = certificate_authorities(server_.authorities);
    if (!context_ || SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_load_verify_locations(context_.get(), file.c_str(), nullptr) != 1)
        return gone(file + ": " + tls_error());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    session_.reset(SSL_new(context_.get()));
    if (!session_ || SSL_set_fd(session_.get(), socket_.get()) != 1) return gone(tls_error());
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), server_.host.c_str()) == 1;
    if (!is_address && (SSL_set1_host(session_.get(), server_.host.c_str()) != 1 ||
                        SSL_set_tlsext_host_name(session_.get(), server_.host.c_str()) != 1))
        return gone(tls_error());
    for (;;) {
        ERR_clear_error();
        const int done = SSL_connect(session_.get());
        if (done == 1) return Done{};
        const int why = SSL_get_error(session_.get(), done);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            const long verified = SSL_get_verify_result(session_.get());
            return gone(verified == X509_V_OK ? tls_error()
                                              : std::string("TLS: ") + X509_verify_cert_error_string(verified));
        }
        if (Status ready = wait_for(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_ns, wake_fd); !ready)
            return ready;
    }
}

NatsConnection::Moved NatsConnection::read_some() {
    const std::size_t size = in_.size();
    in_.resize(size + kRead);
    std::size_t got = 0;
    bool may_come = true;
    if (session_) {
        ERR_clear_error();
        const int done = SSL_read_ex(session_.get(), in_.data() + size, kRead, &got);
        may_come = done == 1 || SSL_get_error(session_.get(), done) == SSL_ERROR_WANT_READ;
    } else {
        const ssize_t done = recv(socket_.get(), in_.data() + size, kRead, 0);
        may_come = done > 0 || (done < 0 && (errno == EAGAIN || errno == EINTR));
        got = done > 0 ? static_cast<std::size_t>(done) : 0;
    }
    in_.resize(size + got);
    return got != 0 ? Moved::kSome : may_come ? Moved::kNone : Moved::kClosed;
}

NatsConnection::Moved NatsConnection::write_some() {
    constexpr std::size_t kErase = 8 << 20;  // a message may have 64 MB: what is left of it is not moved each time
    if (unsent() == 0) return Moved::kNone;
    std::size_t sent = 0;
    bool may_go = true;
    if (session_) {
        ERR_clear_error();
        const int done = SSL_write_ex(session_.get(), out_.data() + sent_, unsent(), &sent);
        const int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(session_.get(), done);
        may_go = done == 1 || why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ;
    } else {
        const ssize_t done = send(socket_.get(), out_.data() + sent_, unsent(), MSG_NOSIGNAL);
        may_go = done >= 0 || errno == EAGAIN || errno == EINTR;
        sent = done > 0 ? static_cast<std::size_t>(done) : 0;
    }
    sent_ += sent;
    if (unsent() == 0 || sent_ >= kErase) out_.erase(0, std::exchange(sent_, 0));
    return sent != 0 ? Moved::kSome : may_go ? Moved::kNone : Moved::kClosed;
}

// ---- what the server says ----

bool NatsConnection::take_facts(std::string_view line) {
    const json facts = json::parse(line.substr(5), nullptr, false);
    if (!facts.is_object()) return false;
    const auto most = facts.find("max_payload");
    if (most != facts.end() && most->is_number_unsigned()) max_payload_ = most->get<std::size_t>();
    wants_tls_ = facts.value("tls_required", json()) == true;
    has_tls_ = wants_tls_ || facts.value("tls_available", json()) == true;
    const auto nonce = facts.find("nonce");
    nonce_ = nonce != facts.end() && nonce->is_string() ? nonce->get<std::string>() : "";
    return true;
}

// The bytes of a message, without its line; nothing while it is not all there; npos: it is none.
std::optional<std::size_t> NatsConnection::take_message(std::string_view line, std::string_view rest,
                                                        const Take& take) const {
    const bool has_header = line.starts_with("HMSG");
    const auto parts = words(line);  // MSG subject sid [reply] [header bytes] bytes
    if (parts.size() < (has_header ? 5u : 4u)) return std::string::npos;
    const std::size_t bytes = number(parts.back());
    const std::size_t header = has_header ? number(parts[parts.size() - 2]) : 0;
    if (bytes > max_message_ || header > bytes) return std::string::npos;
    if (rest.size() < bytes + 2) return std::nullopt;
    const std::string_view whole = rest.substr(0, bytes);
    const bool has_reply = parts.size() > (has_header ? 5u : 4u);
    Received received{parts[1],
                      {},
                      whole.substr(header),
                      has_reply ? parts[3] : std::string_view(),
                      static_cast<std::uint32_t>(number(parts[2])),
                      whole.substr(0, header)};
    constexpr std::string_view kVersion = "NATS/1.0 ";
    if (whole.substr(0, header).starts_with(kVersion)) received.status = whole.substr(kVersion.size(), 3);
    take(received);
    return bytes + 2;
}

// The bytes of whatever is at the beginning of `text`; 0 and npos likewise.
std::size_t NatsConnection::take_one(std::string_view text, const Take& take) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string::npos) return text.size() > kMaxLine ? std::string::npos : 0;
    const std::string_view line = text.substr(0, end);
    if (line.starts_with("MSG ") || line.starts_with("HMSG ")) {
        const auto taken = take_message(line, text.substr(end + 2), take);
        return !taken ? 0 : *taken == std::string::npos ? *taken : end + 2 + *taken;
    }
    if (line.starts_with("INFO ")) return take_facts(line) ? end + 2 : std::string::npos;
    const bool is_error = line.starts_with("-ERR");
    if (line == "PING" && unsent() < kMaxOwed) out_ += "PONG\r\n";
    if (is_error) error_ = std::string(line.substr(std::min(line.size(), std::size_t{5})));
    return is_error || line == "PING" || line == "PONG" || line == "+OK" ? end + 2 : std::string::npos;
}

// False where the server does not speak the protocol.
bool NatsConnection::take_all(const Take& take) {
    std::size_t at = 0, taken = 0;
    do {
        taken = take_one(std::string_view(in_).substr(at), take);
        if (taken == std::string::npos) return false;
        at += taken;
    } while (taken != 0);
    in_.erase(0, at);
    return true;
}

// Waits for a line that begins with `word`, and leaves it in in_.
Status NatsConnection::expect(std::string_view word, std::uint64_t until_ns, int wake_fd) {
    for (;;) {
        for (std::size_t end; (end = in_.find("\r\n")) != std::string::npos;) {
            const std::string_view line = std::string_view(in_).substr(0, end);
            if (line.starts_with(word)) return Done{};
            if (line.starts_with("-ERR")) return gone("the server says " + std::string(line.substr(4)));
            if (line != "+OK" && line != "PING" && !line.starts_with("INFO ")) return gone("this is no NATS server");
            in_.erase(0, end + 2);
        }
        if (in_.size() > kMaxLine) return gone("this is no NATS server");
        switch (write_some() == Moved::kClosed ? Moved::kClosed : read_some()) {
            case Moved::kClosed: return gone("the server closed the connection");
            case Moved::kSome: continue;
            case Moved::kNone: break;
        }
        const short events = static_cast<short>(unsent() == 0 ? POLLIN : POLLIN | POLLOUT);
        if (Status ready = wait_for(events, until_ns, wake_fd); !ready) return ready;
    }
}

Result<std::string> NatsConnection::login() const {
    json facts = {{"verbose", false}, {"pedantic", false}, {"tls_required", server_.is_tls},
                  {"name", "weir"},   {"lang", "c++"},     {"version", "1"},
                  {"protocol", 1},    {"headers", true},   {"no_responders", true}};
    if (!server_.user.empty()) facts["user"] = server_.user, facts["pass"] = server_.password;
    if (!server_.token.empty()) facts["auth_token"] = server_.token;
    if (!server_.seed.empty()) {
        const auto signature = nkey_signature(server_.seed, nonce_);
        if (!signature) return signature.error();
        facts["jwt"] = server_.jwt;
        facts["sig"] = *signature;
    }
    return "CONNECT " + facts.dump(-1, ' ', true, json::error_handler_t::replace) + "\r\nPING\r\n";
}

Status NatsConnection::connect(std::uint64_t within_ms, int wake_fd) {
    close();
    const std::uint64_t until_ns = monotonic_ns() + within_ms * kMillisecond_ns;
    const auto steps = [&]() -> Status {
        if (Status opened = open_socket(until_ns, wake_fd); !opened) return opened;
        if (Status greeted = expect("INFO ", until_ns, wake_fd); !greeted) return greeted;
        const std::size_t end = in_.find("\r\n");
        if (!take_facts(std::string_view(in_).substr(0, end))) return gone("this is no NATS server");
        if (wants_tls_ && !server_.is_tls) return gone("the server wants TLS: write tls:// in place of nats://");
        if (server_.is_tls && !has_tls_) return gone("the server has no TLS");
        in_.erase(0, end + 2);
        if (server_.is_tls) {
            in_.clear();  // whatever came in clear text
            if (Status secured = start_tls(until_ns, wake_fd); !secured) return secured;
        }
        auto words = login();
        if (!words) return words.error();
        out_ = std::move(*words);
        sent_ = 0;
        if (Status known = expect("PONG", until_ns, wake_fd); !known) return known;
        in_.erase(0, in_.find("\r\n") + 2);
        return Done{};
    };
    Status connected = steps();
    if (connected) return connected;
    close();
    ++first_address_;
    return connected;
}

std::uint32_t NatsConnection::subscribe(std::string_view subject) {
    out_ += fmt::format("SUB {} {}\r\n", subject, next_subscription_);
    return next_subscription_++;
}

void NatsConnection::unsubscribe(std::uint32_t subscription) { out_ += fmt::format("UNSUB {}\r\n", subscription); }

void NatsConnection::publish(std::string_view subject, std::string_view reply, std::string_view headers,
                             std::string_view payload) {
    constexpr std::string_view kBegin = "NATS/1.0\r\n", kEnd = "\r\n";
    auto out = std::back_inserter(out_);
    if (headers.empty()) {
        fmt::format_to(out, "PUB {} {} {}\r\n{}\r\n", subject, reply, payload.size(), payload);
        return;
    }
    const std::size_t header = kBegin.size() + headers.size() + kEnd.size();
    fmt::format_to(out, "HPUB {} {} {} {}\r\n{}{}{}{}\r\n", subject, reply, header, header + payload.size(), kBegin,
                   headers, kEnd, payload);
}

void NatsConnection::publish_once(std::string_view subject, std::string_view reply, std::string_view message_id,
                                  std::string_view payload) {
    publish(subject, reply, fmt::format("Nats-Msg-Id: {}\r\n", message_id), payload);
}

Status NatsConnection::exchange(std::uint64_t wait_ms, int wake_fd, const Take& take) {
    const std::uint64_t until_ns = monotonic_ns() + wait_ms * kMillisecond_ns;
    for (bool has_waited = false;;) {
        const Moved written = write_some(), read = read_some();
        if (!take_all(take)) return gone("the server does not speak the protocol of NATS");
        if (!error_.empty()) return gone("the server says " + error_);
        if (written == Moved::kClosed || read == Moved::kClosed) return gone("the server closed the connection");
        if (read == Moved::kSome || has_waited) return Done{};
        if (written == Moved::kSome && unsent() != 0) continue;
        static_cast<void>(wait_for(static_cast<short>(unsent() == 0 ? POLLIN : POLLIN | POLLOUT), until_ns, wake_fd));
        has_waited = monotonic_ns() >= until_ns || wait_ms == 0;
        if (wake_fd >= 0 && !has_waited) {
            pollfd ready{wake_fd, POLLIN, 0};
            has_waited = poll(&ready, 1, 0) == 1;
        }
    }
}

}  // namespace weir::runtime

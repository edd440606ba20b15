#include "tests/unit/service/scripted_nats.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <catch2/catch.hpp>

namespace weir::tests {

using Lock = std::lock_guard<std::mutex>;

ScriptedNats::ScriptedNats()
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), wake_(eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(listener_.get(), 8) == 0);
    REQUIRE(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

ScriptedNats::~ScriptedNats() {
    {
        const Lock lock(mutex_);
        is_ended_ = true;
    }
    eventfd_write(wake_.get(), 1);
    thread_.join();
}

std::string ScriptedNats::url() const { return fmt::format("nats://127.0.0.1:{}/policies/edge", port_); }

void ScriptedNats::put(std::uint64_t revision, const std::string& value) {
    const Lock lock(mutex_);
    last_ = Last{revision, value};
    deliver();
}
void ScriptedNats::remove(std::uint64_t revision) {
    const Lock lock(mutex_);
    last_ = Last{revision, {}, true};
    deliver();
}
void ScriptedNats::disconnect() {
    const Lock lock(mutex_);
    if (client_) shutdown(client_.get(), SHUT_RDWR);
}
void ScriptedNats::answer(Statuses how) {
    const Lock lock(mutex_);
    how_ = how;
}
void ScriptedNats::ping() {
    const Lock lock(mutex_);
    send("PING\r\n");
}
std::size_t ScriptedNats::answered() const {
    const Lock lock(mutex_);
    return answered_;
}
std::vector<nlohmann::json> ScriptedNats::statuses() const {
    const Lock lock(mutex_);
    return statuses_;
}
std::size_t ScriptedNats::connections() const {
    const Lock lock(mutex_);
    return connections_;
}

// ---- the thread ----

void ScriptedNats::serve() {
    for (;;) {
        int client = -1;
        {
            const Lock lock(mutex_);
            if (is_ended_) return;
            client = client_.get();
        }
        pollfd ready[] = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}, {client, POLLIN, 0}};
        poll(ready, std::size(ready), -1);
        const Lock lock(mutex_);
        if (ready[2].revents != 0 && !read_some()) client_ = {};
        if (ready[1].revents != 0) accept_one();
    }
}

void ScriptedNats::accept_one() {
    client_ = runtime::UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ++connections_;
    in_.clear();
    watch_.clear();
    subscriptions_.clear();
    send("INFO {\"max_payload\":8388608,\"headers\":true}\r\n");
}

bool ScriptedNats::read_some() {
    char buffer[64 << 10];
    const ssize_t got = recv(client_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got <= 0) return false;
    in_.append(buffer, static_cast<std::size_t>(got));
    while (const std::size_t taken = take_one()) in_.erase(0, taken);
    return true;
}

std::size_t ScriptedNats::take_one() {
    const std::size_t end = in_.find("\r\n");
    if (end == std::string::npos) return 0;
    std::istringstream line(in_.substr(0, end));
    std::vector<std::string> words{std::istream_iterator<std::string>(line), {}};
    if (words.empty()) return end + 2;
    if (words[0] == "PING") send("PONG\r\n");
    if (words[0] == "PONG") ++answered_;
    if (words[0] == "SUB" && words.size() == 3) subscriptions_[words[1]] = words[2];
    if (words[0] != "PUB" || words.size() < 3) return end + 2;
    const std::size_t size = std::stoul(words.back());
    if (in_.size() < end + 2 + size + 2) return 0;
    take_published(words[1], words.size() == 4 ? words[2] : "", in_.substr(end + 2, size));
    return end + 2 + size + 2;
}

void ScriptedNats::take_published(const std::string& subject, const std::string& reply, const std::string& payload) {
    if (subject.starts_with("$JS.API.CONSUMER.CREATE.")) {
        watch_ = nlohmann::json::parse(payload)["config"]["deliver_subject"];
        send_message(reply, {}, {}, R"({"stream_name":"KV_policies"})");
        if (last_) deliver();
    }
    if (!subject.starts_with("$KV.policies-status.")) return;
    statuses_.push_back(nlohmann::json::parse(payload));
    if (how_ == Statuses::kAcknowledged) send_message(reply, {}, {}, R"({"stream":"KV_policies-status","seq":1})");
}

void ScriptedNats::send(const std::string& text) {
    if (client_) static_cast<void>(::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL));
}

// To the subscription of that subject, or of all below its inbox.
void ScriptedNats::send_message(const std::string& subject, const std::string& reply, const std::string& headers,
                                const std::string& payload) {
    auto found = subscriptions_.find(subject);
    if (found == subscriptions_.end()) found = subscriptions_.find(subject.substr(0, subject.rfind('.')) + ".*");
    if (found == subscriptions_.end()) return;
    const std::string to = fmt::format("{} {} {}", subject, found->second, reply);
    if (headers.empty()) return send(fmt::format("MSG {} {}\r\n{}\r\n", to, payload.size(), payload));
    const std::string whole = "NATS/1.0\r\n" + headers + "\r\n";
    send(fmt::format("HMSG {} {} {}\r\n{}{}\r\n", to, whole.size(), whole.size() + payload.size(), whole, payload));
}

void ScriptedNats::deliver() {
    if (watch_.empty()) return;
    send_message(watch_, fmt::format("$JS.ACK.KV_policies.c.1.{}.1.1764400000000000000.0", last_->revision),
                 last_->is_removed ? "KV-Operation: DEL\r\n" : "", last_->value);
}

}  // namespace weir::tests

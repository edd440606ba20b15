// A server of NATS with one bucket, which does what a test says: it keeps answers back, sends what it likes, and closes
// connections. One client at a time.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/handles.h"

namespace weir::tests {

class ScriptedNats {
public:
    ScriptedNats();
    ~ScriptedNats();
    ScriptedNats(const ScriptedNats&) = delete;
    ScriptedNats& operator=(const ScriptedNats&) = delete;

    std::string url() const;  // of key `edge` of bucket `policies`

    // Lies in the bucket from now on, and is sent to who watches it.
    void put(std::uint64_t revision, const std::string& value);
    void remove(std::uint64_t revision);
    void disconnect();
    enum class Statuses : std::uint8_t { kAcknowledged, kLeft };
    void answer(Statuses how);
    // Everything that was sent before has been read by the client once `answered()` has grown.
    void ping();
    std::size_t answered() const;

    std::vector<nlohmann::json> statuses() const;  // as they came
    std::size_t connections() const;

private:
    struct Last {
        std::uint64_t revision = 0;
        std::string value{};
        bool is_removed = false;
    };
    void serve();
    void accept_one();
    bool read_some();
    std::size_t take_one();
    void take_published(const std::string& subject, const std::string& reply, const std::string& payload);
    void send(const std::string& text);
    void send_message(const std::string& subject, const std::string& reply, const std::string& headers,
                      const std::string& payload);
    void deliver();

    mutable std::mutex mutex_{};
    runtime::UniqueFd listener_{}, client_{}, wake_{};
    std::uint16_t port_ = 0;
    bool is_ended_ = false;
    Statuses how_ = Statuses::kAcknowledged;
    std::string in_{}, watch_{};
    std::map<std::string, std::string> subscriptions_{};  // number by subject
    std::optional<Last> last_{};
    std::vector<nlohmann::json> statuses_{};
    std::size_t connections_ = 0, answered_ = 0;
    std::thread thread_{};
};

}  // namespace weir::tests

// What the tests of sinks with peers share: events that wait, and deliveries until they are settled.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/sinks/sink.h"

namespace weir::tests {

inline std::vector<runtime::SpooledLine> lines(std::size_t count, const std::string& prefix = "0123456789abcdef-") {
    std::vector<runtime::SpooledLine> all;
    for (std::size_t i = 0; i < count; ++i) {
        std::string number = std::to_string(i);
        number.insert(0, 14 - number.size(), '0');
        all.push_back({prefix + number, "{\"event\":" + std::to_string(i) + "}"});
    }
    return all;
}

// By reason; "" of those that were delivered.
inline std::map<std::string, std::size_t> outcomes(const runtime::Batch& batch) {
    std::map<std::string, std::size_t> counts;
    for (const char* outcome : batch.outcomes()) ++counts[outcome == nullptr ? "" : outcome];
    return counts;
}

// As a worker does, but impatient. False where `most` passed before.
inline bool deliver_until(runtime::Sink& sink, runtime::Batch& batch, const std::function<bool()>& is_done,
                          std::chrono::seconds most = std::chrono::seconds(120)) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!is_done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        sink.deliver(batch);
        if (!is_done()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}
inline bool deliver_all(runtime::Sink& sink, runtime::Batch& batch) {
    return deliver_until(sink, batch, [&] { return batch.size() == 0; });
}

// Listens on the loopback, says the same to whoever connects, and then never a word.
class DullServer {
public:
    explicit DullServer(std::string greeting = {});
    ~DullServer();
    std::uint16_t port() const { return port_; }

private:
    void serve();

    std::string greeting_;
    std::uint16_t port_ = 0;  // before socket_, whose making sets it
    int socket_ = -1;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;  // last: it uses all of the above
};

// `path` has this text, in this process alone, which was forked for it. False where that failed.
bool replace_file(const char* path, const std::string& text);

// One that nobody uses now.
std::uint16_t free_port();

}  // namespace weir::tests

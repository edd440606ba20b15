// A sink that does what a test says, and a wait for what its worker did.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/sinks/sink.h"

namespace weir::runtime {

class ScriptedSink : public Sink {
public:
    using Deliver = std::function<void(Batch&)>;
    explicit ScriptedSink(Deliver deliver, std::string state = "ok")
        : deliver_(std::move(deliver)), state_(std::move(state)) {}
    void deliver(Batch& batch) override { deliver_(batch); }
    std::string state() const override { return state_; }
    std::size_t batch_size() const override { return 4; }

private:
    Deliver deliver_;
    std::string state_;
};

// Until it holds; a machine may take a minute.
inline bool in_time(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace weir::runtime

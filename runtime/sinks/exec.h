// Runs a program for each event.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/sinks/exec_broker.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// The arguments of a program for an event, or why it is not run for it, as a reason for Batch::lost(). Each argument is
// one word of its argument vector, whatever is in it; no byte of it is a control character. A value that begins with
// `-` would be an option for many programs, and one that the packet does not have is written so.
struct ExecArguments {
    std::vector<std::string> words{};
    const char* refused = nullptr;
};
ExecArguments exec_arguments(const std::vector<std::vector<bpf::MessagePart>>& written, const PackedEvent& event);

// Delivered: the program ended with status 0. No event is tried twice: what a program has begun nobody can take back.
class ExecSink : public Sink {
public:
    // `broker`: null where --allow-exec was not given. It outlives the sink.
    ExecSink(ExecTerms terms, std::vector<std::vector<bpf::MessagePart>> arguments, const ExecBroker* broker);

    void deliver(Batch& batch) override;
    void prepare() override;
    std::string state() const override { return state_; }
    std::size_t batch_size() const override { return 4 * kMaxAtOnce; }

private:
    struct Began {
        std::string id;
        std::optional<ExecAnswer> answer{};
        const char* refused = nullptr;
    };
    bool open_session();
    void begin(const PackedEvent& event, std::string_view id);
    void take_answers();
    void settle(Batch& batch);
    void forget_session();
    void forget_others(Batch& batch);

    ExecTerms terms_;
    std::vector<std::vector<bpf::MessagePart>> arguments_;
    const ExecBroker* broker_;
    UniqueFd session_{};
    std::uint64_t next_number_ = 1;  // of the next program; the first of began_ has next_number_ - began_.size()
    std::deque<Began> began_{};      // the first events of the batch, as far as they have been begun
    std::size_t running_ = 0;
    std::string state_ = "ok";
};

}  // namespace weir::runtime

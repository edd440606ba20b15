// A sink whose events wait on disk until its peer has them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/sinks/backoff.h"
#include "runtime/sinks/end_signal.h"
#include "runtime/sinks/sink.h"
#include "runtime/sinks/spool.h"

namespace weir::runtime {

// Its worker writes lines into the spool; a thread of its own takes them from there to the sink.
class SpooledSink : public Sink {
public:
    // `sink` gets lines: Batch::event() is null.
    SpooledSink(std::unique_ptr<Sink> sink, std::string folder, std::uint64_t max_bytes);
    ~SpooledSink() override;

    void deliver(Batch& batch) override;
    void prepare() override;
    std::string state() const override;
    std::optional<SpoolStatus> spool() const override;

private:
    bool open();
    void send();
    void send_some();
    void publish_state();

    std::unique_ptr<Sink> sink_;
    const std::string folder_;
    const std::uint64_t max_bytes_;
    std::unique_ptr<Spool> spool_;
    std::string problem_;  // of the spool

    EndSignal end_{};
    Backoff backoff_;
    mutable std::mutex mutex_;  // of what follows
    SpoolStatus status_{};
    std::string sent_state_ = "ok";

    std::thread sender_;
};

}  // namespace weir::runtime

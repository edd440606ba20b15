// Packets on which a candidate disagrees with the policy in force, as a capture with comments.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/engine/shadow.h"
#include "tooling/judge/capture_writer.h"

namespace weir::service {

class Samples {
public:
    // Begins a capture, in place of the one before. `path` empty: disagreements.pcapng in the state folder of `engine`.
    Status begin(const std::string& engine, std::string path);
    // Nothing where none was begun, it is full, or the disk is: state() says so.
    void take(const runtime::Disagreement& one);
    void end();

    const std::string& path() const { return path_; }
    std::uint64_t written() const { return written_; }
    const std::string& state() const { return state_; }  // "ok", or what is wrong

private:
    tooling::CaptureWriter capture_;
    std::string path_;
    std::string state_ = "ok";
    std::uint64_t written_ = 0;
    bool is_open_ = false;
};

}  // namespace weir::service

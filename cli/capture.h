// Captures: pcap and pcapng with Ethernet frames.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtime/result.h"

namespace weir::cli {

// Calls `take` with each frame (its captured bytes) and its time stamp in ns, in order; stops where it returns false.
// Time never goes back: a stamp before the last counts as the last.
runtime::Status read_capture(
    const std::string& path,
    const std::function<bool(std::span<const std::uint8_t> frame, std::uint64_t time_ns)>& take);

// Writes a pcapng of Ethernet frames, each with a comment. (libpcap writes pcap alone, which has no comments.)
class CaptureWriter {
public:
    runtime::Status open(const std::string& path);
    runtime::Status write(std::span<const std::uint8_t> frame, std::uint64_t time_ns, const std::string& comment);
    // What was written can be read by others.
    runtime::Status flush();
    // Says whether all of it reached the disk.
    runtime::Status close();

private:
    struct Closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    runtime::Status put(const std::string& block);
    std::string path_;
    std::unique_ptr<std::FILE, Closer> file_;
};

}  // namespace weir::cli

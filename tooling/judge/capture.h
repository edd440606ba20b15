// Captures: pcap and pcapng with Ethernet frames.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "grammar/base/result.h"

namespace weir::tooling {

// Calls `take` with each frame (its captured bytes) and its time stamp in ns, in order; stops where it returns false.
// Time never goes back: a stamp before the last counts as the last.
Status read_capture(const std::string& path,
                    const std::function<bool(std::span<const std::uint8_t> frame, std::uint64_t time_ns)>& take);

// Writes a pcapng of Ethernet frames, each with a comment. (libpcap writes pcap alone, which has no comments.)
class CaptureWriter {
public:
    Status open(const std::string& path);
    Status write(std::span<const std::uint8_t> frame, std::uint64_t time_ns, const std::string& comment);
    // What was written can be read by others.
    Status flush();
    // Says whether all of it reached the disk.
    Status close();

private:
    struct Closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    Status put(const std::string& block);
    std::string path_;
    std::unique_ptr<std::FILE, Closer> file_;
};

}  // namespace weir::tooling

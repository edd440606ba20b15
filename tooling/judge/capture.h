// Captures as evaluators see them: Ethernet frames and their times, from pcap or pcapng, compressed with gzip or not.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "grammar/base/result.h"
#include "tooling/judge/byte_stream.h"
#include "tooling/judge/capture_format.h"

namespace weir::tooling {

// `bytes` and `interface` are valid until the next one is read.
struct CapturedFrame {
    std::span<const std::uint8_t> bytes{};  // what was captured of it
    std::uint32_t original_bytes = 0;       // on the wire
    std::uint64_t time_ns = 0;              // since 1970. Never goes back: one before the last counts as the last
    std::string_view interface{};  // where it was captured, as pcapng names it; empty: the capture does not say
    std::optional<packet::Direction> direction{};  // as pcapng says
};

// What a whole capture has in it.
struct CaptureFacts {
    std::uint64_t frames = 0;
    std::uint64_t cut_frames = 0;    // captured short
    std::size_t shortest_bytes = 0;  // of a frame, as captured; 0 where there is none
    std::size_t longest_bytes = 0;
    std::uint64_t frames_with_direction = 0;
    std::uint64_t frames_cut_in_ip = 0;  // that end within the first header of IP
};

class Capture {
public:
    // A file, a pipe, or "-" for standard input. What can be read only once is copied to a temporary file first.
    static Result<Capture> open(const std::string& path);
    // A regular file: what a policy names.
    static Result<Capture> open_regular(const std::string& path);
    // The same of one that is open, to be read from its beginning, and is called `name`.
    static Result<Capture> of_file(const std::string& name, runtime::UniqueFd file);
    // `bytes` of a file that is called `name`.
    static Result<Capture> of_bytes(const std::string& name, std::string_view bytes);

    // The next frame; nothing at the end. An error where the capture is damaged or cut, or has a packet of another link
    // type than Ethernet. (pcapng: interfaces of other types do not matter as long as no packet is theirs.)
    Result<std::optional<CapturedFrame>> next();
    Status rewind();
    // Reads all of it, and goes back to the beginning.
    Result<CaptureFacts> facts();

private:
    Capture(std::string name, ByteStream stream) : name_(std::move(name)), stream_(std::move(stream)) {}
    Status begin();
    Error failed(const Error& error) const;
    Error no_ethernet(std::uint16_t link_type) const;

    std::string name_;
    ByteStream stream_;
    std::variant<PcapReader, PcapngReader> reader_{};
    CaptureRecord record_{};
    std::uint64_t frames_ = 0;  // read since the beginning
    std::uint64_t last_ns_ = 0;
};

}  // namespace weir::tooling

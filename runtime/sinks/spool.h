// Lines that wait on disk for a sink's peer, in their order, also from one engine to the next.
//
// A folder of segments, 00000000000000000001.spool and so on, each begun by kMagic: a line is the length of its body
// and a checksum of it (4 bytes each, little-endian), then the body: the length of its id (2 bytes), id, text. A file
// `done` says how far the peer has them. What is written is there after a kill; after a loss of power all but what the
// last second brought is. A segment that ends within a line, as a kill leaves it, ends before it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/sinks/batch.h"

namespace weir::runtime {

// Of two threads: one appends, one reads.
class Spool {
public:
    // Makes the folder. An error EBUSY where another one has it.
    static Result<std::unique_ptr<Spool>> open(const std::string& folder, std::uint64_t max_bytes);

    // Null, or why the line is not in it: a literal, "spool full" or "no space for the spool".
    const char* append(std::string_view id, std::string_view text);
    // To disk, where the last time is a second ago.
    void sync();
    // The first lines, `most` at most, that settle() has not been called for.
    std::vector<SpooledLine> first(std::size_t most);
    // The first `lines` of them are done with.
    void settle(std::size_t lines);

    std::uint64_t lines() const;
    std::uint64_t bytes() const;                    // of its segments
    std::uint64_t found() const { return found_; }  // when it was opened
    std::uint64_t damaged() const;                  // lines that cannot be read any more
    const std::string& problem() const { return problem_; }

private:
    struct Segment {
        std::uint64_t number = 0;
        std::uint64_t bytes = 0;
    };
    Spool(std::string folder, std::uint64_t max_bytes, UniqueFd lock);

    std::string path_of(std::uint64_t number) const;
    Status find();
    std::uint64_t count_lines(Segment& segment, std::uint64_t from);
    bool begin_segment();
    bool load(std::uint64_t number);
    void drop_done();
    void save_done();

    const std::string folder_;
    const std::uint64_t max_bytes_, segment_bytes_;
    UniqueFd lock_;
    std::uint64_t found_ = 0;
    std::string problem_;

    mutable std::mutex mutex_;
    std::deque<Segment> segments_;  // the oldest first; the last is written to where `out_` is open
    UniqueFd out_, done_;
    std::uint64_t total_bytes_ = 0, lines_ = 0, damaged_ = 0;
    std::uint64_t newest_ = 0;  // segment; no number is used twice
    std::uint64_t synced_ns_ = 0;
    std::uint64_t done_at_ = 0;  // in the first segment
    struct Place {
        std::uint64_t segment, end;
    };
    std::deque<Place> handed_;  // by line that first() gave last
};

}  // namespace weir::runtime

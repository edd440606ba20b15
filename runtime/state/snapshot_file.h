// The file in which entries of sets outlast an engine: docs/cli.md, "weir run", --state. Whole or not there at all,
// whenever its writer is killed; what is read of it is trusted in nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

// Sets one after the other, each with its entries. Nothing takes the place of the file before finish() does, whole.
class SnapshotWriter {
public:
    // Makes `folder` where it is missing, 0750. `now_ns`: CLOCK_REALTIME.
    static Result<SnapshotWriter> create(const std::string& folder, std::uint64_t now_ns);
    SnapshotWriter(SnapshotWriter&&) = default;
    ~SnapshotWriter();  // of what was not finished, nothing stays

    void set(std::string_view identity);
    // `end_ns`: CLOCK_REALTIME, 0: it stays.
    void entry(std::string_view value, std::uint64_t end_ns);
    Status finish();
    std::uint64_t entries() const { return entries_; }

private:
    SnapshotWriter(std::string folder, UniqueFd folder_fd, UniqueFd file)
        : folder_(std::move(folder)), folder_fd_(std::move(folder_fd)), file_(std::move(file)) {}
    void line(std::string_view text);
    void write_out();

    std::string folder_;
    UniqueFd folder_fd_;
    UniqueFd file_;
    std::string buffer_{};
    std::uint64_t hash_ = 0;
    std::uint64_t entries_ = 0;
    int failed_ = 0;  // errno of the first write that did
};

// What a file holds that is whole.
class SnapshotReader {
public:
    // An error ENOENT where there is none; every other one says what is wrong with it.
    static Result<SnapshotReader> open(const std::string& folder);

    std::uint64_t saved_at_ns() const { return saved_at_ns_; }  // CLOCK_REALTIME
    using OnEntry = std::function<void(std::string_view identity, std::string_view value, std::uint64_t end_ns)>;
    Status each(const OnEntry& on_entry);

private:
    explicit SnapshotReader(UniqueFd file) : file_(std::move(file)) {}
    Status scan(const OnEntry& on_entry);

    UniqueFd file_;
    std::uint64_t saved_at_ns_ = 0;
};

std::string snapshot_path(const std::string& folder);
// Puts a file that cannot be read out of the next one's way. Returns where it is then.
Result<std::string> quarantine_snapshot(const std::string& folder);

}  // namespace weir::runtime

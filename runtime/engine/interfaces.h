// The interfaces of an engine: their names, their numbers, what is attached, and for how long nothing was.
//
// Invariants:
//   - rows are in the order in which they were named, and no name or number (but 0) is there twice;
//   - a row with an attachment has that attachment's number;
//   - a gap is open from the time that an attachment was lost until there is one again, and counted then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/attachment.h"

namespace weir::runtime {

// Times without the policy.
class Gaps {
public:
    // Of a gap that is open already, the first counts. CLOCK_MONOTONIC.
    void open(std::uint64_t now_ns);
    // Nothing where none is open.
    void close(std::uint64_t now_ns);
    bool is_open() const { return since_ns_.has_value(); }
    std::uint64_t count() const { return count_; }
    std::uint64_t last_ms() const { return last_ms_; }

private:
    std::optional<std::uint64_t> since_ns_{};
    std::uint64_t count_ = 0;
    std::uint64_t last_ms_ = 0;
};

struct Interface {
    std::string name;
    unsigned index = 0;  // 0: no interface has the name
    std::optional<Attachment> attachment{};
    Gaps gaps{};
    bool failure_reported = false;  // that it cannot be attached
};

class Interfaces {
public:
    // All must be there.
    static Result<Interfaces> find(const std::vector<std::string>& names);

    const std::vector<Interface>& rows() const { return rows_; }
    std::vector<Interface>& rows() { return rows_; }
    // Null where no row has the name.
    const Interface* named(const std::string& name) const;
    // Also of an interface that is none of these.
    std::string name_of(unsigned index) const;
    bool all_attached() const;

    // Takes the place of the attachment that is there, which leaves its pin to this one.
    void attach(Interface& row, Attachment attachment, std::uint64_t now_ns);
    void lose(Interface& row, std::uint64_t now_ns);
    void detach_all();

private:
    std::vector<Interface> rows_;
};

}  // namespace weir::runtime

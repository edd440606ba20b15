// The interfaces of an engine: their names, their numbers, what is attached, and for how long nothing was.
//
// Invariants:
//   - rows are in the order in which they were named, and no name or number (but 0) is there twice;
//   - a row that is attached has an attachment, and its number;
//   - a gap is open from the time that a row was last seen attached until it is attached again, and counted then.
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
    unsigned index = 0;       // 0: no interface has the name
    unsigned last_index = 0;  // events of the last one may still come
    // May be on an interface that has another name by now, until one of this name comes.
    std::optional<Attachment> attachment{};
    std::optional<Attachment> egress{};  // where some policy judges packets on their way out
    bool is_attached = false;            // when the kernel was last asked: packets of that name are judged
    std::uint64_t last_attached_ns = 0;  // CLOCK_MONOTONIC, of the last time that it was
    Gaps gaps{};
    std::string problem{};          // what was last found wrong
    std::uint64_t seen_at_ns = 0;   // CLOCK_REALTIME, when
    bool failure_reported = false;  // that it cannot be attached
    bool is_too_large = false;      // its MTU, for the programs of the engine, when it was last asked
};

// What the kernel has of an interface, at one time.
struct Observed {
    unsigned index = 0;             // of the interface that has the name; 0: there is none
    bool has_root = false;          // the root program is on that one's hook
    unsigned attached_index = 0;    // where the attachment was made
    unsigned link_index = 0;        // where its link is; 0: nowhere
    bool has_root_in_link = false;  // the link has the root program
    std::string link_interface{};   // name of the link's interface; empty where it is not in this network namespace
};
// kWait: until there is an interface of that name. kForget: the attachment is gone, then the same.
enum class Repair : std::uint8_t { kNone, kWait, kForget, kUpdateLink, kAttach };
struct Finding {
    Repair repair = Repair::kNone;
    std::string problem{};  // one sentence without the interface's name
};
Finding examine(bool has_attachment, const Observed& seen);

// Whether all interfaces must be there.
enum class Missing : std::uint8_t { kRefused, kTolerated };

class Interfaces {
public:
    static Result<Interfaces> find(const std::vector<std::string>& names, Missing missing);

    const std::vector<Interface>& rows() const { return rows_; }
    std::vector<Interface>& rows() { return rows_; }
    // Null where no row has the name.
    const Interface* named(const std::string& name) const;
    // Also of an interface that is none of these.
    std::string name_of(unsigned index) const;

    // Takes the place of the attachment that is there, which leaves its pin to this one.
    void attach(Interface& row, Attachment attachment);
    // The kernel has it attached: ends a gap.
    void confirm(Interface& row, std::uint64_t now_ns);
    // Its interface has been deleted.
    void forget(Interface& row);
    void detach_all();

private:
    std::vector<Interface> rows_;
};

}  // namespace weir::runtime

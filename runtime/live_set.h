// A set that changes, as people see it: entries as text, times as what is left of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/result.h"

namespace weir::runtime {

class LiveSet {
public:
    struct Entry {
        std::string value;                    // "198.51.100.7", "198.51.100.7, 22"
        std::uint64_t left_ns = 0;            // 0: it stays
    };
    struct Added {
        std::uint64_t added = 0;              // renewed ones, too
        std::uint64_t refused = 0;            // no room
    };

    // `map` stays open as long as this is used; so does `earliest`, the map of struct weir_live_set, of which this set's is
    // number `number`, or -1 where the policy adds to no set.
    static Result<LiveSet> open(const bpf::SetInfo& info, int map, int earliest, std::size_t number);

    // Entries whose time is not over, in no order.
    Result<std::vector<Entry>> list() const;
    Result<std::uint64_t> count() const;
    // `for_ns` 0: they stay; nothing: what the set's `ttl` says. Where one value is wrong, nothing is added.
    Result<Added> add(const std::vector<std::string>& values, std::optional<std::uint64_t> for_ns) const;
    // How many there were. Where one value is wrong, nothing is removed.
    Result<std::uint64_t> remove(const std::vector<std::string>& values) const;
    // Takes out entries whose time is over; the packet path does not see them anyway. How many.
    Result<std::uint64_t> tidy() const;

private:
    using Key = std::vector<std::uint32_t>;
    LiveSet(bpf::SetInfo info, int map, std::size_t words) : info_(std::move(info)), map_(map), words_(words) {}
    Status expect_ends() const;
    Result<Key> key(const std::string& value) const;
    std::string text(const std::uint32_t* words) const;
    // Calls `visit` with each entry's words and end, ns.
    template <typename Visit>
    Status each(Visit visit) const;

    bpf::SetInfo info_;
    int map_;
    int earliest_ = -1;
    std::size_t number_ = 0;
    std::size_t words_;                       // of a key
};

}  // namespace weir::runtime

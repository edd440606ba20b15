// A set that changes, as people see it: entries as text, times as what is left of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/state/set_changer.h"
#include "runtime/state/state_table.h"

namespace weir::runtime {

class LiveSet {
public:
    struct Entry {
        std::string value;                // "198.51.100.7", "198.51.100.7, 22"
        std::uint64_t expires_in_ns = 0;  // 0: it stays
    };
    struct Added {
        std::uint64_t added = 0;    // renewed ones, too
        std::uint64_t refused = 0;  // no room
    };

    // `map`, its table, and `changer` stay as long as this is used. Without a changer each change loads one.
    static Result<LiveSet> open(const bpf::SetInfo& info, int map, SetChanger* changer = nullptr);

    // Entries whose time is not over, in no order; `most` of them, where there are more.
    Result<std::vector<Entry>> list(std::size_t most = SIZE_MAX) const;
    Result<std::uint64_t> count() const;
    // An error that names the first value that is none of this set's type. Then add() and remove() can fail only where
    // the kernel does.
    Status check(const std::vector<std::string>& values) const;
    // `for_ns` 0: they stay; nothing: what the set's `ttl` says. Where one value is wrong, nothing is added.
    Result<Added> add(const std::vector<std::string>& values, std::optional<std::uint64_t> for_ns) const;
    // How many there were. Where one value is wrong, nothing is removed.
    Result<std::uint64_t> remove(const std::vector<std::string>& values) const;

private:
    using Key = std::vector<std::uint32_t>;
    LiveSet(bpf::SetInfo info, int map, std::size_t words, SetChanger* changer)
        : info_(std::move(info)), map_(map), words_(words), changer_(changer) {}
    Status change(std::vector<weir_set_request>& requests) const;
    Result<Key> key(const std::string& value) const;
    Result<std::vector<std::string>> names(const std::vector<std::string>& values) const;
    Result<Added> add_names(const std::vector<std::string>& values, std::uint64_t end_ns) const;
    Result<std::uint64_t> remove_names(const std::vector<std::string>& values) const;
    Result<std::vector<weir_set_request>> requests(const std::vector<std::string>& values,
                                                   weir_set_request_kind kind) const;

    bpf::SetInfo info_;
    int map_;
    std::size_t words_;  // of a key; 0: of names
    SetChanger* changer_;
};

}  // namespace weir::runtime

// The table of a set of names in the kernel (bpf/name_table.h), as user space has it. Programs only look up in it: one
// thread of this process changes it, others may read it meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "bpf/name_table.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class NameTable {
public:
    // The memory of map `fd`, of a set that changes. An error where its head is not one that weir wrote for a map of
    // that size; what else stands in it is not believed.
    static Result<NameTable> open(int fd);
    // A set that changes, with the names of `shape`, none of which ends, and then with what another table has.
    static Result<UniqueFd> make(const bpf::StateMap& shape, const NameTable* others);
    // One that does not change.
    static Result<UniqueFd> make_fixed(const bpf::NameImage& image);

    // Calls it with each name and its end, ns; 0: it has none. Those that have ended are among them.
    using Visit = std::function<void(std::string_view name, std::uint64_t end_ns)>;
    void each(const Visit& visit) const;
    // As long as `visit` returns true.
    void each_while(const std::function<bool(std::string_view name, std::uint64_t end_ns)>& visit) const;
    // When the name ends, ns, 0: never; or nothing.
    std::optional<std::uint64_t> end_of(std::string_view name) const;
    std::uint64_t entries() const { return weir_names_head(&names_)->entries; }

    // These are for one thread. Where there is no room, names that have ended give way.
    weir_put put(std::string_view name, std::uint64_t end_ns, std::uint64_t now_ns) const;
    // Was it there?
    bool remove(std::string_view name) const;
    void clear() const;
    // What a process that was killed while it changed the table left undone.
    void repair() const;

private:
    class Change;
    NameTable(UniqueMapping memory, const weir_table_head& head);
    bool free_ended(std::uint64_t now_ns) const;

    UniqueMapping memory_;
    weir_names names_;
};

}  // namespace weir::runtime

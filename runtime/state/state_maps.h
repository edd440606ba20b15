// The maps that hold what a policy remembers: one a state term, one a set that changes. They belong to names and types,
// not to a policy: the next one goes on with those that mean the same to it.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/state/state_count.h"

namespace weir::runtime {

class StateMaps {
public:
    StateMaps() = default;
    // The maps of `wanted`: those of `earlier` that are the same by identity and shape, else new ones, filled with what
    // they begin with. What changed in its size alone takes along what it has. `earlier` may be null.
    // `flows`: a table of flows to be shared as it is, or -1.
    static Result<StateMaps> make(const std::vector<bpf::StateMap>& wanted, const StateMaps* earlier, int flows = -1);

    // Those of a program that runs already: `outer` has the descriptors of its maps of maps.
    static Result<StateMaps> adopt(const std::vector<bpf::StateMap>& shapes,
                                   const std::function<int(const std::string&)>& outer);
    // Those that another process of this engine made: a descriptor for each of `shapes`, and whether it was taken over.
    static Result<StateMaps> assemble(const std::vector<bpf::StateMap>& shapes, std::vector<UniqueFd> fds,
                                      const std::vector<std::uint8_t>& taken_over);
    // What to remember of them for that: without contents.
    static std::vector<bpf::StateMap> shapes(const std::vector<bpf::StateMap>& maps);

    // Tables of sets that do not change: the program that they are put into keeps them.
    Status add_fixed(const std::vector<bpf::NameImage>& images);
    // Before the object is loaded: tells each map of maps what it is a map of; those that nothing needs are left out.
    Status describe(bpf_object* object) const;
    // Once it is loaded: of each program of the policy.
    Status put(bpf_object* object);
    void forget_fixed() { fixed_.clear(); }  // the kernel keeps what was put
    // Adds what the maps of the policy begin with (a set's file) to those that were taken over.
    Status add_first_entries() const;
    // Everything as it was at the beginning.
    Status reset() const;

    // The map of state of that identity, or -1.
    int fd(const std::string& identity) const;
    std::uint32_t size_of(const std::string& identity) const;  // as the policy gives it; 0 where there is none
    // The table of flows, or -1; whether it has what a policy before left in it.
    int flows() const { return fd(bpf::kFlowsIdentity); }
    std::uint32_t flow_groups() const;  // of that table; 0 where there is none
    bool has_earlier_flows() const;
    std::vector<bpf::StateMap> shapes() const;
    std::vector<int> fds() const;
    std::vector<std::uint8_t> taken_over() const;  // 1: the map was another policy's before
    // Tables of sets that do not change, in the map of maps of a program: descriptors of their own.
    std::vector<UniqueFd> fixed_in(int set_tables) const;
    // In the order of the accounts: terms, throttles, sets.
    std::vector<std::string> identities() const;
    // All of them, in the order of identities(): valid as long as this is.
    std::vector<CountedMap> counted() const;
    // Identities of `wanted` that would begin anew, and of `earlier` that nothing would go on with.
    struct Change {
        std::vector<std::string> begun, ended;
    };
    static Change change(const std::vector<bpf::StateMap>& earlier, const std::vector<bpf::StateMap>& wanted);

private:
    struct Map {
        bpf::StateMap shape;
        UniqueFd fd;
        bool taken_over = false;
    };
    static Result<Map> make_one(const bpf::StateMap& wanted, const StateMaps* earlier);

    struct Fixed {
        std::uint32_t index;  // of weir_set_tables
        UniqueFd fd;
    };

    std::vector<Map> maps_;
    std::vector<Fixed> fixed_;  // until forget_fixed()
};

}  // namespace weir::runtime

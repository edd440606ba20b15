// A policy's program in the kernel: loaded, its tables and sets filled, not yet in force.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/state/state_maps.h"

namespace weir::runtime {

// Maps that outlive a policy: the next one goes on with them.
struct SharedMaps {
    int events = -1;                            // fd, or -1: a map of its own
    const StateMaps* state = nullptr;           // of the policy before
    std::uint32_t generation = 0;               // of that policy; 0: there is none
    int record = -1;                            // fd of its flight recorder, or -1
    const bpf::RecordInfo* recorded = nullptr;  // how it records
    int flows = -1;                             // fd of a table of flows that is read, whatever its size
};

struct ProgramOptions {
    weir_settings settings{};
    SharedMaps shared{};
    std::uint64_t answer_ns = 0;  // of the limit of answers: struct weir_answer_bucket
};

// The descriptors of a program, for the process that loaded it to hand them on.
struct ProgramFds {
    int program = -1;
    int egress = -1;  // -1: there is none
    std::vector<std::pair<std::string, int>> maps{};
    std::vector<int> state{};
    std::vector<std::uint8_t> taken_over{};  // of `state`
};
// The same, once they have arrived.
struct ProgramParts {
    std::vector<std::string> map_names{};
    std::vector<std::uint8_t> taken_over{};
    bool has_egress = false;
    std::vector<UniqueFd> fds{};  // the program, the one for packets on their way out, its maps, its state
};

class Program {
public:
    Program() = default;  // none: nothing is loaded
    // Nothing of it stays in the kernel where this fails. The error of a refusal by the verifier ends with its words.
    static Result<Program> load(const bpf::Object& object, const ProgramOptions& options);

    // A program that runs already, with its maps; `state` are the shapes of what it remembers. Map names are cut to 15
    // bytes by the kernel. `egress`: empty where there is none.
    static Result<Program> adopt(UniqueFd program, UniqueFd egress, const std::vector<bpf::StateMap>& state);

    // One that another process of this engine loaded; `state` are the shapes of what it remembers. The kernel's answers
    // about its maps are checked: what reads them expects their sizes.
    static Result<Program> assemble(ProgramParts parts, const std::vector<bpf::StateMap>& state);
    ProgramFds fds() const;

    int fd() const { return program_.get(); }
    // Of the program for packets on their way out, or -1. Both have the same maps.
    int egress_fd() const { return egress_ ? egress_.get() : -1; }
    std::uint32_t egress_id() const;  // the kernel's number; 0: there is none
    // File descriptors of the data of that name: of each program its own, or none.
    std::vector<int> data(std::string_view name) const;
    // File descriptor of one of its maps, or -1.
    int map(std::string_view name) const;
    std::uint32_t id() const;  // the kernel's number
    const StateMaps& state() const { return state_; }
    std::uint32_t verified_insns() const;
    std::uint32_t program_insns() const;
    std::uint64_t memory_bytes() const;  // of its maps, as the kernel accounts them

private:
    struct Map {
        std::string name;
        UniqueFd fd;
    };

    Program(UniqueFd program, UniqueFd egress, std::vector<Map> maps, StateMaps state)
        : program_(std::move(program)), egress_(std::move(egress)), maps_(std::move(maps)), state_(std::move(state)) {}
    static Status add_maps(bpf_object* object, std::vector<Map>& maps);

    UniqueFd program_, egress_;
    std::vector<Map> maps_;  // what both have is there once, but for data
    StateMaps state_;
};

// How an engine has a program loaded.
using LoadProgram = std::function<Result<Program>(const bpf::Object& object, const ProgramOptions& options)>;

}  // namespace weir::runtime

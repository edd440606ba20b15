// A policy's program in the kernel: loaded, its tables and sets filled, not yet in force.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/state/state_maps.h"

namespace weir::runtime {

// Maps that outlive a policy: the next one goes on with them.
struct SharedMaps {
    int events = -1;                   // fd, or -1: a map of its own
    const StateMaps* state = nullptr;  // of the policy before
};

struct ProgramOptions {
    weir_settings settings{};
    SharedMaps shared{};
};

class Program {
public:
    Program() = default;  // none: nothing is loaded
    // Nothing of it stays in the kernel where this fails. The error of a refusal by the verifier ends with its words.
    static Result<Program> load(const bpf::Object& object, const ProgramOptions& options);

    // A program that runs already, with its maps; `state` are the shapes of what it remembers. Map names are cut to 15
    // bytes by the kernel.
    static Result<Program> adopt(UniqueFd program, const std::vector<bpf::StateMap>& state);

    int fd() const { return program_.get(); }
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

    Program(UniqueFd program, std::vector<Map> maps, StateMaps state)
        : program_(std::move(program)), maps_(std::move(maps)), state_(std::move(state)) {}

    UniqueFd program_;
    std::vector<Map> maps_;
    StateMaps state_;
};

}  // namespace weir::runtime

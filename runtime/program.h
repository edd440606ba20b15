// A policy's program in the kernel: loaded, its tables and sets filled, not yet in force.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/handles.h"
#include "runtime/result.h"
#include "runtime/state_maps.h"

namespace weir::runtime {

// Maps that outlive a policy: the next one goes on with them.
struct SharedMaps {
    int events = -1;                      // fd, or -1: a map of its own
    const StateMaps* state = nullptr;     // of the policy before
};

struct ProgramOptions {
    weir_settings settings{};
    SharedMaps shared{};
};

class Program {
public:
    // Nothing of it stays in the kernel where this fails. The error of a refusal by the verifier ends with its words.
    static Result<Program> load(const bpf::Object& object, const ProgramOptions& options);

    int fd() const { return bpf_program__fd(program_); }
    // File descriptor of one of its maps, or -1.
    int map(const char* name) const;
    const StateMaps& state() const { return state_; }
    std::uint32_t verified_insns() const;
    std::uint32_t program_insns() const;
    std::uint64_t memory_bytes() const;   // of its maps, as the kernel accounts them

private:
    Program(ObjectPtr object, StateMaps state, bpf_program* program)
        : object_(std::move(object)), state_(std::move(state)), program_(program) {}

    ObjectPtr object_;
    StateMaps state_;
    bpf_program* program_;
};

}  // namespace weir::runtime

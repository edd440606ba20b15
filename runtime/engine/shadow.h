// A candidate that runs beside the policy in force, on the same packets, and enforces nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/engine/frames.h"
#include "runtime/engine/program.h"
#include "runtime/handles.h"
#include "runtime/status.h"

namespace weir::runtime {

// A packet on which they disagreed.
struct Disagreement {
    std::span<const std::uint8_t> frame;  // its captured bytes
    std::uint64_t wall_clock_ns = 0;      // since 1970
    std::string live;                     // "drop by known_bad"
    std::string candidate;
};
using OnDisagreement = std::function<void(const Disagreement&)>;

class Shadow {
public:
    // `live`: the policy in force, once more, telling what decided; `generation` is its number. Nothing runs yet.
    static Result<Shadow> load(const bpf::Object& live, std::uint32_t generation, const SharedMaps& shared,
                               const bpf::Object& candidate, Origin origin, FrameBuffers frames,
                               const LoadProgram& load_program = Program::load);
    static ProgramOptions live_options(std::uint32_t generation, const SharedMaps& shared, FrameBuffers frames);
    // `flows`: the table of the policy in force, or -1.
    static ProgramOptions candidate_options(std::uint32_t generation, int flows, FrameBuffers frames);

    int program_fd() const { return program_.get(); }
    int shadowed_fd() const { return shadowed_.get(); }  // its prog array: has to be held for it to go on
    // The same for packets on their way out, or -1.
    int egress_fd() const { return egress_ ? egress_.get() : -1; }
    int egress_shadowed_fd() const { return egress_shadowed_ ? egress_shadowed_.get() : -1; }
    const Program& live() const { return live_; }
    const Program& candidate() const { return candidate_; }
    const bpf::Object& candidate_object() const { return candidate_object_; }
    const Origin& origin() const { return origin_; }
    std::uint32_t slot = 0;  // of the root

    // Puts programs back that somebody removed; names them. Empty where nothing was missing.
    std::string restore_programs();
    // Takes samples that wait. Returns how many.
    int take_samples(const OnDisagreement& on_disagreement);
    Result<ShadowStatus> status() const;

private:
    Shadow(Program live, Program candidate) : live_(std::move(live)), candidate_(std::move(candidate)) {}

    Program live_, candidate_;
    bpf::Manifest live_manifest_;
    bpf::Object candidate_object_;
    Origin origin_;
    Status load_egress(bpf_object* first);
    UniqueFd program_, shadowed_, pairs_, counts_, samples_;
    UniqueFd egress_{}, egress_shadowed_{};
    RingPtr ring_;
    std::unique_ptr<std::function<void(const weir_shadow_sample&)>> take_;  // what the ring calls: stays where it is
};

// The programs of a shadow whose engine was killed: the policy in force, as it counts there. `egress_shadowed_fd`: -1
// where there was none.
Result<Program> shadowed_policy(int shadowed_fd, int egress_shadowed_fd, const std::vector<bpf::StateMap>& state);

}  // namespace weir::runtime

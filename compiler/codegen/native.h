// The native engine: the same IR as the kernel's program, compiled for this CPU. Needs no privileges.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "bpf/table.h"
#include "compiler/policy/typed_policy.h"
#include "grammar/base/result.h"

namespace weir {
struct Compiled;
}

namespace weir::codegen {

// What one packet met; numbers as in bpf/abi.h.
struct NativeJudgement {
    std::uint32_t verdict = 0;
    std::uint32_t rule = 0;
    std::vector<std::uint32_t> matched;
    std::vector<std::uint32_t> alerts;
    std::vector<std::uint32_t> suppressed;  // by entry of `alerts`: struct weir_traced_alert
};

class NativeEngine {
public:
    // kQuickly: the same program, but LLVM's back end takes a third of the time and makes slower code: for few packets.
    enum class Made : std::uint8_t { kThoroughly, kQuickly };
    // An error is LLVM refusing what we made: our bug, never the author's. `compiled` outlives the engine.
    static Result<std::unique_ptr<NativeEngine>> create(const Compiled& compiled, Made made = Made::kThoroughly);
    ~NativeEngine();
    // Empty state, as when it was made.
    void reset();
    // Is the entry in the set, one that changes, at `time_ns`?
    bool contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns);
    // Changes that set, as a response of an alert does at `time_ns`.
    void change(policy::SetId set, weir_set_request order, std::uint64_t time_ns);
    // Keys of terms that others took the place of since the last reset. Evaluators choose them by tables of their own:
    // from the first one on, their answers cannot be compared.
    std::uint64_t evictions() const;
    // The table of a measure, by its number: bpf/histogram.h.
    const std::uint8_t* measure(std::uint32_t number);
    // `interface`: the name of the one it came in on, or leaves by; empty: not known, so that `iface` is absent.
    NativeJudgement judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string_view interface = {},
                          packet::Direction direction = packet::Direction::kIn);
    // Only the verdict of a packet that comes in; for benchmarks.
    std::uint32_t run(std::span<const std::uint8_t> frame);

private:
    struct State;
    explicit NativeEngine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::codegen

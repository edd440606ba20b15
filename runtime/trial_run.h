// The kernel engine for answers without a network: the compiled program through BPF_PROG_TEST_RUN.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/table.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/state/measure_table.h"

namespace weir::runtime {

// What one packet met; numbers as in bpf/abi.h.
struct Trace {
    std::uint32_t verdict = 0;
    std::uint32_t rule = 0;
    std::vector<std::uint32_t> matched;
    std::vector<std::uint32_t> alerts;
    std::vector<std::uint32_t> suppressed;  // by entry of `alerts`: struct weir_traced_alert
};

class TestRunner {
public:
    // True where this process may load BPF programs here.
    static bool allowed();
    static Result<std::unique_ptr<TestRunner>> create(const bpf::Object& object);
    ~TestRunner();
    // True where the kernel takes a frame of this size for a test run.
    static bool accepts(std::size_t frame_bytes);
    // The same for a packet that goes that way: on its way out the kernel wants the whole first header of IP.
    static bool accepts(std::span<const std::uint8_t> frame, bpf::Direction direction);
    // Empty state, as when it was made.
    Status reset();
    // Is the entry in the set of that identity, one that changes, at `time_ns`? `key`: as bpf/abi.h lays it out.
    Result<bool> contains(const std::string& identity, std::span<const std::uint32_t> key, std::uint64_t time_ns);
    // Changes that set, as a response of an alert does at `time_ns`; above 0.
    Status change(const std::string& identity, weir_set_request order, std::uint64_t time_ns);
    // The histograms of the measure of that identity.
    Result<MeasureTable> measured(const std::string& identity) const;
    // Keys of terms that others took the place of since the last reset. Evaluators choose them by tables of their own:
    // from the first one on, their answers cannot be compared.
    Result<std::uint64_t> evictions() const;
    // `interface`: the name of the one it came in on, or leaves by; empty: not known, so that `iface` is absent.
    Result<Trace> judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string_view interface = {},
                        bpf::Direction direction = bpf::Direction::kIn);

private:
    struct State;
    explicit TestRunner(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::runtime

// The kernel engine for answers without a network: the compiled program through BPF_PROG_TEST_RUN.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compiler/object.h"
#include "runtime/result.h"

namespace weir::runtime {

// What one packet met; numbers as in bpf/abi.h.
struct Trace {
    std::uint32_t verdict = 0;
    std::uint32_t rule = 0;
    std::vector<std::uint32_t> matched;
    std::vector<std::uint32_t> alerts;
};

class TestRunner {
public:
    // True where this process may load BPF programs here.
    static bool allowed();
    static Result<std::unique_ptr<TestRunner>> create(const bpf::Object& object);
    ~TestRunner();
    // True where the kernel takes a frame of this size for a test run.
    static bool accepts(std::size_t frame_bytes);
    Result<Trace> judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns);

private:
    struct State;
    explicit TestRunner(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::runtime

#include "tests/kernel/trial.h"

#include <bpf/bpf.h>
#include <catch2/catch.hpp>

namespace weir::test {

Frame from(Frame frame, std::uint32_t source) {
    constexpr std::size_t kSource = 26;
    for (std::size_t i = 0; i < 4; ++i) frame[kSource + i] = static_cast<std::uint8_t>(source >> (24 - 8 * i));
    return frame;
}

void run(const runtime::Program& program, const Frame& frame, int repeat) {
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.repeat = repeat;
    if (bpf_prog_test_run_opts(program.fd(), &opts) != 0) FAIL("a test run");
}

runtime::Program loaded(const bpf::Object& object, std::uint32_t virtual_clock) {
    runtime::ProgramOptions options;
    options.settings.virtual_clock = virtual_clock;
    auto program = runtime::Program::load(object, options);
    REQUIRE(program);
    return std::move(*program);
}

}  // namespace weir::test

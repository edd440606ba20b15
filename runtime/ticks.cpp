// Tested by tests/kernel/record_test.cpp with `kernel_ticks`.
#include "runtime/ticks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <ctime>
#include <optional>

#include "runtime/handles.h"
#include "runtime/kernel.h"

extern "C" const char weir_template_ticks_begin[];
extern "C" const char weir_template_ticks_end[];

namespace weir::runtime {
namespace {

struct Moment {
    std::uint64_t ticks = 0, ns = 0;
};

Result<Moment> moment(int program) {
    std::uint64_t frame[8] = {};  // the kernel wants 14 bytes at least
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_out = frame, .data_size_in = sizeof(frame),
                .data_size_out = sizeof(frame), .repeat = 1);
    if (bpf_prog_test_run_opts(program, &opts) != 0) return kernel_error(errno, "reading the kernel's tick");
    return Moment{frame[0], frame[1]};
}

// The moment at which a tick comes says the most.
Result<std::array<std::uint64_t, WEIR_TICK_WORDS>> read_ticks() {
    quiet_libbpf();
    ObjectPtr object(bpf_object__open_mem(weir_template_ticks_begin,
                                          static_cast<std::size_t>(weir_template_ticks_end - weir_template_ticks_begin),
                                          nullptr));
    if (!object) return kernel_error(errno, "reading the program of ticks");
    bpf_program* program = bpf_object__find_program_by_name(object.get(), "weir_tick");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the program of ticks into the kernel");
    timespec tick{};
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0) return kernel_error(errno, "reading the kernel's tick");
    const std::uint64_t tick_ns =
        static_cast<std::uint64_t>(tick.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(tick.tv_nsec);
    const auto first = moment(bpf_program__fd(program));
    if (!first) return first.error();
    constexpr std::uint64_t kLongest_ns = 100'000'000;
    for (;;) {
        const auto now = moment(bpf_program__fd(program));
        if (!now) return now.error();
        if (now->ticks != first->ticks || now->ns - first->ns > kLongest_ns)
            return std::array<std::uint64_t, WEIR_TICK_WORDS>{tick_ns, now->ns - now->ticks * tick_ns};
    }
}

}  // namespace

Result<std::array<std::uint64_t, WEIR_TICK_WORDS>> kernel_ticks() {
    static std::optional<std::array<std::uint64_t, WEIR_TICK_WORDS>> known;
    if (known) return *known;
    auto read = read_ticks();
    if (read) known = *read;
    return read;
}

}  // namespace weir::runtime

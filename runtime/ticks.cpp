// Tested by tests/kernel/record_test.cpp with `kernel_ticks`.
#include "runtime/ticks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
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

// ns; 0 where the kernel may lose ticks: with timers of high resolution it counts them by its clock.
std::uint64_t tick_length_ns() {
    timespec tick{}, clock{};
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || clock_getres(CLOCK_MONOTONIC, &clock) != 0) return 0;
    const bool is_exact = clock.tv_sec == 0 && clock.tv_nsec == 1;  // else it says a tick
    return is_exact && tick.tv_sec == 0 ? static_cast<std::uint64_t>(tick.tv_nsec) : 0;
}

// A tick is seen when it comes, or later: the earliest time of tick 0 that follows from any of them is the right one.
Result<std::array<std::uint64_t, WEIR_TICK_WORDS>> read_ticks() {
    const std::uint64_t tick_ns = tick_length_ns();
    if (tick_ns == 0) return std::array<std::uint64_t, WEIR_TICK_WORDS>{};
    quiet_libbpf();
    ObjectPtr object(bpf_object__open_mem(weir_template_ticks_begin,
                                          static_cast<std::size_t>(weir_template_ticks_end - weir_template_ticks_begin),
                                          nullptr));
    if (!object) return kernel_error(errno, "reading the program of ticks");
    bpf_program* program = bpf_object__find_program_by_name(object.get(), "weir_tick");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the program of ticks into the kernel");
    const auto first = moment(bpf_program__fd(program));
    if (!first) return first.error();
    constexpr std::uint64_t kLongest_ns = 100'000'000;
    const auto begin_ns = [tick_ns](const Moment& at) { return static_cast<std::int64_t>(at.ns - at.ticks * tick_ns); };
    std::int64_t earliest_ns = begin_ns(*first);
    for (;;) {
        const auto now = moment(bpf_program__fd(program));
        if (!now) return now.error();
        earliest_ns = std::min(earliest_ns, begin_ns(*now));
        if (now->ticks != first->ticks)
            return std::array<std::uint64_t, WEIR_TICK_WORDS>{tick_ns, static_cast<std::uint64_t>(earliest_ns)};
        if (now->ns - first->ns > kLongest_ns) return std::array<std::uint64_t, WEIR_TICK_WORDS>{};
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

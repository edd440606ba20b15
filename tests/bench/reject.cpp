// What an answer to a rejected packet costs: ns more than dropping it. bench_reject
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bpf/answer.h"
#include "runtime/handles.h"
#include "tests/bench/source_driver.h"
#include "tests/support/answers.h"
#include "tests/support/frames.h"

extern "C" const char weir_template_reject_driver_begin[];
extern "C" const char weir_template_reject_driver_end[];

namespace {

using namespace weir;
using namespace weir::bench;

constexpr int kRounds = 41, kRepeat = 20'000;

// As reject_driver.bpf.c has it.
struct Frame {
    std::uint32_t length = 0, moved = 0, cut = 0, is_moved = 0;
    std::uint8_t bytes[1514] = {};
};

class Driver {
public:
    Driver() {
        const auto size = static_cast<std::size_t>(weir_template_reject_driver_end - weir_template_reject_driver_begin);
        object_.reset(bpf_object__open_mem(weir_template_reject_driver_begin, size, nullptr));
        if (!object_ || bpf_object__load(object_.get()) != 0) give_up("the driver does not load: are you root?");
    }
    double ns(const char* program, const Frame& frame, std::uint32_t action, int policy = -1) {
        const std::uint32_t zero = 0;
        const int frames = bpf_object__find_map_fd_by_name(object_.get(), ".data.frame");
        if (policy >= 0)
            bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), "policy"), &zero, &policy, BPF_ANY);
        std::vector<std::uint8_t> value(sizeof(frame));
        std::memcpy(value.data(), &frame, sizeof(frame));
        bpf_map_info info{};
        __u32 length = sizeof(info);
        if (bpf_obj_get_info_by_fd(frames, &info, &length) != 0) give_up("the driver cannot be filled");
        value.resize(info.value_size);
        if (bpf_map_update_elem(frames, &zero, value.data(), BPF_ANY) != 0) give_up("the driver cannot be filled");
        LIBBPF_OPTS(bpf_test_run_opts, opts);
        opts.data_in = frame.bytes;
        opts.data_size_in = frame.length;
        opts.repeat = kRepeat;
        const bpf_program* run = bpf_object__find_program_by_name(object_.get(), program);
        if (bpf_prog_test_run_opts(bpf_program__fd(run), &opts) != 0) give_up("a test run failed");
        if (opts.retval != action) give_up(fmt::format("`{}` answered {}", program, opts.retval));
        return opts.duration;
    }

private:
    runtime::ObjectPtr object_;
};

// A limit that no run reaches: what it costs to ask for it counts.
void limit(const Loaded& policy) {
    const int buckets = policy.program.map("weir_answer_buckets");
    weir_answer_bucket bucket{};
    bucket.answer_ns = 1;
    for (std::uint32_t i = 0; i < WEIR_ANSWER_BUCKETS; ++i)
        if (bpf_map_update_elem(buckets, &i, &bucket, BPF_ANY) != 0) give_up("the limit cannot be set");
}

void measure(Driver& driver, const Loaded& rejects, const Loaded& drops, const char* about, const tests::Bytes& bytes) {
    const auto answer = tests::answer_to(bytes);
    if (!answer) give_up("a frame is not answered");
    Frame frame;
    frame.length = static_cast<std::uint32_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), frame.bytes);
    const bool is_tcp = (*answer)[23] == 6 || (*answer)[20] == 6;
    frame.moved = is_tcp ? 0 : bytes[12] == 8 ? 28 : 48;
    frame.cut = static_cast<std::uint32_t>(answer->size());
    Frame unmoved = frame;
    unmoved.moved = 0;
    double answered = 1e9, dropped = 1e9, moved = 1e9, still = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        answered = std::min(answered, driver.ns("answer", frame, XDP_TX, rejects.program.fd()));
        dropped = std::min(dropped, driver.ns("answer", unmoved, XDP_DROP, drops.program.fd()));
        moved = std::min(moved, driver.ns("move", frame, XDP_TX));
        still = std::min(still, driver.ns("still", unmoved, XDP_DROP));
    }
    // The frame is moved twice: by the answer, and back by the driver.
    fmt::print(
        "{:<28} {:>4.0f} ns more than a drop, without putting the frame back; {:>3.0f} ns of them the kernel's\n",
        about, answered - dropped - (moved - still) / 2, (moved - still) / 2);
}

}  // namespace

int main() {
    using namespace weir::tests;
    Driver driver;
    const Loaded rejects = load("default reject\n", ""), drops = load("default drop\n", "");
    limit(rejects);
    measure(driver, rejects, drops, "TCP, SYN", tcp4());
    measure(driver, rejects, drops, "TCP over IPv6, SYN", tcp6());
    measure(driver, rejects, drops, "UDP, 32 bytes", udp4({}, counting(32)));
    measure(driver, rejects, drops, "UDP over IPv6, 32 bytes", udp6({}, counting(32)));
    measure(driver, rejects, drops, "UDP, 520 bytes", udp4({}, counting(520)));
    measure(driver, rejects, drops, "UDP over IPv6, 1,184 bytes", udp6({}, counting(1184)));
}

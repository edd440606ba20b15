#include "tests/bench/frame_driver.h"

#include <bpf/bpf.h>

#include <algorithm>

#include "tests/bench/source_driver.h"

extern "C" const char weir_template_frame_driver_begin[];
extern "C" const char weir_template_frame_driver_end[];

namespace weir::bench {

FrameDriver::FrameDriver() {
    const auto size = static_cast<std::size_t>(weir_template_frame_driver_end - weir_template_frame_driver_begin);
    object_.reset(bpf_object__open_mem(weir_template_frame_driver_begin, size, nullptr));
    if (!object_ || bpf_object__load(object_.get()) != 0) give_up("the driver does not load: are you root?");
}

void FrameDriver::update(const char* map, const void* value) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), map), &zero, value, BPF_ANY) != 0)
        give_up("the driver cannot be filled");
}

void FrameDriver::set_frames(std::size_t bytes, const std::vector<std::uint8_t>& frames) {
    const std::uint64_t words = bytes / 8;
    bytes_ = bytes;
    update(".data.words", frames.data());
    update(".data.shape", &words);
}

double FrameDriver::ns(int program_fd) {
    constexpr std::size_t kLeast = 200'000;
    update("policy", &program_fd);
    const std::vector<std::uint8_t> frame(bytes_);
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.repeat = static_cast<int>(std::max(kFramesBytes / bytes_, kLeast));
    bpf_program* driver = bpf_object__find_program_by_name(object_.get(), "driver");
    if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts) != 0) give_up("a test run failed");
    if (opts.retval != 1 && opts.retval != 2) give_up("the driver did not reach the policy");
    return opts.duration;
}

}  // namespace weir::bench

#include "tests/bench/source_driver.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "compiler/compiler.h"
#include "runtime/kernel.h"

extern "C" const char weir_template_source_driver_begin[];
extern "C" const char weir_template_source_driver_end[];

namespace weir::bench {

void give_up(const std::string& why) {
    fmt::print(stderr, "{}: {}\n", program_invocation_short_name, why);
    std::exit(1);
}

double ms_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

std::vector<std::uint8_t> frame_of(std::uint8_t version) {
    std::vector<std::uint8_t> frame(version == 4 ? 60 : 62);
    frame[12] = version == 4 ? 0x08 : 0x86;
    frame[13] = version == 4 ? 0x00 : 0xdd;
    std::uint8_t* ip = &frame[14];
    if (version == 4) {
        ip[0] = 0x45, ip[3] = 46, ip[8] = 64, ip[9] = 17;
        ip[25] = 26;
    } else {
        ip[0] = 0x60, ip[5] = 8, ip[6] = 17, ip[7] = 64;
        ip[45] = 8;
    }
    return frame;
}

Loaded load(const std::string& text, const std::string& list) {
    Sources sources;
    Diagnostics diagnostics;
    sema::Files files;
    files.read = [&](const std::string&) { return Result<std::string>(list); };
    auto begin = std::chrono::steady_clock::now();
    const auto compiled = analyse(sources, "bench.rules", text, files, diagnostics);
    const double read_ms = ms_since(begin);
    if (!compiled) give_up("the policy has errors: " + text);
    begin = std::chrono::steady_clock::now();
    auto object = compile(*compiled, {});
    const double compile_ms = ms_since(begin);
    if (!object) give_up(object.error().message);
    begin = std::chrono::steady_clock::now();
    auto program = runtime::Program::load(*object, {});
    const double load_ms = ms_since(begin);
    if (!program) give_up(program.error().message);
    return {std::move(*object), std::move(*program), read_ms, compile_ms, load_ms};
}

SourceDriver::SourceDriver() {
    runtime::quiet_libbpf();
    const auto size = static_cast<std::size_t>(weir_template_source_driver_end - weir_template_source_driver_begin);
    object_.reset(bpf_object__open_mem(weir_template_source_driver_begin, size, nullptr));
    if (!object_ || bpf_object__load(object_.get()) != 0) give_up("the driver does not load: are you root?");
}

void SourceDriver::set_sources(const std::vector<IpAddress>& sources) {
    std::vector<std::uint8_t> bytes;
    for (const IpAddress& source : sources) bytes.insert(bytes.end(), source.bytes.begin(), source.bytes.end());
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), ".data.keys"), &zero, bytes.data(),
                            BPF_ANY) != 0)
        give_up("the sources do not fit");
}

double SourceDriver::ns(int program_fd, const std::vector<std::uint8_t>& frame) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), "policy"), &zero, &program_fd, BPF_ANY) != 0)
        give_up("no tail call");
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.repeat = static_cast<int>(kSources);
    bpf_program* driver = bpf_object__find_program_by_name(object_.get(), "driver");
    if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts) != 0) give_up("a test run failed");
    if (opts.retval != 1 && opts.retval != 2) give_up("the driver did not reach the policy");
    return opts.duration;
}

IpAddress address(std::size_t number, std::uint8_t version) {
    const std::uint64_t scattered = number * 0x9e3779b97f4a7c15;
    IpAddress address;
    address.version = version;
    for (std::size_t i = 0; i < (version == 4 ? 4u : 16u); ++i)
        address.bytes[i] = static_cast<std::uint8_t>(scattered >> (56 - i % 8 * 8));
    address.bytes[0] = version == 4 ? static_cast<std::uint8_t>(1 + address.bytes[0] % 200) : 0x20;
    return address;
}

}  // namespace weir::bench

#include "tests/bench/source_driver.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "compiler/compiler.h"
#include "grammar/base/seeded.h"
#include "runtime/kernel.h"

extern "C" const char weir_template_source_driver_begin[];
extern "C" const char weir_template_source_driver_end[];

namespace weir::bench {
namespace {

// Of each segment that a merged packet is cut into.
constexpr std::uint32_t kSegmentBytes = 300, kHeaderBytes = 54;

}  // namespace

double miss_ns(std::size_t bytes, std::size_t lines) {
    constexpr std::size_t kLineWords = 16;
    constexpr int kSteps = 500'000, kRuns = 7;
    std::vector<std::uint32_t> order(bytes / 64);
    std::iota(order.begin(), order.end(), 0u);
    Seeded random(3);
    std::shuffle(order.begin(), order.end(), random);
    order.resize(std::min(order.size(), lines));
    const runtime::UniqueMapping mapping(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
    if (!mapping || madvise(mapping.get(), bytes, MADV_NOHUGEPAGE) != 0) give_up("no memory");
    auto* memory = static_cast<std::uint32_t*>(mapping.get());
    for (std::size_t i = 0; i < order.size(); ++i) memory[order[i] * kLineWords] = order[(i + 1) % order.size()];
    std::uint32_t at = order[0];
    std::vector<double> ns;
    for (int run = 0; run < kRuns; ++run) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < kSteps; ++i) at = memory[at * kLineWords];
        ns.push_back(ms_since(begin) * 1e6 / kSteps);
    }
    if (at == 0xffffffff) fmt::print(" ");  // so that it is not left out
    return median(ns);
}

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

double SourceDriver::run(const char* driver, bpf_test_run_opts& opts, const std::vector<std::uint8_t>& frame) {
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.repeat = static_cast<int>(kSources);
    bpf_program* program = bpf_object__find_program_by_name(object_.get(), driver);
    if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts) != 0) give_up("a test run failed");
    return opts.duration;
}

double SourceDriver::ns(int program_fd, const std::vector<std::uint8_t>& frame) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), "policy"), &zero, &program_fd, BPF_ANY) != 0)
        give_up("no tail call");
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    const double ns = run("driver", opts, frame);
    if (opts.retval != 1 && opts.retval != 2) give_up("the driver did not reach the policy");
    return ns;
}

double SourceDriver::ns_out(int program_fd, const std::vector<std::uint8_t>& frame, std::uint32_t segments) {
    const std::uint32_t zero = 0;
    if (program_fd < 0) program_fd = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "passes_out"));
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_.get(), "policy_out"), &zero, &program_fd,
                            BPF_ANY) != 0)
        give_up("no tail call");
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    __sk_buff merged{};
    merged.gso_segs = segments;
    merged.gso_size = segments > 1 ? kSegmentBytes : 0;
    merged.wire_len = static_cast<__u32>(frame.size()) + (segments - 1) * kHeaderBytes;
    opts.ctx_in = &merged;
    opts.ctx_size_in = sizeof(merged);
    const double ns = run("driver_out", opts, frame);
    if (opts.retval != 2 && opts.retval != static_cast<__u32>(-1)) give_up("the driver did not reach the policy");
    return ns;
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

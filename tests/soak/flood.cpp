// Floods an interface with SYNs whose sources are all different, until standard input ends.
//   soak_flood IFACE RATE HOST_MAC HOST_ADDRESS OFFERED_PORT CLOSED_PORT
// Prints "sending" once it does, and at the end how many it sent to either port, and the rate. From the network
// namespace of IFACE, as root. The packets are the kernel's live-frame test runs (BPF_F_TEST_XDP_LIVE_FRAMES).
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/handles.h"
#include "runtime/kernel.h"

extern "C" const char weir_template_flood_begin[];
extern "C" const char weir_template_flood_end[];

namespace {

using namespace weir;

// As flood.bpf.c has them.
struct Aim {
    std::uint32_t ifindex = 0, answered = 64, ip_sum = 0, tcp_sum = 0;
    std::uint16_t offered = 0, closed = 0;
    std::uint8_t host[6] = {};
};
struct Sent {
    std::uint64_t offered = 0, answered = 0, closed = 0;
};

constexpr std::uint32_t kBatch = 32;  // a veth's ring holds 256
constexpr std::uint64_t kSecond_ns = 1'000'000'000;
constexpr std::uint64_t kChunks = 100;  // a second: between them others have the CPU

[[noreturn]] void give_up(const std::string& what, int number) {
    fmt::print(stderr, "soak_flood: {}: {}\n", what, std::strerror(number));
    std::exit(1);
}

// Ethernet, IPv4, TCP with SYN and MSS, padded to 60 bytes; what flood.bpf.c writes is 0.
std::vector<std::uint8_t> frame_to(const in_addr& host) {
    std::vector<std::uint8_t> frame(60);
    frame[6] = 2, frame[12] = 8;
    frame[14] = 0x45, frame[17] = 44, frame[22] = 64, frame[23] = 6;
    std::memcpy(&frame[30], &host, 4);
    frame[46] = 0x60, frame[47] = 2, frame[48] = 0xfa, frame[54] = 2, frame[55] = 4, frame[56] = 5, frame[57] = 0xb4;
    return frame;
}

std::uint32_t sum_of(const std::vector<std::uint8_t>& frame, std::size_t from, std::size_t to) {
    std::uint32_t sum = 0;
    for (std::size_t i = from; i < to; i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
    return sum;
}

bool is_stopped() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte = 0;
    return poll(&input, 1, 0) == 1 && read(STDIN_FILENO, &byte, 1) <= 0;
}

void send(int program, std::vector<std::uint8_t>& frame, std::uint64_t count) {
    xdp_md context{};
    context.data_end = static_cast<__u32>(frame.size());
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.ctx_in = &context;
    opts.ctx_size_in = sizeof(context);
    opts.repeat = static_cast<int>(count);
    opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    opts.batch_size = kBatch;
    if (const int failed = bpf_prog_test_run_opts(program, &opts); failed != 0) give_up("a test run", -failed);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) return fmt::print(stderr, "usage: soak_flood IFACE RATE MAC ADDRESS OFFERED CLOSED\n"), 2;
    const std::uint64_t rate = std::strtoull(argv[2], nullptr, 10);
    in_addr host{};
    inet_pton(AF_INET, argv[4], &host);
    std::vector<std::uint8_t> frame = frame_to(host);
    Aim aim;
    aim.ifindex = if_nametoindex(argv[1]);
    std::uint8_t* mac = aim.host;
    if (std::sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
        give_up(argv[3], EINVAL);
    aim.offered = static_cast<std::uint16_t>(std::atoi(argv[5])),
    aim.closed = static_cast<std::uint16_t>(std::atoi(argv[6]));
    aim.ip_sum = sum_of(frame, 14, 34);
    aim.tcp_sum = sum_of(frame, 30, 58) + 6 + 24;  // and of the pseudo-header: the protocol, the length

    runtime::quiet_libbpf();
    const auto size = static_cast<std::size_t>(weir_template_flood_end - weir_template_flood_begin);
    const runtime::ObjectPtr object(bpf_object__open_mem(weir_template_flood_begin, size, nullptr));
    if (!object || bpf_object__load(object.get()) != 0) give_up("loading the flood", errno);
    const int program = bpf_program__fd(bpf_object__find_program_by_name(object.get(), "flood"));
    const auto map = [&](const char* name) { return bpf_object__find_map_fd_by_name(object.get(), name); };
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(map(".data.aim"), &zero, &aim, BPF_ANY) != 0) give_up("aiming", errno);
    // A program that is attached nowhere costs each test run 16 to 32 ms (runtime/bench.cpp).
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
    const runtime::UniqueFd link(bpf_link_create(program, static_cast<int>(if_nametoindex("lo")), BPF_XDP, &opts));
    if (!link) give_up("attaching to lo", errno);
    cpu_set_t one;  // its counts are those of one CPU
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);

    fmt::print("sending\n");
    std::fflush(stdout);
    const std::uint64_t begin_ns = runtime::monotonic_ns(), chunk = std::max<std::uint64_t>(rate / kChunks, kBatch);
    std::uint64_t due_ns = begin_ns;
    while (!is_stopped()) {
        send(program, frame, chunk);
        due_ns += chunk * kSecond_ns / rate;
        const std::uint64_t now_ns = runtime::monotonic_ns();
        // What a busy machine could not send is not made up for by more than half a second.
        if (now_ns < due_ns)
            std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns - now_ns));
        else
            due_ns = std::max(due_ns, now_ns - kSecond_ns / 2);
    }
    const double seconds = static_cast<double>(runtime::monotonic_ns() - begin_ns) * 1e-9;
    Sent sent;
    if (bpf_map_lookup_elem(map(".data.sent"), &zero, &sent) != 0) give_up("reading the counts", errno);
    fmt::print("{} {} {} {:.0f}\n", sent.offered, sent.closed, sent.answered,
               static_cast<double>(sent.offered + sent.closed) / seconds);
    return 0;
}

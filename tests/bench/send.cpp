// Sends the frames of a shape out of an interface, through the kernel's live-frame test runs, and says what one costs,
// in ns: the least and the median over chunks. bench_send IFACE SHAPE COUNT [SEED]; SHAPE is `flows` for packets of
// both ends of COUNT flows, in turn.
//
// All on one CPU: veth hands each frame to its peer, whose softirq runs in here, so that the time of a chunk is the
// time of everything that the peer's namespace does to its packets.
// bench_send --gro IFACE turns generic receive offload on there: veth takes XDP frames only from then on.
#include <bpf/bpf.h>
#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/bench.h"
#include "runtime/kernel.h"
#include "tests/bench/rule_shapes.h"

namespace {

using weir::Error;
using weir::runtime::Frames;

constexpr std::uint32_t kFrames = 8192;
constexpr std::uint32_t kBatch = 16;             // few enough that softirqs end before they are put off
constexpr std::uint64_t kChunkNs = 100'000'000;  // a test run's own set-up takes up to 20 ms, and is taken off
constexpr std::size_t kChunks = 7;

int say(const Error& error) {
    fmt::print(stderr, "bench_send: {}\n", error.message);
    return 3;
}

// What makes a frame one that IP stacks take: our address, the header's checksum.
void finish(std::vector<std::uint8_t>& frame) {
    const std::uint8_t addresses[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    std::copy(std::begin(addresses), std::end(addresses), frame.begin());
    if (frame[12] != 8 || frame[13] != 0) return;
    frame[24] = frame[25] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    frame[24] = static_cast<std::uint8_t>(~sum >> 8);
    frame[25] = static_cast<std::uint8_t>(~sum);
}

// UDP of both ends of each flow.
Frames flow_frames(std::uint32_t flows) {
    constexpr std::size_t kBytes = 60, kSourceAt = 26, kTargetAt = 30;
    Frames frames;
    for (std::uint32_t i = 0; i < 2 * flows; ++i) {
        std::vector<std::uint8_t> frame(kBytes);
        frame[12] = 8;
        frame[14] = 0x45, frame[17] = 46, frame[22] = 64, frame[23] = 17;
        const std::uint32_t number = i / 2;
        const std::uint8_t ends[2][4] = {
            {11, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}, {12, 0, 0, 1}};
        std::copy_n(ends[i % 2], 4, frame.begin() + kSourceAt);
        std::copy_n(ends[1 - i % 2], 4, frame.begin() + kTargetAt);
        frame[34] = frame[36] = 20, frame[39] = 26;
        frames.push_back(std::move(frame));
    }
    return frames;
}

int turn_gro_on(const char* interface) {
    const weir::runtime::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_value on{ETHTOOL_SGRO, 1};
    ifreq request{};
    std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&on);
    if (ioctl(fd.get(), SIOCETHTOOL, &request) != 0) return say(weir::runtime::kernel_error(errno, "turning GRO on"));
    return 0;
}

// ns that `count` frames took, or 0 and an error.
std::uint64_t send(const weir::runtime::FrameFeed& feed, std::uint32_t count, int& failed) {
    std::vector<std::uint8_t> packet(std::max<std::size_t>(feed.longest_bytes(), 60));
    xdp_md context{};
    context.data_end = static_cast<__u32>(packet.size());
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = packet.data();
    opts.data_size_in = static_cast<__u32>(packet.size());
    opts.ctx_in = &context;
    opts.ctx_size_in = sizeof(context);
    opts.repeat = static_cast<int>(count);
    opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    opts.batch_size = kBatch;
    const std::uint64_t begin = weir::runtime::monotonic_ns();
    failed = bpf_prog_test_run_opts(feed.fd(), &opts);
    return weir::runtime::monotonic_ns() - begin;
}

int run(const char* interface, const Frames& frames) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    auto feed = weir::runtime::FrameFeed::load(frames, weir::runtime::FrameFeed::Purpose::kSend);
    if (!feed) return say(feed.error());
    if (const auto aimed = feed->aim(0, 0, if_nametoindex(interface)); !aimed) return say(aimed.error());
    int failed = 0;
    const auto timed = [&](std::uint32_t count) { return failed == 0 ? send(*feed, count, failed) : 0; };
    std::vector<std::uint64_t> set_ups;
    for (std::size_t i = 0; i < kChunks; ++i) set_ups.push_back(timed(kBatch));
    std::sort(set_ups.begin(), set_ups.end());
    const std::uint64_t set_up = set_ups[kChunks / 2];
    std::uint32_t count = 64 * kBatch;
    while (failed == 0 && timed(count) < set_up + kChunkNs) count *= 2;
    std::vector<double> chunks;
    for (std::size_t i = 0; i < kChunks; ++i) {
        const std::uint64_t ns = timed(count);
        chunks.push_back(static_cast<double>(ns > set_up ? ns - set_up : 0) / (count - kBatch));
    }
    if (failed != 0) return say(weir::runtime::kernel_error(failed, "sending frames"));
    const std::uint64_t sent = std::uint64_t{kChunks} * count;
    std::sort(chunks.begin(), chunks.end());
    fmt::print("{:.1f} {:.1f} {}\n", chunks.front(), chunks[chunks.size() / 2], sent);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--gro") return turn_gro_on(argv[2]);
    const bool sends_flows = argc > 3 && std::string_view(argv[2]) == "flows";
    const auto shape = argc > 3 ? weir::bench::shape_named(argv[2]) : std::nullopt;
    if (!shape && !sends_flows)
        return say({"usage: bench_send IFACE SHAPE|flows COUNT [SEED] | --gro IFACE", {}, 0}), 2;
    const std::uint64_t seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
    const auto count = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
    Frames frames = sends_flows ? flow_frames(std::min(count, kFrames / 2))
                                : weir::bench::make_frames(weir::bench::make_rules(*shape, count, seed), kFrames, seed);
    for (auto& frame : frames) finish(frame);
    return run(argv[1], frames);
}

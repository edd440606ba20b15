// Tested by tests/unit/runtime/bench_test.cpp.
#include "runtime/bench.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "runtime/engine/program.h"
#include "runtime/engine/root.h"
#include "runtime/kernel.h"
#include "runtime/trial_run.h"

extern "C" {
extern const unsigned char weir_template_bare_begin[], weir_template_bare_end[];
extern const unsigned char weir_template_measure_begin[], weir_template_measure_end[];
}

namespace weir::runtime {
namespace {

constexpr std::uint32_t kBatchPackets = 512;  // enough to drown the 1 to 2 us that a test run itself takes
constexpr std::uint32_t kBareSlot = 0, kRootSlot = 1;
constexpr unsigned kLoads = 5;
constexpr std::uint64_t kLoadsNs = 1'000'000'000;  // no more loads once they took this long
constexpr unsigned kSwaps = 1001;
constexpr std::size_t kFrameHead = offsetof(weir_measured_frame, bytes);

template <typename T>
T median(std::vector<T> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

Result<ObjectPtr> open_own(const unsigned char* begin, const unsigned char* end) {
    quiet_libbpf();
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir");
    bpf_object* object = bpf_object__open_mem(begin, static_cast<std::size_t>(end - begin), &opts);
    if (object == nullptr) return kernel_error(errno, "reading a program of weir's own");
    return ObjectPtr(object);
}

Status load_own(bpf_object* object) {
    if (const int failed = bpf_object__load(object); failed != 0)
        return kernel_error(failed, "loading a program of weir's own");
    return Done{};
}

// Keeps this thread on the CPU that it is on: a batch is not to move.
class OneCpu {
public:
    OneCpu() {
        known_ = sched_getaffinity(0, sizeof(before_), &before_) == 0;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        if (known_) sched_setaffinity(0, sizeof(one), &one);
    }
    ~OneCpu() {
        if (known_) sched_setaffinity(0, sizeof(before_), &before_);
    }
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;

private:
    cpu_set_t before_{};
    bool known_ = false;
};

// Attached to the loopback of a network namespace that has nothing else. A program attached nowhere costs every test
// run 16 to 32 ms: the kernel patches its XDP dispatcher twice.
struct Attached {
    UniqueFd space;
    UniqueFd link;
};

Result<Attached> attach_in_own_namespace(int program) {
    constexpr unsigned kLoopback = 1;
    const UniqueFd home(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!home || unshare(CLONE_NEWNET) != 0) {
        Error error = kernel_error(errno, "making a network namespace to measure in");
        if (error.number == EPERM) error.help = "run as root, or with CAP_SYS_ADMIN too";
        return error;
    }
    Attached attached;
    attached.space = UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);
    attached.link = UniqueFd(bpf_link_create(program, kLoopback, BPF_XDP, &opts));
    const int failed = attached.link ? 0 : errno;
    if (setns(home.get(), CLONE_NEWNET) != 0) return kernel_error(errno, "returning to the network namespace");
    if (failed != 0) return kernel_error(failed, "attaching the measuring program");
    return attached;
}

// Takes out what the policy's rules say, so that they find the ring as they would find it in service.
struct Drain {
    RingPtr ring{};
    explicit Drain(int events) {
        if (events >= 0)
            ring.reset(ring_buffer__new(events, [](void*, void*, std::size_t) { return 0; }, nullptr, nullptr));
    }
    void operator()() const {
        if (ring) ring_buffer__consume(ring.get());
    }
};

// ns a packet, rounded down.
Result<std::uint32_t> run_batch(FrameFeed& feed, std::uint32_t slot, std::uint32_t first,
                                std::vector<std::uint8_t>& packet) {
    if (Status aimed = feed.aim(slot, first, 0); !aimed) return aimed.error();
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = packet.data();
    opts.data_size_in = static_cast<__u32>(packet.size());
    opts.repeat = kBatchPackets;
    if (const int failed = bpf_prog_test_run_opts(feed.fd(), &opts); failed != 0)
        return kernel_error(failed, "a test run of packets");
    if (opts.retval == 0 /* XDP_ABORTED */)
        return Error{"the measuring program could not place a frame", "this is a bug of weir", 0};
    return opts.duration;
}

struct Batches {
    std::vector<std::uint32_t> bare{}, policy{};
};

// A batch of the bare program, a batch of the policy with the same frames, and so on: what disturbs the machine
// disturbs both.
Result<Batches> run_batches(FrameFeed& feed, const Drain& drain, const BenchOptions& options) {
    const OneCpu here;
    std::vector<std::uint8_t> packet(std::max<std::uint32_t>(feed.longest_bytes(), ETH_ZLEN));
    const std::uint64_t total =
        std::max<std::uint64_t>(std::uint64_t{feed.frame_count()} * options.repeat, kBatchPackets);
    Batches batches;
    for (std::uint64_t done = 0; done < total; done += kBatchPackets) {
        const auto first = static_cast<std::uint32_t>(done % feed.frame_count());
        for (const std::uint32_t slot : {kBareSlot, kRootSlot}) {
            auto ns = run_batch(feed, slot, first, packet);
            if (!ns) return ns.error();
            (slot == kBareSlot ? batches.bare : batches.policy).push_back(*ns);
        }
        drain();
        if (options.on_progress) options.on_progress(done);
    }
    return batches;
}

// Neighbours on a machine slow everything down for milliseconds at a time. Where the bare program of a pair is over a
// tenth slower than in the best quarter of all pairs, the pair says more about them than about the policy. Returns the
// share that stays.
double drop_disturbed(Batches& batches) {
    std::vector<std::uint32_t> sorted = batches.bare;
    const auto quarter = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 4);
    std::nth_element(sorted.begin(), quarter, sorted.end());
    const std::uint32_t limit = *quarter + std::max(*quarter / 10, 1u);
    Batches kept;
    for (std::size_t i = 0; i < batches.bare.size(); ++i) {
        if (batches.bare[i] > limit) continue;
        kept.bare.push_back(batches.bare[i]);
        kept.policy.push_back(batches.policy[i]);
    }
    const double share = static_cast<double>(kept.bare.size()) / static_cast<double>(batches.bare.size());
    batches = std::move(kept);
    return share;
}

// The commit of an engine's swap, clock included (some 30 ns).
double measure_swap_us(Root& root) {
    std::vector<std::uint64_t> commits;
    for (unsigned i = 0; i < kSwaps; ++i) {
        const std::uint64_t begin = monotonic_ns();
        root.replace(root.in_force(), root.in_force());
        commits.push_back(monotonic_ns() - begin);
    }
    return static_cast<double>(median(std::move(commits))) / 1e3;
}

// Loads several times; keeps the last.
Result<Program> measure_load(const bpf::Object& object, const BenchOptions& options, double& load_ms) {
    ProgramOptions program_options;
    program_options.settings.observe = options.observe ? 1 : 0;
    program_options.settings.generation = 1;
    std::vector<std::uint64_t> loads;
    std::uint64_t spent_ns = 0;
    for (;;) {
        const std::uint64_t begin = monotonic_ns();
        auto program = Program::load(object, program_options);
        loads.push_back(monotonic_ns() - begin);
        spent_ns += loads.back();
        if (!program || loads.size() == kLoads || spent_ns > kLoadsNs) {
            load_ms = static_cast<double>(*std::min_element(loads.begin(), loads.end())) / 1e6;
            return program;
        }
    }
}

}  // namespace

Result<FrameFeed> FrameFeed::load(const Frames& frames, Purpose purpose) {
    std::uint32_t count = 0, longest = 0;
    for (const auto& frame : frames) {
        if (!TestRunner::accepts(frame.size())) continue;
        ++count;
        longest = std::max(longest, static_cast<std::uint32_t>(frame.size()));
    }
    if (count == 0) return Error{"there is no frame to measure with", {}, 0};
    auto opened = open_own(weir_template_measure_begin, weir_template_measure_end);
    if (!opened) return opened.error();
    bpf_object* object = opened->get();
    bpf_program* run = bpf_object__find_program_by_name(object, "weir_measure_run");
    bpf_program* send = bpf_object__find_program_by_name(object, "weir_measure_send");
    bpf_program__set_autoload(purpose == Purpose::kRun ? send : run, false);
    bpf_map* stored = bpf_object__find_map_by_name(object, "weir_measured_frames");
    bpf_map__set_max_entries(stored, count);
    bpf_map__set_value_size(stored, static_cast<__u32>(kFrameHead + (longest + 7) / 8 * 8));
    const weir_measure_settings settings{count, longest};
    bpf_map__set_initial_value(bpf_object__find_map_by_name(object, ".rodata"), &settings, sizeof(settings));
    if (Status loaded = load_own(object); !loaded) return loaded.error();
    FrameFeed feed(std::move(*opened), purpose == Purpose::kRun ? run : send);
    feed.frame_count_ = count;
    feed.longest_bytes_ = longest;
    if (Status kept = feed.store(frames); !kept) return kept.error();
    return feed;
}

Status FrameFeed::store(const Frames& frames) {
    const bpf_map* map = bpf_object__find_map_by_name(object_.get(), "weir_measured_frames");
    std::vector<std::uint8_t> value(bpf_map__value_size(map));
    std::uint32_t number = 0;
    for (const auto& frame : frames) {
        if (!TestRunner::accepts(frame.size())) continue;
        const auto length = static_cast<std::uint32_t>(frame.size());
        std::memcpy(value.data(), &length, sizeof(length));
        std::copy(frame.begin(), frame.end(), value.begin() + kFrameHead);
        if (bpf_map_update_elem(bpf_map__fd(map), &number, value.data(), BPF_ANY) != 0)
            return kernel_error(errno, "storing the frames");
        ++number;
    }
    return Done{};
}

Status FrameFeed::put_program(std::uint32_t slot, int program_fd) {
    const int programs = bpf_object__find_map_fd_by_name(object_.get(), "weir_measured_programs");
    if (bpf_map_update_elem(programs, &slot, &program_fd, BPF_ANY) != 0)
        return kernel_error(errno, "placing a program to measure");
    return Done{};
}

Status FrameFeed::aim(std::uint32_t slot, std::uint32_t first, std::uint32_t ifindex) {
    const std::uint32_t zero = 0;
    const weir_measure measure{slot, first % frame_count_, ifindex};
    const int map = bpf_object__find_map_fd_by_name(object_.get(), ".data.weir_measure");
    if (bpf_map_update_elem(map, &zero, &measure, BPF_ANY) != 0)
        return kernel_error(errno, "setting the measuring program");
    return Done{};
}

Percentiles percentiles_of_floors(std::vector<std::uint32_t> averages) {
    if (averages.empty()) return {};
    std::sort(averages.begin(), averages.end());
    const auto at = [&](double share) {
        const double rank = share * static_cast<double>(averages.size());
        const std::uint32_t value = averages[std::min(static_cast<std::size_t>(rank), averages.size() - 1)];
        const auto [begin, end] = std::equal_range(averages.begin(), averages.end(), value);
        return value + (rank - static_cast<double>(begin - averages.begin())) / static_cast<double>(end - begin);
    };
    return {at(0.50), at(0.99)};
}

Result<BenchFigures> bench(const bpf::Object& object, const Frames& frames, const BenchOptions& options) {
    BenchFigures figures;
    auto program = measure_load(object, options, figures.load_ms);
    if (!program) return program.error();
    auto root = Root::load();
    if (!root) return root.error();
    const auto slot = root->place(program->fd());
    if (!slot) return slot.error();
    root->replace(root->in_force(), InForce::permanent(*slot));
    auto bare = open_own(weir_template_bare_begin, weir_template_bare_end);
    if (!bare) return bare.error();
    if (Status loaded = load_own(bare->get()); !loaded) return loaded.error();
    auto feed = FrameFeed::load(frames, FrameFeed::Purpose::kRun);
    if (!feed) return feed.error();
    const int bare_fd = bpf_program__fd(bpf_object__find_program_by_name(bare->get(), "weir_bare"));
    if (Status put = feed->put_program(kBareSlot, bare_fd); !put) return put.error();
    if (Status put = feed->put_program(kRootSlot, root->program_fd()); !put) return put.error();
    const auto attached = attach_in_own_namespace(feed->fd());
    if (!attached) return attached.error();

    auto batches = run_batches(*feed, Drain(program->map("weir_events")), options);
    if (!batches) return batches.error();
    figures.undisturbed = drop_disturbed(*batches);
    figures.packet_ns = percentiles_of_floors(std::move(batches->policy));
    figures.baseline_ns = percentiles_of_floors(std::move(batches->bare)).p50;
    figures.swap_us = measure_swap_us(*root);
    figures.packets = feed->frame_count();
    figures.program_insns = program->program_insns();
    figures.verified_insns = program->verified_insns();
    figures.memory_bytes = program->memory_bytes();
    return figures;
}

Result<RootCost> measure_root(const Frames& frames) {
    auto bare = open_own(weir_template_bare_begin, weir_template_bare_end);
    if (!bare) return bare.error();
    if (Status loaded = load_own(bare->get()); !loaded) return loaded.error();
    const int bare_fd = bpf_program__fd(bpf_object__find_program_by_name(bare->get(), "weir_bare"));
    auto root = Root::load();
    if (!root) return root.error();
    const auto slot = root->place(bare_fd);
    if (!slot) return slot.error();
    auto feed = FrameFeed::load(frames, FrameFeed::Purpose::kRun);
    if (!feed) return feed.error();
    if (Status put = feed->put_program(kBareSlot, bare_fd); !put) return put.error();
    if (Status put = feed->put_program(kRootSlot, root->program_fd()); !put) return put.error();
    const auto attached = attach_in_own_namespace(feed->fd());
    if (!attached) return attached.error();
    BenchOptions options;
    options.repeat = 200;
    RootCost cost;
    root->set_deadline(~std::uint64_t{0});
    for (const auto& [in_force, ns] : {std::pair{InForce::permanent(*slot), &cost.permanent_ns},
                                       std::pair{InForce::until_deadline(*slot, *slot), &cost.until_deadline_ns}}) {
        root->replace(root->in_force(), in_force);
        auto batches = run_batches(*feed, Drain(-1), options);
        if (!batches) return batches.error();
        drop_disturbed(*batches);
        *ns =
            percentiles_of_floors(std::move(batches->policy)).p50 - percentiles_of_floors(std::move(batches->bare)).p50;
    }
    return cost;
}

}  // namespace weir::runtime

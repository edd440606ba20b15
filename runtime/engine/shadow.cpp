// Tested by tests/kernel/shadow_test.cpp with `shadow`.
#include "runtime/engine/shadow.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include <fmt/format.h>

#include "bpf/direction.h"
#include "grammar/base/names.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/answers.h"
#include "runtime/kernel.h"

extern "C" const char weir_template_shadow_begin[];
extern "C" const char weir_template_shadow_end[];
extern "C" const char weir_template_shadow_egress_begin[];
extern "C" const char weir_template_shadow_egress_end[];

namespace weir::runtime {
namespace {

std::string row_name(const bpf::Manifest& manifest, std::uint32_t row) {
    if (row < manifest.rules.size()) return manifest.rules[row].name;
    if (row == manifest.rules.size() + WEIR_ROW_DEFAULT_EGRESS) return "default egress";
    return row == manifest.rules.size() ? "default" : "malformed";
}

}  // namespace

ProgramOptions Shadow::live_options(std::uint32_t generation, const SharedMaps& shared, FrameBuffers frames) {
    ProgramOptions options;
    options.settings.tells = 1;
    options.settings.generation = generation;
    options.settings.frames = static_cast<std::uint32_t>(frames);
    options.shared = shared;
    return options;
}

// With a ring that nobody reads: a candidate alerts nobody, and remembers for itself. It reads the flows of the policy
// in force.
ProgramOptions Shadow::candidate_options(std::uint32_t generation, int flows, FrameBuffers frames) {
    ProgramOptions options = live_options(generation, {}, frames);
    options.shared.flows = flows;
    options.settings.only_tells = 1;
    return options;
}

Result<Shadow> Shadow::load(const bpf::Object& live, std::uint32_t generation, const SharedMaps& shared,
                            const bpf::Object& candidate, Origin origin, FrameBuffers frames,
                            const LoadProgram& load_program) {
    auto live_program = load_program(live, live_options(generation, shared, frames));
    if (!live_program) return live_program.error();
    auto candidate_program = load_program(
        candidate, candidate_options(generation, shared.state != nullptr ? shared.state->flows() : -1, frames));
    if (!candidate_program) return candidate_program.error();
    Shadow shadow(std::move(*live_program), std::move(*candidate_program));

    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir_shadow");
    ObjectPtr object(
        bpf_object__open_mem(weir_template_shadow_begin,
                             static_cast<std::size_t>(weir_template_shadow_end - weir_template_shadow_begin), &opts));
    if (!object) return kernel_error(errno, "reading the shadow program");
    take_frames(bpf_object__find_program_by_name(object.get(), "weir_shadow"), frames);
    const weir_shadow_settings wanted{answers(live.manifest) ? 1u : 0u, -1, -1};
    bpf_map* settings = bpf_object__find_map_by_name(object.get(), ".rodata");
    if (settings == nullptr || bpf_map__set_initial_value(settings, &wanted, sizeof(wanted)) != 0)
        return kernel_error(errno, "setting up the shadow program");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the shadow program into the kernel");
    const auto map = [&](const char* name) { return duplicate(bpf_object__find_map_fd_by_name(object.get(), name)); };
    shadow.program_ = duplicate(bpf_program__fd(bpf_object__find_program_by_name(object.get(), "weir_shadow")));
    shadow.shadowed_ = map("weir_shadowed");
    shadow.pairs_ = map("weir_disagreed");
    shadow.counts_ = map("weir_shadow_counted");
    shadow.samples_ = map("weir_shadow_ring");
    const std::pair<std::uint32_t, int> programs[] = {{WEIR_SHADOW_CANDIDATE, shadow.candidate_.fd()},
                                                      {WEIR_SHADOW_LIVE, shadow.live_.fd()}};
    for (const auto& [slot, fd] : programs)
        if (bpf_map_update_elem(shadow.shadowed_.get(), &slot, &fd, BPF_ANY) != 0)
            return kernel_error(errno, "placing the candidate");
    shadow.live_manifest_ = live.manifest;
    shadow.candidate_object_ = candidate;
    shadow.origin_ = std::move(origin);
    if (Status loaded = shadow.load_egress(object.get()); !loaded) return loaded.error();
    shadow.take_ = std::make_unique<std::function<void(const weir_shadow_sample&)>>();
    const auto receive = [](void* take, void* record, std::size_t bytes) {
        if (bytes >= sizeof(weir_shadow_sample))
            (*static_cast<std::function<void(const weir_shadow_sample&)>*>(take))(
                *static_cast<weir_shadow_sample*>(record));
        return 0;
    };
    shadow.ring_.reset(ring_buffer__new(shadow.samples_.get(), receive, shadow.take_.get(), nullptr));
    if (!shadow.ring_) return kernel_error(errno, "reading the samples of disagreements");
    return shadow;
}

// The comparison of packets on their way out, where either policy judges them; the other one passes them. `first`: the
// comparison of those that come in, whose counts and samples are shared.
Status Shadow::load_egress(bpf_object* first) {
    if (live_.egress_fd() < 0 && candidate_.egress_fd() < 0) return Done{};
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir_shadow");
    ObjectPtr object(bpf_object__open_mem(
        weir_template_shadow_egress_begin,
        static_cast<std::size_t>(weir_template_shadow_egress_end - weir_template_shadow_egress_begin), &opts));
    if (!object) return kernel_error(errno, "reading the shadow program");
    const auto passes = [](const Program& program, const bpf::Manifest& manifest) {
        const auto row = static_cast<std::uint32_t>(manifest.rules.size() + WEIR_ROW_DEFAULT_EGRESS);
        return program.egress_fd() >= 0 ? -1 : static_cast<int>(WEIR_TOLD(row, WEIR_PASS, 0xf));
    };
    const weir_shadow_settings wanted{0, passes(live_, live_manifest_), passes(candidate_, candidate_object_.manifest)};
    if (bpf_map__set_initial_value(bpf_object__find_map_by_name(object.get(), ".rodata"), &wanted, sizeof(wanted)) != 0)
        return kernel_error(errno, "setting up the shadow program");
    for (const char* shared : {"weir_disagreed", "weir_shadow_counted", "weir_shadow_ring"})
        if (bpf_map__reuse_fd(bpf_object__find_map_by_name(object.get(), shared),
                              bpf_object__find_map_fd_by_name(first, shared)) != 0)
            return kernel_error(errno, "sharing the counts of disagreements");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the shadow program into the kernel");
    egress_ = duplicate(bpf_program__fd(bpf_object__find_program_by_name(object.get(), "weir_shadow")));
    egress_shadowed_ = duplicate(bpf_object__find_map_fd_by_name(object.get(), "weir_shadowed"));
    const std::pair<std::uint32_t, int> programs[] = {{WEIR_SHADOW_CANDIDATE, candidate_.egress_fd()},
                                                      {WEIR_SHADOW_LIVE, live_.egress_fd()}};
    for (const auto& [place, fd] : programs)
        if (fd >= 0 && bpf_map_update_elem(egress_shadowed_.get(), &place, &fd, BPF_ANY) != 0)
            return kernel_error(errno, "placing the candidate");
    return Done{};
}

std::string Shadow::restore_programs() {
    std::string restored;
    struct Wanted {
        int map;
        std::uint32_t place;
        int fd;
        const char* name;
    };
    const Wanted wanted[] = {
        {shadowed_.get(), WEIR_SHADOW_LIVE, live_.fd(), "the policy in force"},
        {shadowed_.get(), WEIR_SHADOW_CANDIDATE, candidate_.fd(), "the candidate"},
        {egress_shadowed_fd(), WEIR_SHADOW_LIVE, live_.egress_fd(), "the policy in force on the way out"},
        {egress_shadowed_fd(), WEIR_SHADOW_CANDIDATE, candidate_.egress_fd(), "the candidate on the way out"}};
    for (const auto& [map, place, fd, name] : wanted) {
        std::uint32_t id = 0;
        if (map < 0 || fd < 0 || (bpf_map_lookup_elem(map, &place, &id) == 0 && id == program_id(fd))) continue;
        if (bpf_map_update_elem(map, &place, &fd, BPF_ANY) != 0) continue;  // the next time
        restored += (restored.empty() ? "" : " and ") + std::string(name);
    }
    return restored;
}

int Shadow::take_samples(const OnDisagreement& on_disagreement) {
    const std::uint64_t boot_ns = realtime_ns() - monotonic_ns();
    const auto said = [](const bpf::Manifest& manifest, std::uint32_t row, std::uint32_t verdict) {
        return fmt::format("{} by {}", verdict_name(verdict), row_name(manifest, row));
    };
    *take_ = [&](const weir_shadow_sample& sample) {
        if (!on_disagreement) return;
        on_disagreement({{sample.bytes, std::min(sample.captured, WEIR_SHADOW_BYTES)},
                         boot_ns + sample.time_ns,
                         said(live_manifest_, sample.pair.live_row, sample.pair.live_verdict),
                         said(candidate_object_.manifest, sample.pair.candidate_row, sample.pair.candidate_verdict)});
    };
    const int taken = ring_buffer__consume(ring_.get());
    *take_ = nullptr;
    return std::max(taken, 0);
}

Result<ShadowStatus> Shadow::status() const {
    ShadowStatus status;
    status.policy = candidate_object_.manifest.policy;
    status.origin = origin_;
    const std::uint32_t zero = 0;
    std::vector<weir_shadow_counts> counts(possible_cpus());
    if (bpf_map_lookup_elem(counts_.get(), &zero, counts.data()) != 0)
        return kernel_error(errno, "reading the counts of disagreements");
    for (const weir_shadow_counts& one : counts) {
        status.disagreements += one.disagreements;
        status.unnamed += one.unnamed;
    }
    auto counted = read_counts(live_, live_manifest_);
    if (!counted) return counted.error();
    status.packets = decided(*counted, live_manifest_);
    weir_disagreement pair{}, *before = nullptr;
    for (; bpf_map_get_next_key(pairs_.get(), before, &pair) == 0; before = &pair) {
        std::uint64_t packets = 0;
        if (bpf_map_lookup_elem(pairs_.get(), &pair, &packets) != 0) continue;
        status.pairs.push_back({row_name(live_manifest_, pair.live_row), std::string(verdict_name(pair.live_verdict)),
                                row_name(candidate_object_.manifest, pair.candidate_row),
                                std::string(verdict_name(pair.candidate_verdict)), packets});
    }
    std::sort(status.pairs.begin(), status.pairs.end(), [](const auto& a, const auto& b) {
        return a.packets != b.packets ? a.packets > b.packets
               : a.live != b.live     ? a.live < b.live
                                      : a.candidate < b.candidate;
    });
    return status;
}

Result<Program> shadowed_policy(int shadowed_fd, int egress_shadowed_fd, const std::vector<bpf::StateMap>& state) {
    const std::uint32_t slot = WEIR_SHADOW_LIVE;
    std::uint32_t id = 0, egress_id = 0;
    UniqueFd egress;
    if (egress_shadowed_fd >= 0 && bpf_map_lookup_elem(egress_shadowed_fd, &slot, &egress_id) == 0)
        egress = UniqueFd(bpf_prog_get_fd_by_id(egress_id));
    if (bpf_map_lookup_elem(shadowed_fd, &slot, &id) != 0)
        return kernel_error(errno, "looking for the policy beside a candidate");
    UniqueFd program(bpf_prog_get_fd_by_id(id));
    if (!program) return kernel_error(errno, "opening the policy beside a candidate");
    return Program::adopt(std::move(program), std::move(egress), state);
}

}  // namespace weir::runtime

// Tested by tests/kernel/state_test.cpp.
#include "runtime/engine/program.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>

#include <fmt/format.h>

#include "bpf/answer.h"
#include "runtime/engine/answers.h"
#include "runtime/engine/frames.h"
#include "runtime/kernel.h"
#include "runtime/print_seed.h"
#include "runtime/ticks.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kLogBytes = 1 << 20;    // of the verifier's words; a full log would take minutes
constexpr std::size_t kLogShown = 4000;       // its end tells
constexpr std::size_t kKernelNameBytes = 15;  // BPF_OBJ_NAME_LEN less its zero
constexpr std::uint32_t kMaxMaps = 64;        // the kernel's limit for a program

Error missing(const char* what) {
    return {fmt::format("the compiled policy has no {}: it is of another version", what), "compile it again", EINVAL};
}

// A ring for each CPU: the one of the policy before, where that records alike.
Status prepare_record(bpf_object* object, const bpf::Object& compiled, const SharedMaps& shared) {
    bpf_map* record = bpf_object__find_map_by_name(object, "weir_record");
    if (record == nullptr) return Done{};
    const bpf::RecordInfo& wanted = compiled.manifest.record;
    if (wanted.bytes == 0) {  // who has no size for it has no use for it
        bpf_map__set_autocreate(record, false);
        return Done{};
    }
    bpf_map__set_max_entries(record, bpf_map__max_entries(record) * possible_cpus());
    const bool goes_on = shared.record >= 0 && shared.recorded != nullptr && *shared.recorded == wanted;
    if (goes_on && bpf_map__reuse_fd(record, shared.record) != 0)
        return kernel_error(errno, "keeping the flight recorder");
    return Done{};
}

// Of programs that read the kernel's number of ticks. Tests and replays set a clock of their own.
Status prepare_ticks(bpf_object* object, const weir_settings& settings) {
    bpf_map* map = bpf_object__find_map_by_name(object, ".data.weir_ticks");
    if (map == nullptr || settings.virtual_clock != 0) return Done{};
    const auto ticks = kernel_ticks();
    if (!ticks) return ticks.error();
    if (bpf_map__set_initial_value(map, ticks->data(), sizeof(*ticks)) != 0)
        return kernel_error(errno, "filling the table of ticks");
    return Done{};
}

// One of the two programs of a policy.
struct Part {
    std::span<const std::uint8_t> elf;
    const std::vector<bpf::TableImage>& tables;
    bpf_prog_type type;
};
Part part_in(const bpf::Object& compiled) { return {compiled.elf, compiled.tables, BPF_PROG_TYPE_XDP}; }
Part part_out(const bpf::Object& compiled) {
    return {compiled.egress_elf, compiled.egress_tables, BPF_PROG_TYPE_SCHED_CLS};
}

// Sizes, tables and settings: all that must be right before the kernel sees the program.
Status prepare(bpf_object* object, const bpf::Object& compiled, const Part& part, const ProgramOptions& options,
               std::uint32_t flow_groups) {
    for (const bpf::MapSize& size : compiled.sizes) {
        bpf_map* map = bpf_object__find_map_by_name(object, size.map.c_str());
        if (map == nullptr) continue;
        bpf_map__set_max_entries(map, size.max_entries);
        if (size.key_size != 0) bpf_map__set_key_size(map, size.key_size);
        if (size.value_size != 0) bpf_map__set_value_size(map, size.value_size);
    }
    const auto fill = [&](const char* name, const void* bytes, std::size_t count) -> Status {
        bpf_map* map = bpf_object__find_map_by_name(object, name);
        if (map == nullptr) return Done{};  // no rule reads it
        std::size_t size = 0;
        const auto* value = static_cast<const std::uint8_t*>(bpf_map__initial_value(map, &size));
        if (value == nullptr || size < count) return missing(name);
        std::vector<std::uint8_t> content;  // big tables have no rest to keep: they are not copied once more
        if (size != count) {
            content.assign(value, value + size);
            std::memcpy(content.data(), bytes, count);
            bytes = content.data();
        }
        if (bpf_map__set_initial_value(map, bytes, size) != 0)
            return kernel_error(errno, fmt::format("filling `{}`", name));
        return Done{};
    };
    const std::size_t rows = compiled.manifest.rows();
    for (const bpf::TableImage& table : part.tables) {
        if (table.map == ".data.weir_rule_rows" && table.bytes.size() != rows * sizeof(weir_rule_row))
            return missing("row for each rule");
        if (Status filled = fill(table.map.c_str(), table.bytes.data(), table.bytes.size()); !filled) return filled;
    }
    weir_settings settings = options.settings;
    set_print_by(settings);
    settings.flow_groups = flow_groups;
    if (Status filled = fill(".rodata", &settings, sizeof(settings)); !filled) return filled;

    // Who has no size for it has no use for it.
    bpf_map* walks = bpf_object__find_map_by_name(object, "weir_tls_walks");
    if (walks != nullptr && bpf_map__max_entries(walks) == 1) bpf_map__set_autocreate(walks, false);
    if (!answers(compiled.manifest))
        for (const char* name : {"weir_answer_accounts", "weir_answer_buckets", "weir_devices"})
            if (bpf_map* map = bpf_object__find_map_by_name(object, name); map != nullptr)
                bpf_map__set_autocreate(map, false);
    bpf_map* counters = bpf_object__find_map_by_name(object, "weir_counters");
    bpf_map* events = bpf_object__find_map_by_name(object, "weir_events");
    if (counters == nullptr) return missing("counters");
    bpf_map__set_max_entries(counters, WEIR_COUNTER_BLOCKS(static_cast<std::uint32_t>(rows)));
    if (events != nullptr && options.shared.events >= 0 && bpf_map__reuse_fd(events, options.shared.events) != 0)
        return kernel_error(errno, "keeping the ring of events");
    if (Status recorded = prepare_record(object, compiled, options.shared); !recorded) return recorded;
    if (Status prepared = prepare_ticks(object, options.settings); !prepared) return prepared;
    // Only tests and replays look into the trace; live policies need not carry it.
    for (const char* name : {"weir_trace_head", "weir_trace_matched", "weir_trace_alerts"})
        if (bpf_map* map = bpf_object__find_map_by_name(object, name); map != nullptr && options.settings.trace == 0)
            bpf_map__set_max_entries(map, 1);
    return Done{};
}

Status fill_maps(bpf_object* object, const bpf::Object& compiled) {
    for (const bpf::MapImage& image : compiled.maps) {
        const int fd = bpf_object__find_map_fd_by_name(object, image.map.c_str());
        if (fd < 0) continue;
        auto count = static_cast<std::uint32_t>(image.keys.size() / image.key_size);
        const std::uint32_t wanted = count;
        if (count == 0) continue;
        // Batches where the map has them; LPM tries have them, too.
        if (bpf_map_update_batch(fd, image.keys.data(), image.values.data(), &count, nullptr) == 0 && count == wanted)
            continue;
        for (std::uint32_t i = 0; i < wanted; ++i)
            if (bpf_map_update_elem(fd, image.keys.data() + std::size_t{i} * image.key_size,
                                    image.values.data() + std::size_t{i} * image.value_size, BPF_ANY) != 0)
                return kernel_error(errno, fmt::format("filling `{}`", image.map));
    }
    return Done{};
}

Status limit_answers(bpf_object* object, std::uint64_t answer_ns) {
    const int fd = bpf_object__find_map_fd_by_name(object, "weir_answer_buckets");
    if (fd < 0 || answer_ns == 0) return Done{};
    weir_answer_bucket bucket{};
    bucket.answer_ns = answer_ns;
    for (std::uint32_t i = 0; i < WEIR_ANSWER_BUCKETS; ++i)
        if (bpf_map_update_elem(fd, &i, &bucket, BPF_ANY) != 0) return kernel_error(errno, "limiting answers");
    return Done{};
}

// The object may come from a compiler that somebody has taken over: libbpf would pin and load what it asks for.
Status restrict_to(const bpf_program* only, bpf_object* object) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
        if (program != only) return Error{"the compiled policy has more than one program", {}, EBADMSG};
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (bpf_map__set_pin_path(map, nullptr) != 0) return kernel_error(errno, "keeping a map from being pinned");
    }
    return Done{};
}

// The verifier's last words; a program that it refuses is a bug of ours.
std::string tail(const std::string& log) {
    const std::size_t length = std::strlen(log.c_str());
    return log.substr(length > kLogShown ? length - kLogShown : 0, std::min(length, kLogShown));
}

struct Opened {
    ObjectPtr object;
    bpf_program* program = nullptr;
};

// The maps of the first program are those of the second, too. Data is by program.
Status share_maps(bpf_object* object, const bpf_object* first) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (bpf_map__is_internal(map)) continue;
        const int fd = bpf_object__find_map_fd_by_name(first, bpf_map__name(map));
        if (fd >= 0 && bpf_map__reuse_fd(map, fd) != 0)
            return kernel_error(errno, fmt::format("sharing `{}`", bpf_map__name(map)));
    }
    return Done{};
}

// `first`: the object of the policy's other program, which is loaded; null: this is the first.
Result<Opened> open(const bpf::Object& compiled, const Part& part, const bpf_object* first,
                    const ProgramOptions& options, const StateMaps& state) {
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir");
    bpf_object* raw = bpf_object__open_mem(part.elf.data(), part.elf.size(), &opts);
    if (raw == nullptr) return kernel_error(errno, "reading the compiled policy");
    Opened opened{ObjectPtr(raw)};
    opened.program = bpf_object__find_program_by_name(raw, "weir_policy");
    if (opened.program == nullptr) return missing("program");
    if (Status restricted = restrict_to(opened.program, raw); !restricted) return restricted.error();
    bpf_program__set_type(opened.program, part.type);
    if (part.type == BPF_PROG_TYPE_XDP) take_frames(opened.program, static_cast<FrameBuffers>(options.settings.frames));
    if (Status prepared = prepare(raw, compiled, part, options, state.flow_groups()); !prepared)
        return prepared.error();
    if (Status described = state.describe(raw); !described) return described.error();
    if (first != nullptr)
        if (Status shared = share_maps(raw, first); !shared) return shared.error();
    return opened;
}

Result<Opened> load_part(const bpf::Object& compiled, const Part& part, const bpf_object* first,
                         const ProgramOptions& options, const StateMaps& state) {
    auto opened = open(compiled, part, first, options, state);
    if (!opened) return opened.error();
    const int failed = bpf_object__load(opened->object.get());
    if (failed == 0) return opened;
    Error error = kernel_error(failed, "loading the policy into the kernel");
    if (error.number == EPERM || error.number == ENOMEM) return error;
    // Again, to hear what the verifier has to say.
    auto again = open(compiled, part, first, options, state);
    if (!again) return again.error();
    std::string log(kLogBytes, '\0');
    bpf_program__set_log_buf(again->program, log.data(), log.size());
    bpf_program__set_log_level(again->program, 1);
    if (bpf_object__load(again->object.get()) == 0) return again;
    error.message += "\n" + tail(log);
    error.help = "this is a bug of weir: please report it with the policy";
    return error;
}

}  // namespace

// Those that are not there yet.
Status Program::add_maps(bpf_object* object, std::vector<Map>& maps) {
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (bpf_map__fd(map) < 0) continue;
        std::string name = std::string(bpf_map__name(map)).substr(0, kKernelNameBytes);
        const bool is_known = std::any_of(maps.begin(), maps.end(), [&](const Map& one) { return one.name == name; });
        if (is_known && !bpf_map__is_internal(map)) continue;
        maps.push_back({std::move(name), duplicate(bpf_map__fd(map))});
        if (!maps.back().fd) return kernel_error(errno, "keeping the policy's maps");
    }
    return Done{};
}

Result<Program> Program::load(const bpf::Object& compiled, const ProgramOptions& options) {
    quiet_libbpf();
    auto state = StateMaps::make(compiled.state, options.shared.state, options.shared.flows);
    if (!state) return state.error();
    if (Status made = state->add_fixed(compiled.names); !made) return made.error();
    std::vector<Map> maps;
    UniqueFd fds[2];
    const bpf_object* first = nullptr;
    ObjectPtr kept;
    for (std::size_t i = 0; i < (compiled.egress_elf.empty() ? 1 : 2); ++i) {
        const Part part = i == 0 ? part_in(compiled) : part_out(compiled);
        auto loaded = load_part(compiled, part, first, options, *state);
        if (!loaded) return loaded.error();
        bpf_object* object = loaded->object.get();
        if (Status filled = fill_maps(object, compiled); !filled) return filled.error();
        if (Status limited = limit_answers(object, options.answer_ns); !limited) return limited.error();
        if (Status put = state->put(object); !put) return put.error();
        // The descriptors are all that is needed: what libbpf knows of the object is as large as its tables.
        if (Status added = add_maps(object, maps); !added) return added.error();
        fds[i] = duplicate(bpf_program__fd(loaded->program));
        if (!fds[i]) return kernel_error(errno, "keeping the policy's program");
        kept = std::move(loaded->object);
        first = kept.get();
    }
    state->forget_fixed();  // the kernel has them
    return Program(std::move(fds[0]), std::move(fds[1]), std::move(maps), std::move(*state));
}

Result<Program> Program::adopt(UniqueFd program, UniqueFd egress, const std::vector<bpf::StateMap>& shapes) {
    std::vector<Map> maps;
    std::vector<std::uint32_t> known;
    for (const UniqueFd* one : {&program, &egress}) {
        if (!*one) continue;
        std::uint32_t ids[kMaxMaps] = {};
        bpf_prog_info info{};
        __u32 length = sizeof(info);
        info.nr_map_ids = kMaxMaps;
        info.map_ids = reinterpret_cast<std::uintptr_t>(ids);
        if (bpf_obj_get_info_by_fd(one->get(), &info, &length) != 0)
            return kernel_error(errno, "asking the kernel about a policy");
        for (std::uint32_t i = 0; i < std::min(info.nr_map_ids, kMaxMaps); ++i) {
            if (std::find(known.begin(), known.end(), ids[i]) != known.end()) continue;
            known.push_back(ids[i]);
            UniqueFd fd(bpf_map_get_fd_by_id(ids[i]));
            bpf_map_info facts{};
            length = sizeof(facts);
            if (!fd || bpf_obj_get_info_by_fd(fd.get(), &facts, &length) != 0)
                return kernel_error(errno, "opening the maps of a policy");
            maps.push_back({facts.name, std::move(fd)});
        }
    }
    Program adopted(std::move(program), std::move(egress), std::move(maps), {});
    auto state = StateMaps::adopt(shapes, [&](const std::string& outer) { return adopted.map(outer); });
    if (!state) return state.error();
    adopted.state_ = std::move(*state);
    return adopted;
}

int Program::map(std::string_view name) const {
    const auto found = std::find_if(maps_.begin(), maps_.end(),
                                    [&](const Map& map) { return map.name == name.substr(0, kKernelNameBytes); });
    return found == maps_.end() ? -1 : found->fd.get();
}

std::vector<int> Program::data(std::string_view name) const {
    std::vector<int> fds;
    for (const Map& map : maps_)
        if (map.name == name.substr(0, kKernelNameBytes)) fds.push_back(map.fd.get());
    return fds;
}

namespace {
bpf_prog_info info_of(int fd) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return {};
    return info;
}
}  // namespace

std::uint32_t Program::id() const { return info_of(fd()).id; }
std::uint32_t Program::egress_id() const { return egress_ ? info_of(egress_.get()).id : 0; }
std::uint32_t Program::verified_insns() const { return info_of(fd()).verified_insns; }
std::uint32_t Program::program_insns() const { return info_of(fd()).xlated_prog_len / sizeof(bpf_insn); }

std::uint64_t Program::memory_bytes() const {
    std::vector<int> fds = state_.fds();
    for (const Map& map : maps_) fds.push_back(map.fd.get());
    const std::vector<UniqueFd> fixed = state_.fixed_in(map("weir_set_tables"));
    for (const UniqueFd& table : fixed) fds.push_back(table.get());
    std::uint64_t total = 0;
    for (const int fd : fds) {
        std::ifstream facts(fmt::format("/proc/self/fdinfo/{}", fd));
        std::string word;
        while (facts >> word) {
            std::uint64_t bytes = 0;
            if (word == "memlock:" && facts >> bytes) total += bytes;
        }
    }
    return total;
}

}  // namespace weir::runtime

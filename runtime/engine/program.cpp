// Tested by tests/kernel/state_test.cpp.
#include "runtime/engine/program.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "bpf/answer.h"
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
    const auto ticks = kernel_ticks();
    if (!ticks) return ticks.error();
    if (bpf_map* map = bpf_object__find_map_by_name(object, ".data.weir_ticks"); map != nullptr)
        if (bpf_map__set_initial_value(map, ticks->data(), sizeof(*ticks)) != 0)
            return kernel_error(errno, "filling the table of ticks");
    const bool goes_on = shared.record >= 0 && shared.recorded != nullptr && *shared.recorded == wanted;
    if (goes_on && bpf_map__reuse_fd(record, shared.record) != 0)
        return kernel_error(errno, "keeping the flight recorder");
    return Done{};
}

// Sizes, tables and settings: all that must be right before the kernel sees the program.
Status prepare(bpf_object* object, const bpf::Object& compiled, const ProgramOptions& options) {
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
    const std::size_t rows = compiled.manifest.rules.size() + 2;
    for (const bpf::TableImage& table : compiled.tables) {
        if (table.map == ".data.weir_rule_rows" && table.bytes.size() != rows * sizeof(weir_rule_row))
            return missing("row for each rule");
        if (Status filled = fill(table.map.c_str(), table.bytes.data(), table.bytes.size()); !filled) return filled;
    }
    weir_settings settings = options.settings;
    set_print_by(settings);
    if (Status filled = fill(".rodata", &settings, sizeof(settings)); !filled) return filled;

    // Who has no size for it has no use for it.
    bpf_map* walks = bpf_object__find_map_by_name(object, "weir_tls_walks");
    if (walks != nullptr && bpf_map__max_entries(walks) == 1) bpf_map__set_autocreate(walks, false);
    bpf_map* counters = bpf_object__find_map_by_name(object, "weir_counters");
    bpf_map* events = bpf_object__find_map_by_name(object, "weir_events");
    if (counters == nullptr) return missing("counters");
    bpf_map__set_max_entries(counters, WEIR_COUNTER_BLOCKS(static_cast<std::uint32_t>(rows)));
    if (events != nullptr && options.shared.events >= 0 && bpf_map__reuse_fd(events, options.shared.events) != 0)
        return kernel_error(errno, "keeping the ring of events");
    if (Status recorded = prepare_record(object, compiled, options.shared); !recorded) return recorded;
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

Result<Opened> open(const bpf::Object& compiled, const ProgramOptions& options, const StateMaps& state) {
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir");
    bpf_object* raw = bpf_object__open_mem(compiled.elf.data(), compiled.elf.size(), &opts);
    if (raw == nullptr) return kernel_error(errno, "reading the compiled policy");
    Opened opened{ObjectPtr(raw)};
    opened.program = bpf_object__find_program_by_name(raw, "weir_policy");
    if (opened.program == nullptr) return missing("program");
    if (Status restricted = restrict_to(opened.program, raw); !restricted) return restricted.error();
    bpf_program__set_type(opened.program, BPF_PROG_TYPE_XDP);
    take_frames(opened.program, static_cast<FrameBuffers>(options.settings.frames));
    if (Status prepared = prepare(raw, compiled, options); !prepared) return prepared.error();
    if (Status described = state.describe(raw); !described) return described.error();
    return opened;
}

}  // namespace

Result<Program> Program::load(const bpf::Object& compiled, const ProgramOptions& options) {
    quiet_libbpf();
    auto state = StateMaps::make(compiled.state, options.shared.state);
    if (!state) return state.error();
    if (Status made = state->add_fixed(compiled.names); !made) return made.error();
    auto opened = open(compiled, options, *state);
    if (!opened) return opened.error();
    const int failed = bpf_object__load(opened->object.get());
    if (failed != 0) {
        Error error = kernel_error(failed, "loading the policy into the kernel");
        if (error.number == EPERM || error.number == ENOMEM) return error;
        // Again, to hear what the verifier has to say.
        auto again = open(compiled, options, *state);
        if (!again) return again.error();
        std::string log(kLogBytes, '\0');
        bpf_program__set_log_buf(again->program, log.data(), log.size());
        bpf_program__set_log_level(again->program, 1);
        if (bpf_object__load(again->object.get()) != 0) {
            error.message += "\n" + tail(log);
            error.help = "this is a bug of weir: please report it with the policy";
            return error;
        }
        opened = std::move(again);
    }
    if (Status filled = fill_maps(opened->object.get(), compiled); !filled) return filled.error();
    if (Status limited = limit_answers(opened->object.get(), options.answer_ns); !limited) return limited.error();
    if (Status put = state->put(opened->object.get()); !put) return put.error();
    // The descriptors are all that is needed from here on: what libbpf knows of the object is as large as its tables.
    std::vector<Map> maps;
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, opened->object.get()) {
        if (bpf_map__fd(map) < 0) continue;
        maps.push_back({std::string(bpf_map__name(map)).substr(0, kKernelNameBytes), duplicate(bpf_map__fd(map))});
        if (!maps.back().fd) return kernel_error(errno, "keeping the policy's maps");
    }
    UniqueFd program = duplicate(bpf_program__fd(opened->program));
    if (!program) return kernel_error(errno, "keeping the policy's program");
    return Program(std::move(program), std::move(maps), std::move(*state));
}

Result<Program> Program::adopt(UniqueFd program, const std::vector<bpf::StateMap>& shapes) {
    std::uint32_t ids[kMaxMaps] = {};
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    info.nr_map_ids = kMaxMaps;
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids);
    if (bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0)
        return kernel_error(errno, "asking the kernel about a policy");
    std::vector<Map> maps;
    for (std::uint32_t i = 0; i < std::min(info.nr_map_ids, kMaxMaps); ++i) {
        UniqueFd fd(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info facts{};
        length = sizeof(facts);
        if (!fd || bpf_obj_get_info_by_fd(fd.get(), &facts, &length) != 0)
            return kernel_error(errno, "opening the maps of a policy");
        maps.push_back({facts.name, std::move(fd)});
    }
    Program adopted(std::move(program), std::move(maps), {});
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

namespace {
bpf_prog_info info_of(int fd) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return {};
    return info;
}
}  // namespace

std::uint32_t Program::id() const { return info_of(fd()).id; }
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

// Tested by tests/kernel/upkeep_test.cpp.
#include "runtime/state/state_count.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "runtime/state/flow_table.h"
#include "runtime/state/measure_table.h"
#include "runtime/state/set_changer.h"
#include "runtime/state/state_table.h"

namespace weir::runtime {
namespace {

constexpr std::uint32_t kPieceGroups = 4096;  // 2 or 4 MB: the kernel makes all page table entries of a mapping at once

std::size_t element_bytes(bpf::StateKind kind) { return bpf::is_set(kind) ? WEIR_SET_BYTES : WEIR_TERM_BYTES; }

// Elements [first, end) of a table.
class Part {
public:
    static Result<Part> map(const CountedMap& map, std::size_t first, std::size_t end) {
        static const auto kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t begin = first * element_bytes(map.kind), page = begin / kPage * kPage;
        const std::size_t bytes = end * element_bytes(map.kind) - page;
        Part part;
        part.memory_ =
            UniqueMapping(mmap(nullptr, bytes, PROT_READ, MAP_SHARED, map.fd, static_cast<off_t>(page)), bytes);
        if (!part.memory_) return kernel_error(errno, "reading state");
        part.offset_ = begin - page;
        return part;
    }
    template <typename T>
    const T* as() const {
        return reinterpret_cast<const T*>(static_cast<const char*>(memory_.get()) + offset_);
    }

private:
    UniqueMapping memory_;
    std::size_t offset_ = 0;
};

// The head as it is now: programs go on writing into the memory, and one may be hostile. An error where a place that is
// computed from it would be outside of the table.
Result<weir_table_head> read_head(const CountedMap& map) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    if (bpf_obj_get_info_by_fd(map.fd, &facts, &length) != 0) return kernel_error(errno, "looking for state");
    const Error foreign{"a table of state is not as weir made it", {}, EBADMSG};
    if (facts.value_size != element_bytes(map.kind)) return foreign;
    auto first = Part::map(map, 0, 1);
    if (!first) return first.error();
    weir_table_head head;
    std::memcpy(&head, (*first).as<weir_table_head>(), sizeof(head));
    const bool is_inside =
        head.groups < facts.max_entries && head.region_shift <= 31 && head.groups >> head.region_shift < WEIR_REGIONS;
    if (!is_inside) return foreign;
    return head;
}

std::uint64_t cells_of(const weir_term_group& group) {
    std::uint64_t cells = 0;
    for (const weir_term_line& line : group.lines)
        for (const weir_cell& cell : line.cells) cells += __atomic_load_n(&cell.print, __ATOMIC_RELAXED) != 0 ? 1 : 0;
    return cells;
}

std::uint64_t entries_of(const weir_set_group& group, std::uint64_t now_ns) {
    std::uint64_t entries = 0;
    const auto* all = reinterpret_cast<const weir_entry*>(&group);
    for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i) {  // the first is the group's lock
        const std::uint64_t end_ns = __atomic_load_n(&all[i].end_ns, __ATOMIC_RELAXED);
        const bool is_there = (__atomic_load_n(&all[i].print, __ATOMIC_RELAXED) & ~WEIR_STRAYS) != 0;
        entries += is_there && (end_ns == 0 || end_ns > now_ns) ? 1 : 0;
    }
    return entries;
}

// Of the entries of a set, one at least.
bool has_ended(const weir_table_head& head, std::uint64_t now_ns) { return head.due != 0 && ~head.due <= now_ns; }

// What the head of a set says where none of its entries has ended.
std::optional<std::uint64_t> entries_by_head(const weir_table_head& head, std::uint64_t now_ns) {
    if (head.entries != 0 && has_ended(head, now_ns)) return std::nullopt;
    return head.entries;
}

std::uint32_t end_of_region(const weir_table_head& head, std::uint32_t group) {
    const std::uint64_t next = (((std::uint64_t{1} + group) >> head.region_shift) + 1) << head.region_shift;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(next - 1, head.groups));
}

}  // namespace

namespace {
Result<std::uint64_t> measured_keys(int map) {
    auto table = MeasureTable::open(map);
    if (!table) return table.error();
    return table->key_count();
}
}  // namespace

Result<std::uint64_t> count_held(const CountedMap& map, const std::atomic<bool>& stop) {
    if (map.kind == bpf::StateKind::kMeasure) return measured_keys(map.fd);
    const std::uint64_t now_ns = monotonic_ns();
    if (map.kind == bpf::StateKind::kFlows) {
        const auto flows = FlowTable::open(map.fd);
        if (!flows) return flows.error();
        return flows->count(now_ns, stop);
    }
    const auto read = read_head(map);
    if (!read) return read.error();
    const weir_table_head& head = *read;
    const bool is_set = bpf::is_set(map.kind);
    if (is_set)
        if (const auto entries = entries_by_head(head, now_ns)) return *entries;
    std::uint64_t held = 0;
    for (std::uint32_t begin = 0; begin < head.groups && !stop;) {
        std::uint32_t end = end_of_region(head, begin);
        if (weir_may_hold(&head, begin) == 0) {
            begin = end;
            continue;
        }
        while (end < head.groups && end - begin < kPieceGroups && weir_may_hold(&head, end) != 0)
            end = end_of_region(head, end);
        end = std::min(end, begin + kPieceGroups);
        auto part = Part::map(map, std::size_t{1} + begin, std::size_t{1} + end);
        if (!part) return part.error();
        for (std::uint32_t group = 0; group < end - begin; ++group)
            held += is_set ? entries_of((*part).as<weir_set_group>()[group], now_ns)
                           : cells_of((*part).as<weir_term_group>()[group]);
        begin = end;
    }
    return held;
}

Result<std::size_t> bytes_to_count(const CountedMap& map) {
    if (map.kind == bpf::StateKind::kFlows) {
        const auto flows = FlowTable::open(map.fd);
        if (!flows) return flows.error();
        return flows->bytes();
    }
    if (map.kind == bpf::StateKind::kMeasure) return std::size_t{0};  // its head says it
    const auto head = read_head(map);
    if (!head) return head.error();
    if (bpf::is_set(map.kind) && entries_by_head(*head, monotonic_ns())) return std::size_t{0};
    std::size_t regions = 0;
    for (const __u64& bits : head->regions) regions += static_cast<std::size_t>(std::popcount(bits));
    return (regions << head->region_shift) * element_bytes(map.kind);
}

Result<std::uint64_t> count_with_expired(int set) {
    const auto head = read_head({bpf::StateKind::kSet, set});
    if (!head) return head.error();
    return head->entries;
}

Result<std::uint64_t> count_held(const CountedMap& map) {
    const std::atomic<bool> never{false};
    return count_held(map, never);
}

Status remove_expired(int set) {
    const auto head = read_head({bpf::StateKind::kSet, set});
    if (!head) return head.error();
    if (!has_ended(*head, monotonic_ns())) return Done{};
    weir_set_request request{};
    request.kind = WEIR_SET_REQUEST_FREE_ENDED;
    std::vector<weir_set_request> requests(head->groups / WEIR_FREED_GROUPS + 1, request);  // enough for all
    return SetChanger().carry_out(set, requests);
}

}  // namespace weir::runtime

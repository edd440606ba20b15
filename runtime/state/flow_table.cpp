// Tested by tests/kernel/flows_test.cpp.
#include "runtime/state/flow_table.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

std::uint64_t load(const __u64& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

// Most worth keeping first.
bool is_kept_before(const FlowEntry& a, const FlowEntry& b) {
    const bool a_is_open = (a.flow.state & WEIR_FLOW_ESTABLISHED) != 0,
               b_is_open = (b.flow.state & WEIR_FLOW_ESTABLISHED) != 0;
    return a_is_open != b_is_open ? a_is_open : a.flow.last_ns > b.flow.last_ns;
}

// A lock of bpf/templates/lock.h. Its holder is a program, which never waits with it.
class GroupLock {
public:
    explicit GroupLock(weir_flow_group& group) : lock_(group.cells[0].lock) {
        __u32 free = 0;
        while (!__atomic_compare_exchange_n(&lock_, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) free = 0;
    }
    GroupLock(const GroupLock&) = delete;
    GroupLock& operator=(const GroupLock&) = delete;
    ~GroupLock() { __atomic_store_n(&lock_, 0u, __ATOMIC_RELEASE); }

private:
    __u32& lock_;
};

}  // namespace

Result<UniqueFd> FlowTable::make(std::uint32_t size) {
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
    UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_flows", sizeof(std::uint32_t), sizeof(weir_flow_element),
                               weir_flow_elements(weir_flow_groups_of(size)), &opts));
    if (!fd) return kernel_error(errno, "making room for flows");
    return fd;
}

Result<UniqueFd> FlowTable::make_resized(std::uint32_t size, const FlowTable& other, std::uint64_t now_ns) {
    auto fd = make(size);
    if (!fd) return fd.error();
    auto made = open(fd->get());
    if (!made) return made.error();
    std::vector<FlowEntry> entries;
    other.each(now_ns, [&](const FlowEntry& entry) {
        entries.push_back(entry);
        return true;
    });
    std::sort(entries.begin(), entries.end(), is_kept_before);
    for (const FlowEntry& entry : entries) made->put(entry, now_ns);
    return fd;
}

Result<FlowTable> FlowTable::open(int fd) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &facts, &length) != 0) return kernel_error(errno, "looking for flows");
    if (facts.type != BPF_MAP_TYPE_ARRAY || facts.value_size != sizeof(weir_flow_element) ||
        facts.max_entries < weir_flow_elements(1))
        return Error{"the table of flows is not as weir made it", {}, EBADMSG};
    const std::size_t bytes = std::size_t{facts.max_entries} * sizeof(weir_flow_element);
    UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
    if (!memory) return kernel_error(errno, "reading flows");
    return FlowTable(std::move(memory), weir_flow_groups_in(facts.max_entries));
}

void FlowTable::each(std::uint64_t now_ns, const std::function<bool(const FlowEntry&)>& visit) const {
    for (std::uint32_t number = 0; number < groups_; ++number) {
        const weir_flow_group& group = this->group(number);
        for (std::uint32_t cell = 0; cell < WEIR_FLOW_CELLS; ++cell) {
            const std::uint64_t print = load(group.cells[cell].print);
            if (print == 0) continue;
            FlowEntry entry{group.cells[cell], rest(number, cell)};
            // Another flow may have taken the cell meanwhile.
            if (entry.flow.print != print || load(group.cells[cell].print) != print || entry.is_over(now_ns)) continue;
            if (!visit(entry)) return;
        }
    }
}

std::uint64_t FlowTable::count(std::uint64_t now_ns, const std::atomic<bool>& stop) const {
    std::uint64_t flows = 0;
    each(now_ns, [&](const FlowEntry&) {
        ++flows;
        return !stop;
    });
    return flows;
}

bool FlowTable::put(const FlowEntry& entry, std::uint64_t now_ns) {
    const std::uint64_t print = entry.flow.print;
    const std::uint32_t number = weir_flow_group_of(print, groups_);
    weir_flow_group& group = this->group(number);
    // Mostly it is there already: a program that meets the lock on this CPU would wait for us in vain.
    for (const weir_flow& flow : group.cells)
        if (load(flow.print) == print && !FlowEntry{flow, {}}.is_over(now_ns)) return true;
    const GroupLock lock(group);
    const std::uint32_t home = weir_flow_home(print);
    std::uint32_t chosen = WEIR_FLOW_CELLS;
    for (std::uint32_t i = 0; i < WEIR_FLOW_CELLS; ++i) {
        const std::uint32_t cell = (home + i) % WEIR_FLOW_CELLS;
        const std::uint64_t there = load(group.cells[cell].print);
        const bool is_over = there != 0 && FlowEntry{group.cells[cell], {}}.is_over(now_ns);
        if (there == print && !is_over) return true;
        if ((there == 0 || is_over) && chosen == WEIR_FLOW_CELLS) chosen = cell;
    }
    if (chosen == WEIR_FLOW_CELLS) return false;
    weir_flow& flow = group.cells[chosen];
    __atomic_store_n(&flow.print, __u64{0}, __ATOMIC_RELEASE);
    weir_flow next = entry.flow;
    next.print = 0;
    std::memcpy(&flow, &next, offsetof(weir_flow, lock));
    rest(number, chosen) = entry.rest;
    __atomic_store_n(&flow.print, __u64{print}, __ATOMIC_RELEASE);
    __atomic_store_n(&tag(number, chosen), static_cast<__u8>(weir_flow_tag(print)), __ATOMIC_RELEASE);
    return true;
}

// Tags stay: a program that enters a flow meanwhile would lose its own.
void FlowTable::clear() {
    for (std::uint32_t number = 0; number < groups_; ++number)
        if (weir_flow_group& group = this->group(number); std::any_of(
                std::begin(group.cells), std::end(group.cells), [](const weir_flow& flow) { return flow.print != 0; }))
            std::memset(&group, 0, sizeof(group));
}

}  // namespace weir::runtime

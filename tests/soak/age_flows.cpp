// Makes the flows of an engine older: what is the same to them as that time going by without a packet.
//   soak_age_flows ENGINE SECONDS
// Moves each time that the table has into the past, through the pins of the engine's programs. Prints how many flows it
// found. While no packet goes through the policy, and as root.
#include <bpf/bpf.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bpf/flow.h"
#include "runtime/handles.h"
#include "runtime/kernel.h"

namespace {

using namespace weir;
using runtime::UniqueFd;
using runtime::UniqueMapping;

// The table of flows of a pinned program, and its number of elements; empty where it has none.
UniqueFd flows_of(const std::string& pin, std::uint32_t& map_id, std::uint32_t& elements) {
    const UniqueFd program(bpf_obj_get(pin.c_str()));
    std::vector<std::uint32_t> ids(256);
    bpf_prog_info info{};
    info.nr_map_ids = static_cast<std::uint32_t>(ids.size());
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    __u32 length = sizeof(info);
    if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0) return {};
    ids.resize(info.nr_map_ids);
    for (const std::uint32_t id : ids) {
        UniqueFd map(bpf_map_get_fd_by_id(id));
        bpf_map_info of{};
        length = sizeof(of);
        if (!map || bpf_obj_get_info_by_fd(map.get(), &of, &length) != 0) continue;
        if (std::string(of.name) != "weir_flows") continue;
        map_id = id, elements = of.max_entries;
        return map;
    }
    return {};
}

// Where a time is too near to the kernel's start to be moved, it becomes that start.
void age(__u64& time_ns, std::uint64_t by_ns) {
    if (time_ns != 0) time_ns = time_ns > by_ns ? time_ns - by_ns : 1;
}

std::size_t age_all(weir_flow_element* table, std::uint32_t elements, std::uint64_t by_ns) {
    std::size_t flows = 0;
    for (std::uint32_t i = 0; i < weir_flow_groups_in(elements); ++i) {
        for (std::uint32_t cell = 0; cell < WEIR_FLOW_CELLS; ++cell) {
            weir_flow& flow = table[i].group.cells[cell];
            if (flow.print == 0) continue;
            age(flow.first_ns, by_ns), age(flow.last_ns, by_ns);
            ++flows;
        }
    }
    return flows;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return fmt::print(stderr, "usage: soak_age_flows ENGINE SECONDS\n"), 2;
    const std::uint64_t by_ns = std::strtoull(argv[2], nullptr, 10) * 1'000'000'000;
    if (runtime::monotonic_ns() < by_ns) return fmt::print(stderr, "the kernel has not run for so long\n"), 3;
    std::vector<std::uint32_t> done;
    std::size_t flows = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::string("/sys/fs/bpf/weir/") + argv[1])) {
        if (!entry.path().filename().string().starts_with("program-")) continue;
        std::uint32_t id = 0, elements = 0;
        const UniqueFd map = flows_of(entry.path(), id, elements);
        if (!map || std::find(done.begin(), done.end(), id) != done.end()) continue;  // generations share it
        const std::size_t bytes = std::size_t{elements} * sizeof(weir_flow_element);
        const UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0), bytes);
        if (!memory) return fmt::print(stderr, "the table cannot be mapped\n"), 1;
        flows += age_all(static_cast<weir_flow_element*>(memory.get()), elements, by_ns);
        done.push_back(id);
    }
    fmt::print("{}\n", flows);
    return done.empty() ? 1 : 0;
}

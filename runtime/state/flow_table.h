// The table of flows (bpf/flow.h), as user space makes, reads and fills it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "bpf/flow.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

// A flow as it was at some moment: programs go on writing.
struct FlowEntry {
    weir_flow flow{};
    weir_flow_rest rest{};

    bool is_over(std::uint64_t now_ns) const {
        return now_ns > flow.last_ns && now_ns - flow.last_ns >= weir_flow_lasts_ns(flow.state);
    }
};

class FlowTable {
public:
    // An empty one for that many flows.
    static Result<UniqueFd> make(std::uint32_t size);
    // The same with the flows of another one that are not over at `now_ns`. Where a group has no room for all of them,
    // half-open ones stay behind first, then those that have been silent longest.
    static Result<UniqueFd> make_resized(std::uint32_t size, const FlowTable& other, std::uint64_t now_ns);

    // An error where it is no such table.
    static Result<FlowTable> open(int fd);

    // Flows that are not over, until `visit` says false.
    void each(std::uint64_t now_ns, const std::function<bool(const FlowEntry&)>& visit) const;
    std::uint64_t count(std::uint64_t now_ns, const std::atomic<bool>& stop) const;
    // Enters a flow by its print, unless it is there. False where its group has no room.
    bool put(const FlowEntry& entry, std::uint64_t now_ns);
    void clear();
    std::size_t bytes() const { return std::size_t{weir_flow_elements(groups_)} * sizeof(weir_flow_element); }

private:
    FlowTable(UniqueMapping memory, std::uint32_t groups) : memory_(std::move(memory)), groups_(groups) {}
    weir_flow_element& element(std::uint32_t number) const {
        return static_cast<weir_flow_element*>(memory_.get())[number];
    }
    weir_flow_group& group(std::uint32_t number) const { return element(number).group; }
    weir_flow_rest& rest(std::uint32_t group, std::uint32_t cell) const {
        return element(weir_flow_rest_element(groups_, group)).rest[cell];
    }
    __u8& tag(std::uint32_t group, std::uint32_t cell) const {
        return element(weir_flow_tag_element(groups_, group)).tags[group % WEIR_FLOW_TAGGED][cell];
    }

    UniqueMapping memory_;
    std::uint32_t groups_;
};

}  // namespace weir::runtime

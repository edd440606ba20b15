// Tested by tests/kernel/upkeep_test.cpp.
#include "runtime/state/state_upkeep.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "runtime/handles.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kOld_ns = 1'000'000'000;

std::uint32_t id_of(int map) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    return bpf_obj_get_info_by_fd(map, &facts, &length) == 0 ? facts.id : 0;
}

// A map that stays where its policy goes.
struct OwnedMap {
    CountedMap map;
    UniqueFd fd;
};

}  // namespace

StateUpkeep::StateUpkeep(Notice notice, std::size_t at_once_bytes)
    : notice_(std::move(notice)), at_once_bytes_(at_once_bytes) {}

StateUpkeep::~StateUpkeep() { stop_ = true; }

void StateUpkeep::collect() {
    if (!working_.valid() || working_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
    Outcome outcome = working_.get();
    known_ = std::move(outcome.counts);
    if (!outcome.done && notice_) notice_("state could not be looked after: " + outcome.done.error().message);
}

Result<std::vector<std::optional<std::uint64_t>>> StateUpkeep::count(const std::vector<CountedMap>& maps) {
    collect();
    std::vector<std::optional<std::uint64_t>> counts;
    std::size_t left = at_once_bytes_;
    bool is_all = true;
    for (const CountedMap& map : maps) {
        const auto bytes = bytes_to_count(map);
        if (!bytes) return bytes.error();
        if (*bytes <= left) {
            left -= *bytes;
            auto held = count_held(map);
            if (!held) return held.error();
            counts.emplace_back(*held);
            continue;
        }
        is_all = false;
        if (const auto known = known_.find(id_of(map.fd)); known != known_.end())
            counts.emplace_back(known->second);
        else if (auto entries = count_with_expired(map.fd); bpf::is_set(map.kind) && entries)
            counts.emplace_back(*entries);
        else
            counts.emplace_back();
    }
    if (!is_all && monotonic_ns() - begun_ns_ > kOld_ns) begin(maps);
    return counts;
}

void StateUpkeep::begin(const std::vector<CountedMap>& maps) {
    collect();
    if (working_.valid()) return;
    begun_ns_ = monotonic_ns();
    std::vector<OwnedMap> owned;
    for (const CountedMap& map : maps) owned.push_back({map, duplicate(map.fd)});
    auto in_background = [this, all = std::move(owned)] {
        Outcome outcome;
        for (const OwnedMap& one : all) {
            if (stop_) break;
            CountedMap map = one.map;
            map.fd = one.fd.get();
            if (map.kind == bpf::StateKind::kSet)  // names give way when another one needs their place
                if (Status removed = remove_expired(map.fd); !removed) outcome.done = removed;
            const auto held = count_held(map, stop_);
            if (held)
                outcome.counts[id_of(map.fd)] = *held;
            else
                outcome.done = held.error();
        }
        return outcome;
    };
    try {
        working_ = std::async(std::launch::async, std::move(in_background));
    } catch (const std::system_error& failed) {
        if (notice_) notice_(kernel_error(failed.code().value(), "starting a thread").message);
    }
}

}  // namespace weir::runtime

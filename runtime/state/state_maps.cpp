// Tested by tests/kernel/state_test.cpp with `set(`.
#include "runtime/state/state_maps.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "runtime/state/flow_table.h"
#include "runtime/state/measure_table.h"
#include "runtime/state/name_table.h"
#include "runtime/state/set_changer.h"
#include "runtime/state/state_table.h"

namespace weir::runtime {
namespace {

constexpr std::string_view kSetTables = "weir_set_tables";
constexpr const char* kOuters[] = {"weir_term_tables", kSetTables.data(), "weir_measure_tables"};

bool same_shape(const bpf::StateMap& a, const bpf::StateMap& b) {
    return a.kind == b.kind && a.key_size == b.key_size && a.value_size == b.value_size &&
           a.max_entries == b.max_entries && a.values == b.values;
}

// May what one map has go on in the other? Tables of another size take it along.
bool goes_on(const bpf::StateMap& earlier, const bpf::StateMap& wanted) {
    return earlier.identity == wanted.identity && earlier.kind == wanted.kind && earlier.key_size == wanted.key_size &&
           earlier.values == wanted.values;
}

// The entries of a map of maps are read and written all at once where the kernel can: for each call it waits until all
// programs that run have come to their end, which takes milliseconds.
Status put_all(int outer, const std::vector<std::uint32_t>& places, const std::vector<int>& fds) {
    auto count = static_cast<std::uint32_t>(places.size());
    if (count == 0 || (bpf_map_update_batch(outer, places.data(), fds.data(), &count, nullptr) == 0 &&
                       count == static_cast<std::uint32_t>(places.size())))
        return Done{};
    for (std::size_t i = 0; i < places.size(); ++i)
        if (bpf_map_update_elem(outer, &places[i], &fds[i], BPF_ANY) != 0)
            return kernel_error(errno, "giving its state to the policy");
    return Done{};
}

// The numbers that the kernel has for the first `count` entries; 0 where there is none.
std::vector<std::uint32_t> ids_in(int outer, std::uint32_t count) {
    std::vector<std::uint32_t> places(count), ids(count);
    std::uint32_t read = count, next = 0;
    if (bpf_map_lookup_batch(outer, nullptr, &next, places.data(), ids.data(), &read, nullptr) == 0 && read == count)
        return ids;
    for (std::uint32_t place = 0; place < count; ++place)
        if (bpf_map_lookup_elem(outer, &place, &ids[place]) != 0) ids[place] = 0;
    return ids;
}

Error about(const bpf::StateMap& map, Error error) {
    error.message = fmt::format("`{}`: {}", map.identity, error.message);
    return error;
}

Result<UniqueFd> make_set(const bpf::StateMap& wanted, int old) {
    const StateTable::Shape shape{wanted.max_entries,
                                  static_cast<std::uint32_t>(wanted.key_size / sizeof(std::uint32_t)), wanted.net_word,
                                  false};
    if (old < 0) return StateTable::make_set(shape, wanted.keys, nullptr);
    auto others = StateTable::open(old);
    if (!others) return others.error();
    return StateTable::make_set(shape, wanted.keys, &*others);
}

Result<UniqueFd> make_names(const bpf::StateMap& wanted, int old) {
    if (old < 0) return NameTable::make(wanted, nullptr);
    auto others = NameTable::open(old);
    if (!others) return others.error();
    return NameTable::make(wanted, &*others);
}

Result<UniqueFd> make_cells(const bpf::StateMap& wanted, int old) {
    const StateTable::Shape shape{wanted.max_entries, 0, 0, wanted.values != bpf::kNoValues};
    if (old < 0) return StateTable::make(shape);
    auto others = StateTable::open(old);
    if (!others) return others.error();
    return StateTable::make_resized(shape, *others);
}

Result<UniqueFd> make_flows(const bpf::StateMap& wanted, int old) {
    if (old < 0) return FlowTable::make(wanted.max_entries);
    auto others = FlowTable::open(old);
    if (!others) return others.error();
    return FlowTable::make_resized(wanted.max_entries, *others, monotonic_ns());
}

Result<UniqueFd> make_measure(const bpf::StateMap& wanted, int old) {
    const auto key_words = static_cast<std::uint32_t>(wanted.key_size / sizeof(std::uint32_t));
    if (old < 0) return MeasureTable::make(wanted.max_entries, key_words);
    auto others = MeasureTable::open(old);
    if (!others) return others.error();
    return MeasureTable::make_resized(wanted.max_entries, key_words, *others);
}

}  // namespace

Result<StateMaps::Map> StateMaps::make_one(const bpf::StateMap& wanted, const StateMaps* earlier) {
    Map map{wanted, {}, false};
    const Map* old = nullptr;
    if (earlier != nullptr)
        for (const Map& known : earlier->maps_)
            if (known.shape.identity == wanted.identity) old = &known;
    if (old != nullptr && same_shape(old->shape, wanted)) {
        map.fd = UniqueFd(fcntl(old->fd.get(), F_DUPFD_CLOEXEC, 0));
        map.taken_over = true;
        if (!map.fd) return kernel_error(errno, "keeping state");
        return map;
    }
    const int others = old != nullptr && goes_on(old->shape, wanted) ? old->fd.get() : -1;
    auto made = wanted.kind == bpf::StateKind::kSet       ? make_set(wanted, others)
                : wanted.kind == bpf::StateKind::kNames   ? make_names(wanted, others)
                : wanted.kind == bpf::StateKind::kFlows   ? make_flows(wanted, others)
                : wanted.kind == bpf::StateKind::kMeasure ? make_measure(wanted, others)
                                                          : make_cells(wanted, others);
    if (!made) return about(wanted, made.error());
    map.fd = std::move(*made);
    return map;
}

Result<StateMaps> StateMaps::make(const std::vector<bpf::StateMap>& wanted, const StateMaps* earlier, int flows) {
    StateMaps made;
    for (const bpf::StateMap& shape : wanted) {
        if (shape.kind == bpf::StateKind::kFlows && flows >= 0) {
            made.maps_.push_back({shape, duplicate(flows), true});
            if (!made.maps_.back().fd) return kernel_error(errno, "sharing the flows");
            continue;
        }
        auto map = make_one(shape, earlier);
        if (!map) return map.error();
        made.maps_.push_back(std::move(*map));
    }
    return made;
}

Result<StateMaps> StateMaps::adopt(const std::vector<bpf::StateMap>& shapes,
                                   const std::function<int(const std::string&)>& outer) {
    StateMaps made;
    std::map<std::string, std::vector<std::uint32_t>> ids;  // by outer map
    for (const bpf::StateMap& shape : shapes) {
        if (shape.kind == bpf::StateKind::kFlows) {
            made.maps_.push_back({shape, duplicate(outer(shape.outer)), true});
            if (!made.maps_.back().fd) return kernel_error(errno, "finding the flows again");
            continue;
        }
        const auto [known, is_new] = ids.try_emplace(shape.outer);
        if (is_new)
            known->second = ids_in(
                outer(shape.outer),
                static_cast<std::uint32_t>(std::count_if(
                    shapes.begin(), shapes.end(), [&](const bpf::StateMap& one) { return one.outer == shape.outer; })));
        UniqueFd fd(shape.index < known->second.size() ? bpf_map_get_fd_by_id(known->second[shape.index]) : -1);
        if (!fd) return kernel_error(errno, fmt::format("finding `{}` again", shape.identity));
        made.maps_.push_back({shape, std::move(fd), true});
    }
    return made;
}

Result<StateMaps> StateMaps::assemble(const std::vector<bpf::StateMap>& shapes, std::vector<UniqueFd> fds,
                                      const std::vector<std::uint8_t>& taken_over) {
    if (fds.size() != shapes.size() || taken_over.size() != shapes.size())
        return Error{"a loaded policy lacks some of its state", {}, EBADMSG};
    StateMaps made;
    for (std::size_t i = 0; i < shapes.size(); ++i)
        made.maps_.push_back({shapes[i], std::move(fds[i]), taken_over[i] != 0});
    return made;
}

std::vector<bpf::StateMap> StateMaps::shapes(const std::vector<bpf::StateMap>& maps) {
    std::vector<bpf::StateMap> shapes = maps;
    for (bpf::StateMap& shape : shapes) shape.keys.clear();
    return shapes;
}

Status StateMaps::describe(bpf_object* object) const {
    for (const char* name : kOuters) {
        bpf_map* outer = bpf_object__find_map_by_name(object, name);
        if (outer == nullptr) continue;
        const auto first =
            std::find_if(maps_.begin(), maps_.end(), [&](const Map& map) { return map.shape.outer == name; });
        const bool has_fixed = name == kSetTables && !fixed_.empty();
        const int inner = first != maps_.end() ? first->fd.get() : has_fixed ? fixed_.front().fd.get() : -1;
        const int failed = inner < 0 ? bpf_map__set_autocreate(outer, false) : bpf_map__set_inner_map_fd(outer, inner);
        if (failed != 0) return kernel_error(failed, fmt::format("preparing `{}`", name));
    }
    if (bpf_map* table = bpf_object__find_map_by_name(object, bpf::kFlowTable); table != nullptr) {
        const int flows = fd(bpf::kFlowsIdentity);
        const int failed = flows < 0 ? bpf_map__set_autocreate(table, false) : bpf_map__reuse_fd(table, flows);
        if (failed != 0) return kernel_error(failed, "preparing the table of flows");
    }
    return Done{};
}

Status StateMaps::put(bpf_object* object) {
    for (const char* name : kOuters) {
        const int outer = bpf_object__find_map_fd_by_name(object, name);
        if (outer < 0) continue;  // nothing reads it
        std::vector<std::uint32_t> places;
        std::vector<int> fds;
        for (const Map& map : maps_)
            if (map.shape.outer == name) places.push_back(map.shape.index), fds.push_back(map.fd.get());
        for (const Fixed& table : fixed_)
            if (name == kSetTables) places.push_back(table.index), fds.push_back(table.fd.get());
        if (Status done = put_all(outer, places, fds); !done) return done;
    }
    return Done{};
}

Status StateMaps::add_fixed(const std::vector<bpf::NameImage>& images) {
    for (const bpf::NameImage& image : images) {
        auto table = NameTable::make_fixed(image);
        if (!table) return table.error();
        fixed_.push_back({image.index, std::move(*table)});
    }
    return Done{};
}

namespace {

Error no_room_for_file(const bpf::StateMap& shape) {
    return {fmt::format("`{}` has no room for all of its file", shape.identity), "a larger `size`", E2BIG};
}

Status add_first_names(const bpf::StateMap& shape, int fd) {
    auto table = NameTable::open(fd);
    if (!table) return table.error();
    bool fits = true;
    const std::uint64_t now_ns = monotonic_ns();
    bpf::each_name(shape.keys, [&](std::span<const std::uint8_t> name) {
        fits = table->put({reinterpret_cast<const char*>(name.data()), name.size()}, 0, now_ns) != WEIR_REFUSED && fits;
    });
    if (!fits) return no_room_for_file(shape);
    return Done{};
}

}  // namespace

Status StateMaps::add_first_entries() const {
    SetChanger changer;
    for (const Map& map : maps_) {
        if (!map.taken_over || map.shape.kind == bpf::StateKind::kFlows) continue;
        if (map.shape.kind == bpf::StateKind::kNames) {
            if (Status added = add_first_names(map.shape, map.fd.get()); !added) return added;
            continue;
        }
        std::vector<weir_set_request> requests;
        for (std::size_t at = 0; at < map.shape.keys.size(); at += map.shape.key_size) {
            weir_set_request& order = requests.emplace_back();
            std::memcpy(order.key, map.shape.keys.data() + at, map.shape.key_size);
            order.kind = WEIR_SET_REQUEST_PUT;
        }
        if (Status done = changer.carry_out(map.fd.get(), requests); !done) return done;
        if (std::any_of(requests.begin(), requests.end(),
                        [](const weir_set_request& order) { return order.answer == WEIR_REFUSED; }))
            return no_room_for_file(map.shape);
    }
    return Done{};
}

Status StateMaps::reset() const {
    for (const Map& map : maps_) {
        if (map.shape.kind == bpf::StateKind::kFlows) {
            auto flows = FlowTable::open(map.fd.get());
            if (!flows) return flows.error();
            flows->clear();
            continue;
        }
        if (map.shape.kind == bpf::StateKind::kNames) {
            auto table = NameTable::open(map.fd.get());
            if (!table) return table.error();
            table->clear();
            if (Status added = add_first_names(map.shape, map.fd.get()); !added) return added;
            continue;
        }
        if (map.shape.kind == bpf::StateKind::kMeasure) {
            auto table = MeasureTable::open(map.fd.get());
            if (!table) return table.error();
            table->clear();
            continue;
        }
        auto table = StateTable::open(map.fd.get());
        if (!table) return table.error();
        table->clear();
        for (std::size_t at = 0; at < map.shape.keys.size(); at += map.shape.key_size)
            table->put_first(reinterpret_cast<const std::uint32_t*>(map.shape.keys.data() + at),
                             0);  // there was room before
    }
    return Done{};
}

int StateMaps::fd(const std::string& identity) const {
    const auto found =
        std::find_if(maps_.begin(), maps_.end(), [&](const Map& map) { return map.shape.identity == identity; });
    return found == maps_.end() ? -1 : found->fd.get();
}

std::uint32_t StateMaps::size_of(const std::string& identity) const {
    for (const Map& map : maps_)
        if (map.shape.identity == identity) return map.shape.max_entries;
    return 0;
}

std::uint32_t StateMaps::flow_groups() const {
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (flows() < 0 || bpf_obj_get_info_by_fd(flows(), &info, &length) != 0) return 0;
    return weir_flow_groups_in(info.max_entries);
}

bool StateMaps::has_earlier_flows() const {
    return std::any_of(maps_.begin(), maps_.end(),
                       [](const Map& map) { return map.shape.kind == bpf::StateKind::kFlows && map.taken_over; });
}

std::vector<int> StateMaps::fds() const {
    std::vector<int> fds;
    for (const Map& map : maps_) fds.push_back(map.fd.get());
    return fds;
}

std::vector<UniqueFd> StateMaps::fixed_in(int set_tables) const {
    std::vector<UniqueFd> tables;
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (set_tables < 0 || bpf_obj_get_info_by_fd(set_tables, &info, &length) != 0) return tables;
    const auto changing = static_cast<std::size_t>(
        std::count_if(maps_.begin(), maps_.end(), [](const Map& map) { return bpf::is_set(map.shape.kind); }));
    const std::vector<std::uint32_t> ids = ids_in(set_tables, info.max_entries);
    for (std::size_t i = changing; i < ids.size(); ++i)
        if (UniqueFd fd(bpf_map_get_fd_by_id(ids[i])); fd) tables.push_back(std::move(fd));
    return tables;
}

std::vector<std::uint8_t> StateMaps::taken_over() const {
    std::vector<std::uint8_t> all;
    for (const Map& map : maps_) all.push_back(map.taken_over ? 1 : 0);
    return all;
}

std::vector<bpf::StateMap> StateMaps::shapes() const {
    std::vector<bpf::StateMap> shapes;
    for (const Map& map : maps_) shapes.push_back(map.shape);
    return shapes;
}

std::vector<std::string> StateMaps::identities() const {
    std::vector<std::string> identities;
    for (const Map& map : maps_) identities.push_back(map.shape.identity);
    return identities;
}

std::vector<CountedMap> StateMaps::counted() const {
    std::vector<CountedMap> all;
    for (const Map& map : maps_) all.push_back({map.shape.kind, map.fd.get()});
    return all;
}

StateMaps::Change StateMaps::change(const std::vector<bpf::StateMap>& earlier,
                                    const std::vector<bpf::StateMap>& wanted) {
    // Identities of `maps` that nothing of `others` goes on with, or comes from.
    const auto alone = [](const std::vector<bpf::StateMap>& maps, const std::vector<bpf::StateMap>& others) {
        std::vector<std::string> identities;
        for (const bpf::StateMap& map : maps) {
            const auto same = std::find_if(others.begin(), others.end(),
                                           [&](const bpf::StateMap& other) { return goes_on(other, map); });
            if (map.kind != bpf::StateKind::kThrottles) {
                if (same == others.end()) identities.push_back(map.identity);
                continue;
            }
            std::unordered_set<std::string_view> known;
            if (same != others.end()) known.insert(same->throttles.begin(), same->throttles.end());
            for (const std::string& throttle : map.throttles)
                if (!known.contains(throttle)) identities.push_back(throttle);
        }
        return identities;
    };
    return {alone(wanted, earlier), alone(earlier, wanted)};
}

}  // namespace weir::runtime

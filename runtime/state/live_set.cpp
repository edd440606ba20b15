// Tested by tests/house/house_test.py.
#include "runtime/state/live_set.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fmt/format.h>

#include "grammar/base/domain_text.h"
#include "runtime/kernel.h"
#include "runtime/state/name_table.h"
#include "runtime/state/set_text.h"
#include "runtime/state/state_count.h"

namespace weir::runtime {
namespace {

bool is_names(const bpf::SetInfo& info) {
    return info.parts.size() == 1 && info.parts.front() == bpf::SetPart::kDomain;
}

Result<std::vector<LiveSet::Entry>> list_names(int map, std::size_t most) {
    auto table = NameTable::open(map);
    if (!table) return table.error();
    std::vector<LiveSet::Entry> entries;
    const std::uint64_t now_ns = monotonic_ns();
    table->each_while([&](std::string_view name, std::uint64_t end_ns) {
        if (entries.size() == most) return false;
        if (end_ns == 0 || end_ns > now_ns) entries.push_back({std::string(name), end_ns == 0 ? 0 : end_ns - now_ns});
        return true;
    });
    return entries;
}

}  // namespace

Result<LiveSet> LiveSet::open(const bpf::SetInfo& info, int map, SetChanger* changer) {
    if (!info.dynamic)
        return Error{fmt::format("the set `{}` does not change while the policy runs", info.name),
                     "change its file, then `weir reload`; or use a second set without a file", EINVAL};
    if (is_names(info)) {
        if (auto names = NameTable::open(map); !names) return names.error();
        return LiveSet(info, map, 0, changer);
    }
    auto table = StateTable::open(map);
    if (!table) return table.error();
    return LiveSet(info, map, table->key_words(), changer);
}

Status LiveSet::change(std::vector<weir_set_request>& requests) const {
    SetChanger own;
    return (changer_ != nullptr ? *changer_ : own).carry_out(map_, requests);
}

Result<LiveSet::Key> LiveSet::key(const std::string& value) const {
    auto words = set_words(info_, value);
    if (words) words->resize(words_);
    return words;
}

Result<std::vector<LiveSet::Entry>> LiveSet::list(std::size_t most) const {
    if (words_ == 0) return list_names(map_, most);
    auto table = StateTable::open(map_);
    if (!table) return table.error();
    std::vector<Entry> entries;
    const std::uint64_t now_ns = monotonic_ns();
    table->each_while([&](const std::uint32_t* words, std::uint64_t end_ns) {
        if (entries.size() == most) return false;
        if (end_ns == 0 || end_ns > now_ns)
            entries.push_back({set_text(info_, words), end_ns == 0 ? 0 : end_ns - now_ns});
        return true;
    });
    return entries;
}

Result<std::uint64_t> LiveSet::count() const { return count_held({bpf::StateKind::kSet, map_}); }

Result<std::vector<weir_set_request>> LiveSet::requests(const std::vector<std::string>& values,
                                                        weir_set_request_kind kind) const {
    std::vector<weir_set_request> requests;
    for (const std::string& value : values) {
        auto words = key(value);
        if (!words) return words.error();
        weir_set_request& order = requests.emplace_back();
        std::copy(words->begin(), words->end(), order.key);
        order.kind = kind;
    }
    return requests;
}

Result<std::vector<std::string>> LiveSet::names(const std::vector<std::string>& values) const {
    std::vector<std::string> names;
    for (const std::string& value : values)
        if (const NameFault fault = read_name(value, names.emplace_back()); fault != NameFault::kNone)
            return Error{fmt::format("`{}` {}", value, name_fault_text(fault)), name_fault_help(fault, value), EINVAL};
    return names;
}

Result<LiveSet::Added> LiveSet::add_names(const std::vector<std::string>& values, std::uint64_t end_ns) const {
    const auto wanted = names(values);
    if (!wanted) return wanted.error();
    auto table = NameTable::open(map_);
    if (!table) return table.error();
    table->repair();
    Added added;
    const std::uint64_t now_ns = monotonic_ns();
    for (const std::string& name : *wanted)
        ++(table->put(name, end_ns, now_ns) == WEIR_REFUSED ? added.refused : added.added);
    return added;
}

Result<std::uint64_t> LiveSet::remove_names(const std::vector<std::string>& values) const {
    const auto wanted = names(values);
    if (!wanted) return wanted.error();
    auto table = NameTable::open(map_);
    if (!table) return table.error();
    table->repair();
    return static_cast<std::uint64_t>(
        std::count_if(wanted->begin(), wanted->end(), [&](const std::string& name) { return table->remove(name); }));
}

Status LiveSet::check(const std::vector<std::string>& values) const {
    if (words_ == 0) {
        if (auto read = names(values); !read) return read.error();
        return Done{};
    }
    for (const std::string& value : values)
        if (auto words = key(value); !words) return words.error();
    return Done{};
}

Result<LiveSet::Added> LiveSet::add(const std::vector<std::string>& values, std::optional<std::uint64_t> for_ns) const {
    const std::uint64_t lasts_ns = for_ns.value_or(info_.ttl_ns), now_ns = monotonic_ns();
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t end_ns = lasts_ns == 0 ? 0 : lasts_ns > most - now_ns ? most : now_ns + lasts_ns;
    if (words_ == 0) return add_names(values, end_ns);
    auto wanted = requests(values, WEIR_SET_REQUEST_PUT);
    if (!wanted) return wanted.error();
    for (weir_set_request& order : *wanted) order.end_ns = end_ns;
    if (Status done = change(*wanted); !done) return done.error();
    Added added;
    for (const weir_set_request& order : *wanted) ++(order.answer == WEIR_REFUSED ? added.refused : added.added);
    return added;
}

Result<std::uint64_t> LiveSet::remove(const std::vector<std::string>& values) const {
    if (words_ == 0) return remove_names(values);
    auto wanted = requests(values, WEIR_SET_REQUEST_TAKE_OUT);
    if (!wanted) return wanted.error();
    if (Status done = change(*wanted); !done) return done.error();
    std::uint64_t removed = 0;
    for (const weir_set_request& order : *wanted) removed += order.answer;
    return removed;
}

}  // namespace weir::runtime

// Tested by tests/kernel/state_test.cpp with `set(`.
#include "runtime/state/set_entries.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "runtime/kernel.h"
#include "runtime/state/name_table.h"

namespace weir::runtime {

SetEntries entries_of(const StateTable& table) {
    SetEntries entries{table.key_words()};
    const std::uint64_t now_ns = monotonic_ns();
    table.each([&](const std::uint32_t* words, std::uint64_t end_ns) {
        if (end_ns != 0 && end_ns <= now_ns) return;
        entries.keys.insert(entries.keys.end(), words, words + entries.key_words);
        entries.ends_ns.push_back(end_ns);
    });
    return entries;
}

Result<std::uint64_t> add_missing(const SetEntries& entries, int fd, SetChanger& changer) {
    auto table = StateTable::open(fd);
    if (!table) return table.error();
    if (table->key_words() != entries.key_words) return Error{"the entries are of another type", {}, EINVAL};
    std::vector<weir_set_request> requests;
    for (std::size_t i = 0; i < entries.ends_ns.size(); ++i) {
        const std::span<const std::uint32_t> key(entries.keys.data() + i * entries.key_words, entries.key_words);
        const std::uint64_t end_ns = entries.ends_ns[i];
        const weir_entry* there = table->find(key);
        if (there != nullptr && (there->end_ns == 0 || (end_ns != 0 && there->end_ns >= end_ns))) continue;
        weir_set_request& request = requests.emplace_back();
        std::memcpy(request.key, key.data(), key.size_bytes());
        request.end_ns = end_ns;
        request.kind = WEIR_SET_REQUEST_PUT;
    }
    if (Status done = changer.carry_out(fd, requests); !done) return done.error();
    return static_cast<std::uint64_t>(std::count_if(
        requests.begin(), requests.end(), [](const auto& request) { return request.answer == WEIR_REFUSED; }));
}

Result<std::uint64_t> add_missing(int from, int to, SetChanger& changer) {
    auto table = StateTable::open(from);
    if (!table) return table.error();
    return add_missing(entries_of(*table), to, changer);
}

Result<std::uint64_t> add_missing_names(int from, int to) {
    auto table = NameTable::open(from), others = NameTable::open(to);
    if (!table) return table.error();
    if (!others) return others.error();
    std::uint64_t refused = 0;
    const std::uint64_t now_ns = monotonic_ns();
    table->each([&](std::string_view name, std::uint64_t end_ns) {
        if (end_ns != 0 && end_ns <= now_ns) return;
        const std::optional<std::uint64_t> there = others->end_of(name);
        if (there && (*there == 0 || (end_ns != 0 && *there >= end_ns))) return;
        if (others->put(name, end_ns, now_ns) == WEIR_REFUSED) ++refused;
    });
    return refused;
}

}  // namespace weir::runtime

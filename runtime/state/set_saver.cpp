// Tested by tests/kernel/kept_test.cpp with `state_folder`.
#include "runtime/state/set_saver.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "grammar/base/domain_text.h"
#include "grammar/base/hash.h"
#include "runtime/kernel.h"
#include "runtime/state/name_table.h"
#include "runtime/state/set_text.h"
#include "runtime/state/snapshot_file.h"
#include "runtime/state/state_table.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kSecond_ns = 1'000'000'000;
constexpr std::uint64_t kShare = 20;  // writing takes one part in so many of the time, at most
constexpr std::uint64_t kMax_ns = std::numeric_limits<std::uint64_t>::max();

bool is_names(const SavedSet& set) {
    return set.info.parts.size() == 1 && set.info.parts.front() == bpf::SetPart::kDomain;
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) { return weir_mix(hash ^ value) * 0x9e3779b97f4a7c15; }

// When an entry ends, on this engine's clock; nothing where it has ended. Where the wall clock has been put back since
// it was kept, it has what it had then, and no more.
std::optional<std::uint64_t> end_of(std::uint64_t end_ns, std::uint64_t saved_at_ns, std::uint64_t wall_ns,
                                    std::uint64_t now_ns) {
    if (end_ns == 0) return 0;
    const std::uint64_t since_ns = std::max(wall_ns, saved_at_ns);
    if (end_ns <= since_ns) return std::nullopt;
    const std::uint64_t expires_in_ns = end_ns - since_ns;
    return expires_in_ns > kMax_ns - now_ns ? kMax_ns : now_ns + expires_in_ns;
}

// What becomes of an entry of the file, and how many each came to, by set.
enum RestoreResult : std::size_t { kBack, kEnded, kRefused, kWrong, kRestoreResults };
using RestoreResults = std::map<std::string, std::array<std::uint64_t, kRestoreResults>, std::less<>>;

// A set of the policy that entries may go back into.
class Home {
public:
    static Result<Home> open(const SavedSet& set) {
        if (is_names(set)) {
            auto names = NameTable::open(set.table.get());
            if (!names) return names.error();
            return Home(set.info, std::move(*names));
        }
        auto table = StateTable::open(set.table.get());
        if (!table) return table.error();
        return Home(set.info, std::move(*table));
    }
    RestoreResult put(std::string_view value, std::uint64_t end_ns, std::uint64_t now_ns) const {
        if (names_) return put_name(value, end_ns, now_ns);
        auto words = set_words(*info_, std::string(value));
        if (!words) return kWrong;
        words->resize(table_->key_words());
        // An entry of the set's file has no end, as after a reload.
        if (const weir_entry* there = table_->find(*words); there != nullptr && there->end_ns == 0) return kBack;
        return table_->put_first(words->data(), end_ns) ? kBack : kRefused;
    }

private:
    Home(const bpf::SetInfo& info, StateTable table) : info_(&info), table_(std::move(table)) {}
    Home(const bpf::SetInfo& info, NameTable names) : info_(&info), names_(std::move(names)) {}
    RestoreResult put_name(std::string_view value, std::uint64_t end_ns, std::uint64_t now_ns) const {
        std::string name;
        if (read_name(value, name) != NameFault::kNone) return kWrong;
        if (const auto there = names_->end_of(name); there && *there == 0) return kBack;
        return names_->put(name, end_ns, now_ns) == WEIR_REFUSED ? kRefused : kBack;
    }

    const bpf::SetInfo* info_;
    std::optional<StateTable> table_{};
    std::optional<NameTable> names_{};  // of a set of names
};

// "set blocked: (ip)" -> "set blocked:"
std::string_view name_of(std::string_view identity) { return identity.substr(0, identity.find(':') + 1); }

std::string why_unmatched(const std::string& identity, const std::vector<SavedSet>& sets) {
    for (const SavedSet& set : sets)
        if (name_of(set.info.identity) == name_of(identity)) return fmt::format("it is `{}` now", set.info.identity);
    return "the policy has no such set that changes";
}

}  // namespace

SetSaver::SetSaver(std::string folder, std::uint64_t every_ns, Notice notice)
    : folder_(std::move(folder)), every_ns_(every_ns), notice_(std::move(notice)), next_ns_(monotonic_ns() + every_ns) {
    status_.path = snapshot_path(folder_);
    status_.state = "ok";
}

void SetSaver::restore(const std::vector<SavedSet>& sets) {
    auto file = SnapshotReader::open(folder_);
    if (!file) {
        if (file.error().number == ENOENT) return;
        notice_("no set entries were restored: " + file.error().message);
        if (file.error().number != EBADMSG) return;
        auto aside = quarantine_snapshot(folder_);
        return notice_(aside ? "the file was renamed to " + *aside : aside.error().message);
    }
    std::map<std::string, Home, std::less<>> homes;
    for (const SavedSet& set : sets) {
        auto home = Home::open(set);
        if (!home) return notice_("no set entries were restored: " + home.error().message);
        homes.emplace(set.info.identity, std::move(*home));
    }
    const std::uint64_t wall_ns = realtime_ns(), now_ns = monotonic_ns();
    RestoreResults results;
    const Status read = file->each([&](std::string_view identity, std::string_view value, std::uint64_t end_ns) {
        auto of = results.find(identity);
        if (of == results.end()) of = results.emplace(identity, RestoreResults::mapped_type{}).first;
        const auto home = homes.find(identity);
        const auto end = end_of(end_ns, file->saved_at_ns(), wall_ns, now_ns);
        ++of->second[!end ? kEnded : home == homes.end() ? kWrong : home->second.put(value, *end, now_ns)];
    });
    if (!read) notice_(fmt::format("not all set entries were restored: {} {}", status_.path, read.error().message));
    std::uint64_t ended = 0;
    for (const auto& [identity, of] : results) {
        status_.restored += of[kBack];
        status_.skipped += of[kRefused] + of[kWrong];
        ended += of[kEnded];
        if (of[kRefused] != 0) notice_(fmt::format("`{}`: {} saved entries have no room", identity, of[kRefused]));
        if (of[kWrong] != 0)
            notice_(fmt::format("`{}`: {} saved entries are skipped: {}", identity, of[kWrong],
                                homes.contains(identity) ? "they have another type" : why_unmatched(identity, sets)));
    }
    notice_(fmt::format("{} set entries restored, {} expired since {}: {}", status_.restored, ended,
                        rfc3339(file->saved_at_ns()), status_.path));
}

bool SetSaver::is_due() {
    collect();
    return !writing_.valid() && monotonic_ns() >= next_ns_;
}

void SetSaver::keep(std::vector<SavedSet> sets) {
    auto in_background = [folder = folder_, before = kept_, of = std::move(sets)] { return write(folder, of, before); };
    try {
        writing_ = std::async(std::launch::async, std::move(in_background));
    } catch (const std::system_error& failed) {
        take({kernel_error(failed.code().value(), "starting a thread"), {}, {}, 0, 0});
    }
}

void SetSaver::keep_last(std::vector<SavedSet> sets) {
    if (writing_.valid()) take(writing_.get());
    take(write(folder_, sets, std::nullopt));
}

SetsFileStatus SetSaver::status() {
    collect();
    return status_;
}

void SetSaver::collect() {
    if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
        take(writing_.get());
}

void SetSaver::take(Outcome outcome) {
    next_ns_ = monotonic_ns() + std::max(every_ns_, outcome.took_ns * kShare);
    const bool was_good = status_.state == "ok";
    status_.state = outcome.done ? "ok" : outcome.done.error().message;
    kept_ = outcome.done ? std::optional(outcome.seen) : std::nullopt;
    if (was_good && !outcome.done) notice_(fmt::format("set entries cannot be saved: {}", status_.state));
    if (!was_good && outcome.done) notice_(fmt::format("set entries are saved again in {}", status_.path));
    if (!outcome.done || !outcome.entries) return;
    status_.saved_at = rfc3339(outcome.at_ns);
    status_.entries = *outcome.entries;
}

SetSaver::Look SetSaver::look(const std::vector<SavedSet>& sets) {
    Look seen{0, realtime_ns() - monotonic_ns()};
    for (const SavedSet& set : sets) {
        for (const char letter : set.info.identity) seen.hash = mixed(seen.hash, static_cast<unsigned char>(letter));
        if (is_names(set)) {
            if (auto names = NameTable::open(set.table.get()); names)
                names->each([&](std::string_view name, std::uint64_t end_ns) {
                    seen.hash = mixed(mixed(seen.hash, fnv1a(name)), end_ns);
                });
            continue;
        }
        auto table = StateTable::open(set.table.get());
        if (!table) continue;  // write_all() says so
        table->each([&](const std::uint32_t* words, std::uint64_t end_ns) {
            for (std::uint32_t i = 0; i < table->key_words(); ++i) seen.hash = mixed(seen.hash, words[i]);
            seen.hash = mixed(seen.hash, end_ns);
        });
    }
    return seen;
}

SetSaver::Outcome SetSaver::write(const std::string& folder, const std::vector<SavedSet>& sets,
                                  const std::optional<Look>& before) {
    Outcome outcome;
    const std::uint64_t begin_ns = monotonic_ns();
    outcome.seen = look(sets);
    const auto clock_kept_pace = [&] {
        const std::uint64_t moved_ns = outcome.seen.wall_clock_ahead_ns - before->wall_clock_ahead_ns;
        return std::min(moved_ns, 0 - moved_ns) < kSecond_ns;
    };
    if (before && before->hash == outcome.seen.hash && clock_kept_pace()) {
        outcome.seen = *before;
    } else {
        auto entries = write_all(folder, sets, outcome.seen);
        if (entries)
            outcome.entries = *entries;
        else
            outcome.done = entries.error();
    }
    outcome.at_ns = realtime_ns();
    outcome.took_ns = monotonic_ns() - begin_ns;
    return outcome;
}

Result<std::uint64_t> SetSaver::write_all(const std::string& folder, const std::vector<SavedSet>& sets,
                                          const Look& seen) {
    const std::uint64_t now_ns = monotonic_ns();
    auto file = SnapshotWriter::create(folder, now_ns + seen.wall_clock_ahead_ns);
    if (!file) return file.error();
    for (const SavedSet& set : sets) {
        const auto put = [&](std::string_view value, std::uint64_t end_ns) {
            if (end_ns != 0 && end_ns <= now_ns) return;
            const bool is_far = end_ns > kMax_ns - seen.wall_clock_ahead_ns;
            file->entry(value, end_ns == 0 ? 0 : is_far ? kMax_ns : end_ns + seen.wall_clock_ahead_ns);
        };
        if (is_names(set)) {
            auto names = NameTable::open(set.table.get());
            if (!names) return names.error();
            file->set(set.info.identity);
            names->each(put);
            continue;
        }
        auto table = StateTable::open(set.table.get());
        if (!table) return table.error();
        file->set(set.info.identity);
        table->each([&](const std::uint32_t* words, std::uint64_t end_ns) { put(set_text(set.info, words), end_ns); });
    }
    if (Status finished = file->finish(); !finished) return finished.error();
    return file->entries();
}

}  // namespace weir::runtime

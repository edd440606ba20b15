// Tested by tests/kernel/upgrade_test.cpp with `older`.
#include "runtime/engine/older.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "runtime/bytes.h"
#include "runtime/engine/pin_names.h"
#include "runtime/engine/shared_bytes.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// ---- layouts of ABI 5 ----

struct OldTaken {
    std::uint64_t delivered, lost;
};
struct OldRecord {
    std::uint32_t generation, alerts;
    std::uint64_t read, sent, elsewhere;
};
struct OldAccount {
    std::uint64_t matched, delivered, suppressed, lost, pending;
};
struct OldStateAccount {
    std::uint64_t inserted, refused;
};
struct OldAlert {  // of a program, a CPU
    std::uint64_t matched, suppressed, lost;
};
constexpr std::uint32_t kOldObjectMagic = 0x52494557, kOldObjectVersion = 4;
constexpr std::uint32_t kOldSlotMask = 7, kOldShadowLive = 1;
constexpr std::uint32_t kOldCountersABlock = 64;
constexpr std::size_t kOldElementBytes = 512;
constexpr std::uint32_t kOldGroupEntries = 32, kOldTagsAnElement = 16;
struct OldTableHead {
    std::uint64_t by[16];
    std::uint32_t groups, size, key_words;
};
struct OldEntry {
    std::uint64_t print, end_ns;  // bit 0 of a print is none of it; 0: free
};

Error broken() { return {"what the older engine left is not as weir 0.1 wrote it", {}, EBADMSG}; }

// ---- what a record says of a policy ----

struct OldState {
    std::string outer, identity;
    std::uint32_t index = 0, key_size = 0;
    std::uint8_t kind = 0;  // 1: a set
};
struct OldPolicy {
    bpf::Manifest names;  // of policy, rules and alerts; nothing else
    std::vector<OldState> state;
};

// An object of 0.1 without program and contents: what is skipped stands in the order in which it was written.
class OldObjectReader {
public:
    explicit OldObjectReader(std::span<const std::uint8_t> bytes) : in_(bytes) {}
    Result<OldPolicy> read() {
        OldPolicy policy;
        if (in_.get<std::uint32_t>() != kOldObjectMagic || in_.get<std::uint32_t>() != kOldObjectVersion)
            return broken();
        in_.text();  // program
        policy.names.policy = in_.text();
        in_.text();  // hash of the source
        each([&] { policy.names.rules.push_back(rule()); });
        each([&] { policy.names.alerts.push_back(alert()); });
        each([&] { in_.text(), skip(1), in_.text(), skip(8 + 4); });                         // sinks
        each([&] { in_.text(), skip(1 + 8 + 8 + 8), in_.text(), each([&] { skip(1); }); });  // sets
        each([&] { skip(1), in_.text(); });                                                  // interfaces
        skip(4 + 4 + 1);                                                                     // verdicts, VLAN tags
        each([&] { in_.text(), in_.text(); });                                               // tables
        each([&] { in_.text(), skip(4 + 4), in_.text(), in_.text(); });                      // maps
        each([&] { in_.text(), skip(4 + 4 + 4); });                                          // sizes
        each([&] { policy.state.push_back(state()); });
        if (!in_.good()) return broken();
        return policy;
    }

private:
    template <typename Read>
    void each(Read read) {
        for (auto left = in_.get<std::uint64_t>(); left != 0 && in_.good(); --left) read();
    }
    void skip(std::size_t bytes) {
        for (; bytes != 0; --bytes) in_.get<std::uint8_t>();
    }
    bpf::RuleInfo rule() {
        bpf::RuleInfo info;
        info.name = in_.text();
        skip(1 + 4), in_.text();
        return info;
    }
    bpf::AlertInfo alert() {
        bpf::AlertInfo info;
        info.name = in_.text();
        skip(1);
        each([&] {
            const auto part = in_.get<std::uint8_t>();
            if (part == 0) in_.text();                               // text
            if (part == 1) in_.text(), skip(1 + 4 + 2 + 1 + 1 + 8);  // a field
            if (part == 2) skip(1);                                  // a word
        });
        each([&] { skip(4); });  // sinks
        return info;
    }
    OldState state() {
        OldState map;
        map.outer = in_.text();
        map.index = in_.get<std::uint32_t>();
        map.identity = in_.text();
        map.kind = in_.get<std::uint8_t>();
        map.key_size = in_.get<std::uint32_t>();
        skip(4 + 4 + 4), in_.text();
        return map;
    }
    ByteReader in_;
};

struct OldGeneration {
    std::uint32_t number = 0;
    std::vector<OldTaken> taken;
    OldPolicy policy;
};

Result<OldGeneration> read_record(UniqueFd map) {
    auto memory = SharedBytes::adopt(std::move(map));
    if (!memory) return memory.error();
    ByteReader in(memory->bytes());
    const auto head = in.get<OldRecord>();
    OldGeneration generation;
    generation.number = head.generation;
    for (std::uint32_t i = 0; i < head.alerts && in.good(); ++i) generation.taken.push_back(in.get<OldTaken>());
    in.text();  // file
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) in.text(), in.text();
    in.text();  // when it was loaded
    const auto object = in.list<std::uint8_t>();
    if (!in.good()) return broken();
    auto policy = OldObjectReader(object).read();
    if (!policy) return policy.error();
    if (policy->names.alerts.size() != generation.taken.size()) return broken();
    generation.policy = std::move(*policy);
    return generation;
}

// ---- the sums ----

weir_alert_account counted(const OldAlert& alert) { return {alert.matched, alert.suppressed, alert.lost}; }

StateAccounts read_state_accounts(ByteReader& in) {
    StateAccounts state;
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        std::string identity = in.text();
        const auto account = in.get<OldStateAccount>();
        state.emplace_back(std::move(identity), weir_state_account{account.inserted, account.refused, 0});
    }
    return state;
}

struct OldSums {
    struct Generation {
        Counts counted;
        std::vector<OldTaken> taken;
    };
    std::map<std::uint32_t, Generation> generations;
};

// The accounts of today are read from bytes, as their own would be.
Result<OldSums> read_sums(const Pins& pins, OlderEngine& engine) {
    OldSums sums;
    UniqueFd map = pins.get("sums");
    if (!map) return sums;  // killed before it saved any
    auto memory = SharedBytes::adopt(std::move(map));
    if (!memory) return memory.error();
    ByteReader in(memory->bytes());
    engine.newest = in.get<std::uint32_t>();
    engine.auto_rollbacks = in.get<std::uint64_t>();
    ByteWriter accounts;
    const auto rules = in.get<std::uint64_t>();
    accounts.put(rules);
    for (auto left = rules; left != 0 && in.good(); --left)
        accounts.put(in.text()), accounts.put(in.get<weir_counter>());
    const auto alerts = in.get<std::uint64_t>();
    accounts.put(alerts);
    for (auto left = alerts; left != 0 && in.good(); --left) {
        accounts.put(in.text());
        const auto old = in.get<OldAccount>();
        accounts.put(Account{old.matched, old.delivered, old.suppressed, old.lost, 0, 0});
    }
    for (int i = 0; i < 2; ++i) accounts.put(in.get<weir_counter>());  // default, malformed
    const StateAccounts state = read_state_accounts(in);
    accounts.put(std::uint64_t{state.size()});
    for (const auto& [identity, account] : state) accounts.put(identity), accounts.put(account);
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        OldSums::Generation& of = sums.generations[in.get<std::uint32_t>()];
        of.counted.rows = in.list<weir_counter>();
        for (const OldAlert& alert : in.list<OldAlert>()) of.counted.alerts.push_back(counted(alert));
        of.counted.state = read_state_accounts(in);
        of.taken = in.list<OldTaken>();
    }
    if (!in.good()) return broken();
    ByteReader reader(accounts.bytes());
    engine.accounts.load(reader);
    return sums;
}

// ---- programs ----

// Sums over the CPUs of the first `count` values of a per-CPU array.
template <typename Value>
Result<std::vector<Value>> read_counters(int map, std::size_t count) {
    constexpr std::size_t kWords = sizeof(Value) / sizeof(std::uint64_t);
    std::vector<Value> values(count);
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (count == 0) return values;
    if (bpf_obj_get_info_by_fd(map, &info, &length) != 0 || info.type != BPF_MAP_TYPE_PERCPU_ARRAY ||
        info.value_size != sizeof(Value) || info.max_entries < count)
        return broken();
    std::vector<std::uint64_t> cpus(kWords * possible_cpus());
    for (std::uint32_t i = 0; i < count; ++i) {
        if (bpf_map_lookup_elem(map, &i, cpus.data()) != 0) return kernel_error(errno, "reading the counters");
        std::uint64_t total[kWords] = {};
        for (std::size_t word = 0; word < cpus.size(); ++word) total[word % kWords] += cpus[word];
        std::memcpy(&values[i], total, sizeof(total));
    }
    return values;
}

struct OldCounterBlock {
    weir_counter rows[kOldCountersABlock];
};

Result<Counts> read_program(const Program& program, const OldPolicy& policy) {
    const std::size_t rows = policy.names.rules.size() + 2;
    auto blocks = read_counters<OldCounterBlock>(program.map("weir_counters"),
                                                 (rows + kOldCountersABlock - 1) / kOldCountersABlock);
    if (!blocks) return blocks.error();
    Counts counts;
    for (std::size_t row = 0; row < rows; ++row)
        counts.rows.push_back((*blocks)[row / kOldCountersABlock].rows[row % kOldCountersABlock]);
    counts.alerts.resize(policy.names.alerts.size());
    if (const int map = program.map("weir_alert_accounts"); map >= 0) {
        auto alerts = read_counters<OldAlert>(map, policy.names.alerts.size());
        if (!alerts) return alerts.error();
        std::transform(alerts->begin(), alerts->end(), counts.alerts.begin(), counted);
    }
    if (const int map = program.map("weir_state_accounts"); map >= 0) {
        auto state = read_counters<OldStateAccount>(map, policy.state.size());
        if (!state) return state.error();
        for (std::size_t i = 0; i < policy.state.size(); ++i)
            counts.state.emplace_back(policy.state[i].identity,
                                      weir_state_account{(*state)[i].inserted, (*state)[i].refused, 0});
    }
    return counts;
}

// What 0.1 had counted of a program fits only a policy of as many rules, alerts and terms.
bool fits(const Counts& before, const Counts& now) {
    return before.rows.size() <= now.rows.size() && before.alerts.size() <= now.alerts.size() &&
           before.state.size() <= now.state.size();
}

std::uint32_t entry_of(int map, std::uint32_t index) {
    std::uint32_t id = 0;
    return map >= 0 && bpf_map_lookup_elem(map, &index, &id) == 0 ? id : 0;
}

Result<Program> program_in(int map, std::uint32_t index) {
    UniqueFd fd(bpf_prog_get_fd_by_id(entry_of(map, index)));
    if (!fd) return broken();
    return Program::adopt(std::move(fd), {}, {});
}

// ---- sets ----

Result<OlderSet> read_set(const OldState& state, int table) {
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(table, &info, &length) != 0 || info.type != BPF_MAP_TYPE_ARRAY ||
        info.value_size != kOldElementBytes || info.max_entries == 0)
        return broken();
    const std::size_t bytes = std::size_t{info.max_entries} * kOldElementBytes;
    const UniqueMapping memory(mmap(nullptr, bytes, PROT_READ, MAP_SHARED, table, 0), bytes);
    if (!memory) return kernel_error(errno, fmt::format("reading `{}`", state.identity));
    const auto* first = static_cast<const std::uint8_t*>(memory.get());
    OldTableHead head{};
    std::memcpy(&head, first, sizeof(head));
    const std::uint32_t words = head.key_words;
    if ((words != 2 && words != 6 && words != 16) || head.groups == 0 || words * 4 != state.key_size) return broken();
    const std::uint64_t keys_an_element = words == 2 ? 32 : words == 6 ? 21 : 8;
    const std::uint64_t key_elements = words == 2 ? 1 : words == 6 ? 2 : 4;
    const std::uint64_t first_keys = 2 + std::uint64_t{head.groups} + (head.groups - 1) / kOldTagsAnElement;
    if (first_keys + head.groups * key_elements > info.max_entries) return broken();
    OlderSet set{state.identity, {words}};
    const std::uint64_t now_ns = monotonic_ns();
    for (std::uint64_t group = 0; group < head.groups; ++group)
        for (std::uint64_t i = 1; i < kOldGroupEntries; ++i) {
            OldEntry entry{};
            std::memcpy(&entry, first + (1 + group) * kOldElementBytes + i * sizeof(entry), sizeof(entry));
            if ((entry.print & ~std::uint64_t{1}) == 0 || (entry.end_ns != 0 && entry.end_ns <= now_ns)) continue;
            const std::uint64_t element = first_keys + group * key_elements + i / keys_an_element;
            const std::uint8_t* key = first + element * kOldElementBytes + i % keys_an_element * words * 4;
            std::vector<std::uint32_t>& keys = set.entries.keys;
            keys.resize(keys.size() + words);
            std::memcpy(keys.data() + keys.size() - words, key, words * 4);
            set.entries.ends_ns.push_back(entry.end_ns);
        }
    return set;
}

Status read_sets(const Program& program, const OldPolicy& policy, OlderEngine& engine) {
    for (const OldState& state : policy.state) {
        if (state.kind != 1) continue;
        const UniqueFd table(bpf_map_get_fd_by_id(entry_of(program.map(state.outer), state.index)));
        auto set = table ? read_set(state, table.get()) : broken();
        if (!set) return set.error();
        engine.sets.push_back(std::move(*set));
    }
    return Done{};
}

// ---- all of it ----

class Reader {
public:
    explicit Reader(const Pins& pins) : pins_(pins), slots_(pins.get("slots")) {}

    Result<OlderEngine> read() {
        auto sums = read_sums(pins_, engine_);
        if (!sums) return sums.error();
        std::uint32_t word = 0;
        if (Status read = read_word(word); !read) return read.error();
        for (const std::string& number : pins_.names("record-")) {
            auto generation = read_record(pins_.get("record-" + number));
            if (!generation) return generation.error();
            if (Status added = add(*generation, (*sums).generations[generation->number], word); !added)
                return added.error();
        }
        if (engine_.generation == 0) return broken();
        engine_.lost = engine_.accounts.lose_pending();
        return std::move(engine_);
    }

private:
    Status read_word(std::uint32_t& word) const {
        bpf_map_info info{};
        __u32 length = sizeof(info);
        const UniqueFd map = pins_.get("word");
        const std::uint32_t zero = 0;
        if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0 || info.value_size < sizeof(word))
            return broken();
        std::vector<std::uint8_t> value(info.value_size);
        if (bpf_map_lookup_elem(map.get(), &zero, value.data()) != 0) return kernel_error(errno, "reading the word");
        std::memcpy(&word, value.data(), sizeof(word));
        return Done{};
    }

    Status add(const OldGeneration& of, const OldSums::Generation& before, std::uint32_t word) {
        engine_.newest = std::max(engine_.newest, of.number);
        for (std::size_t i = 0; i < of.taken.size(); ++i) {
            const OldTaken was = i < before.taken.size() ? before.taken[i] : OldTaken{};
            engine_.accounts.add_taken(of.policy.names.alerts[i].name,
                                       {of.taken[i].delivered - was.delivered, of.taken[i].lost - was.lost, 0});
        }
        const UniqueFd pinned = pins_.get(program_pin(of.number));
        if (!pinned) return Done{};  // only events of it waited
        const std::uint32_t id = program_id(pinned.get());
        std::optional<std::uint32_t> slot;
        for (std::uint32_t i = 0; i <= kOldSlotMask; ++i)
            if (entry_of(slots_.get(), i) == id) slot = i;
        if (!slot) return Done{};  // it was being prepared
        auto program = Program::adopt(duplicate(pinned.get()), {}, {});
        if (!program) return program.error();
        auto counts = read_program(*program, of.policy);
        if (!counts) return counts.error();
        if (!fits(before.counted, *counts)) return broken();
        engine_.accounts.add(of.policy.names, since(*counts, before.counted));
        const UniqueFd shadowed = pins_.get(shadow_pin(of.number));
        if (*slot != (word & kOldSlotMask) && !shadowed) return Done{};
        engine_.policy = of.policy.names.policy;
        engine_.generation = of.number;
        if (shadowed) {  // another program counts in its place
            auto stand_in = program_in(shadowed.get(), kOldShadowLive);
            auto more = stand_in ? read_program(*stand_in, of.policy) : stand_in.error();
            if (!more) return more.error();
            engine_.accounts.add(of.policy.names, *more);
        }
        return read_sets(*program, of.policy, engine_);
    }

    const Pins& pins_;
    UniqueFd slots_;
    OlderEngine engine_;
};

}  // namespace

Result<OlderEngine> read_older(const Pins& pins) { return Reader(pins).read(); }

std::uint32_t pinned_root(const Pins& pins) { return program_id(pins.get("root").get()); }

}  // namespace weir::runtime

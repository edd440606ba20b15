// Tested by tests/unit/runtime/accounts_test.cpp.
#include "runtime/engine/accounts.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "bpf/direction.h"
#include "grammar/base/names.h"
#include "runtime/engine/answers.h"
#include "runtime/kernel.h"
#include "runtime/state/tls_walks.h"

namespace weir::runtime {
namespace {

// The first `entries` entries of a per-CPU array of structs of 64-bit numbers, summed over the CPUs.
template <typename Sums>
Status read_sums(int map, std::uint32_t entries, std::vector<Sums>& sums) {
    constexpr std::size_t kWords = sizeof(Sums) / sizeof(std::uint64_t);
    static_assert(kWords * sizeof(std::uint64_t) == sizeof(Sums));
    sums.assign(entries, Sums{});
    constexpr std::uint32_t kAtOnce = 256;
    const std::size_t words = kWords * possible_cpus();  // of an entry
    std::vector<std::uint64_t> values(words * std::min(entries, kAtOnce));
    std::vector<std::uint32_t> keys(std::min(entries, kAtOnce));
    std::uint32_t place = 0;  // the kernel's, where the next batch begins
    for (std::uint32_t begin = 0; begin < entries;) {
        std::uint32_t count = std::min(entries - begin, kAtOnce);
        // ENOENT: the map ends with this batch.
        if (bpf_map_lookup_batch(map, begin == 0 ? nullptr : &place, &place, keys.data(), values.data(), &count,
                                 nullptr) != 0 &&
            (errno != ENOENT || count == 0))
            return kernel_error(errno, "reading the counters");
        for (std::uint32_t i = 0; i < count; ++i) {
            std::uint64_t total[kWords] = {};
            for (std::size_t word = 0; word < words; ++word) total[word % kWords] += values[i * words + word];
            std::memcpy(&sums[begin + i], total, sizeof(total));
        }
        begin += count;
    }
    return Done{};
}

// The program counts a match before it knows what becomes of the event; whoever reads the other way round never finds
// an outcome without its match.
Status read_alerts(int map, std::vector<weir_alert_account>& alerts) {
    const auto entries = static_cast<std::uint32_t>(alerts.size());
    std::vector<weir_alert_account> outcomes;
    if (Status read = read_sums(map, entries, outcomes); !read) return read;
    if (Status read = read_sums(map, entries, alerts); !read) return read;
    for (std::uint32_t i = 0; i < entries; ++i)
        alerts[i].suppressed = outcomes[i].suppressed, alerts[i].lost = outcomes[i].lost;
    return Done{};
}

void add_counter(weir_counter& sum, const weir_counter& more) {
    sum.packets += more.packets;
    sum.bytes += more.bytes;
}

void add_state(weir_state_account& sum, const weir_state_account& more) {
    sum.inserted += more.inserted;
    sum.refused += more.refused;
    sum.evicted += more.evicted;
}

template <typename Value>
Value find_or_zero(const std::unordered_map<std::string, Value>& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? Value{} : found->second;
}

CounterStatus counter_status(std::string name, weir_counter sum, const weir_counter& more) {
    add_counter(sum, more);
    CounterStatus status;
    status.name = std::move(name);
    status.packets = sum.packets;
    status.bytes = sum.bytes;
    return status;
}

// Empty where there is none.
std::string verdict_word(std::uint32_t verdict) {
    return verdict == ~0u ? std::string() : std::string(verdict_name(verdict));
}

}  // namespace

Result<weir_answer_account> read_answer_account(int map) {
    std::vector<weir_answer_account> sums;
    if (Status read = read_sums(map, 1, sums); !read) return read.error();
    return sums.front();
}

Result<StateAccounts> read_state_accounts(const Program& program) {
    const std::vector<std::string> identities = program.state().identities();
    std::vector<weir_state_account> sums(identities.size());
    if (const int map = program.map("weir_state_accounts"); map >= 0 && !identities.empty())
        if (Status read = read_sums(map, static_cast<std::uint32_t>(identities.size()), sums); !read)
            return read.error();
    StateAccounts accounts;
    for (std::size_t i = 0; i < identities.size(); ++i) accounts.emplace_back(identities[i], sums[i]);
    if (const int map = program.map("weir_tls_walks"); map >= 0) {
        auto evicted = evicted_tls_walks(map);
        if (!evicted) return evicted.error();
        accounts.emplace_back(kTlsWalks, weir_state_account{0, 0, *evicted});
    }
    if (Status read = read_answers(program, accounts); !read) return read.error();
    return accounts;
}

Result<Counts> read_counts(const Program& program, const bpf::Manifest& manifest) {
    Counts counts;
    const auto rows = static_cast<std::uint32_t>(manifest.rows());
    std::vector<weir_counter_block> blocks;
    if (Status read = read_sums(program.map("weir_counters"), WEIR_COUNTER_BLOCKS(rows), blocks); !read)
        return read.error();
    counts.rows.reserve(rows);
    for (std::uint32_t row = 0; row < rows; ++row)
        counts.rows.push_back(blocks[row / WEIR_BLOCK_COUNTERS].rows[row % WEIR_BLOCK_COUNTERS]);
    // A policy whose rules raise no alert has no accounts in its program.
    const int accounts = program.map("weir_alert_accounts");
    counts.alerts.resize(manifest.alerts.size());
    if (accounts >= 0 && !manifest.alerts.empty())
        if (Status read = read_alerts(accounts, counts.alerts); !read) return read.error();
    auto state = read_state_accounts(program);
    if (!state) return state.error();
    counts.state = std::move(*state);
    return counts;
}

std::uint64_t decided(const Counts& counts, const bpf::Manifest& manifest) {
    std::uint64_t packets = 0;
    for (std::size_t row = 0; row < counts.rows.size(); ++row) {
        const bool decides =
            row >= manifest.rules.size() || (!manifest.rules[row].observe && manifest.rules[row].verdict != ~0u);
        if (decides) packets += counts.rows[row].packets;
    }
    return packets;
}

void add(Counts& sum, const Counts& more) {
    for (std::size_t i = 0; i < more.rows.size(); ++i) add_counter(sum.rows[i], more.rows[i]);
    for (std::size_t i = 0; i < more.alerts.size(); ++i) {
        sum.alerts[i].matched += more.alerts[i].matched;
        sum.alerts[i].suppressed += more.alerts[i].suppressed;
        sum.alerts[i].lost += more.alerts[i].lost;
    }
    for (std::size_t i = 0; i < more.state.size(); ++i) add_state(sum.state[i].second, more.state[i].second);
}

Counts since(const Counts& now, const Counts& before) {
    Counts more = now;
    for (std::size_t i = 0; i < before.rows.size(); ++i) {
        more.rows[i].packets -= before.rows[i].packets;
        more.rows[i].bytes -= before.rows[i].bytes;
    }
    for (std::size_t i = 0; i < before.alerts.size(); ++i) {
        more.alerts[i].matched -= before.alerts[i].matched;
        more.alerts[i].suppressed -= before.alerts[i].suppressed;
        more.alerts[i].lost -= before.alerts[i].lost;
    }
    for (std::size_t i = 0; i < before.state.size(); ++i) {
        more.state[i].second.inserted -= before.state[i].second.inserted;
        more.state[i].second.refused -= before.state[i].second.refused;
        more.state[i].second.evicted -= before.state[i].second.evicted;
    }
    return more;
}

namespace {
void save_state_accounts(ByteWriter& out, const StateAccounts& state) {
    out.put(std::uint64_t{state.size()});
    for (const auto& [identity, account] : state) out.put(identity), out.put(account);
}

StateAccounts load_state_accounts(ByteReader& in) {
    StateAccounts state;
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        std::string identity = in.text();
        state.emplace_back(std::move(identity), in.get<weir_state_account>());
    }
    return state;
}
}  // namespace

void save_counts(ByteWriter& out, const Counts& counts) {
    out.put(counts.rows);
    out.put(counts.alerts);
    save_state_accounts(out, counts.state);
}

Counts load_counts(ByteReader& in) {
    Counts counts;
    counts.rows = in.list<weir_counter>();
    counts.alerts = in.list<weir_alert_account>();
    counts.state = load_state_accounts(in);
    return counts;
}

void Accounts::add(const bpf::Manifest& manifest, const Counts& counts) {
    const std::size_t rules = manifest.rules.size();
    for (std::size_t i = 0; i < rules; ++i)  // of 131,072 rules most match nothing, and have no place here
        if (counts.rows[i].packets != 0) add_counter(rules_[manifest.rules[i].name], counts.rows[i]);
    add_counter(default_, counts.rows[rules]);
    add_counter(malformed_, counts.rows[rules + 1]);
    if (manifest.has_egress()) add_counter(default_egress_, counts.rows[rules + WEIR_ROW_DEFAULT_EGRESS]);
    for (std::size_t i = 0; i < manifest.alerts.size(); ++i) {
        add_counts(alerts_[manifest.alerts[i].name], counts.alerts[i]);
        if (const std::size_t responses = manifest.alerts[i].responses.size(); responses != 0)
            lost_responses_[manifest.alerts[i].name] += counts.alerts[i].lost * responses;
    }
    for (const auto& [identity, account] : counts.state) add_state(state_[identity], account);
}

void Accounts::add(const Accounts& other) {
    for (const auto& [name, counter] : other.rules_) add_counter(rules_[name], counter);
    for (const auto& [name, more] : other.alerts_) {
        Account& account = alerts_[name];
        account.matched += more.matched;
        account.delivered += more.delivered;
        account.suppressed += more.suppressed;
        account.lost += more.lost;
        account.repeated += more.repeated;
    }
    for (const auto& [identity, more] : other.state_) add_state(state_[identity], more);
    add_counter(default_, other.default_);
    add_counter(malformed_, other.malformed_);
    add_counter(default_egress_, other.default_egress_);
}

std::uint64_t Accounts::lose_pending() {
    std::uint64_t lost = 0;
    for (auto& [name, account] : alerts_) {
        const std::uint64_t known = account.delivered + account.suppressed + account.lost;
        if (account.matched <= known) continue;
        lost += account.matched - known;
        account.lost += account.matched - known;
    }
    return lost;
}

weir_state_account Accounts::state(const std::string& identity, const Counts& counts) const {
    weir_state_account sum = find_or_zero(state_, identity);
    for (const auto& [name, account] : counts.state)
        if (name == identity) add_state(sum, account);
    return sum;
}

void Accounts::add_event(const std::string& alert, Record::Outcome outcome) {
    Account& account = alerts_[alert];
    ++(outcome == Record::Outcome::kDelivered ? account.delivered : account.lost);
}

void Accounts::add_taken(const std::string& alert, const Record::Taken& more) {
    Account& account = alerts_[alert];
    account.delivered += more.delivered;
    account.lost += more.lost;
    account.repeated += more.repeated;
}

void Accounts::save(ByteWriter& out) const {
    std::size_t bytes = 0;
    for (const auto& [name, counter] : rules_) bytes += sizeof(std::uint64_t) + name.size() + sizeof(counter);
    out.reserve(bytes);
    out.put(std::uint64_t{rules_.size()});
    for (const auto& [name, counter] : rules_) out.put(name), out.put(counter);
    out.put(std::uint64_t{alerts_.size()});
    for (const auto& [name, account] : alerts_) out.put(name), out.put(account);
    out.put(default_), out.put(malformed_), out.put(default_egress_);
    save_state_accounts(out, {state_.begin(), state_.end()});
}

void Accounts::load(ByteReader& in) {
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        const std::string name = in.text();
        add_counter(rules_[name], in.get<weir_counter>());
    }
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        const std::string name = in.text();
        alerts_[name] = in.get<Account>();
    }
    add_counter(default_, in.get<weir_counter>());
    add_counter(malformed_, in.get<weir_counter>());
    add_counter(default_egress_, in.get<weir_counter>());
    for (const auto& [identity, account] : load_state_accounts(in)) state_[identity] = account;
}

void Accounts::keep_only(const bpf::Manifest& manifest, const std::vector<const bpf::Manifest*>& kept,
                         const std::vector<std::string>& state) {
    // Mostly all stay, and there may be 131,072.
    const auto stay = std::count_if(manifest.rules.begin(), manifest.rules.end(),
                                    [&](const bpf::RuleInfo& rule) { return rules_.contains(rule.name); });
    if (static_cast<std::size_t>(stay) != rules_.size()) {
        std::unordered_set<std::string_view> rules;
        rules.reserve(manifest.rules.size());
        for (const bpf::RuleInfo& rule : manifest.rules) rules.insert(rule.name);
        std::erase_if(rules_, [&](const auto& entry) { return !rules.contains(entry.first); });
    }
    std::unordered_set<std::string_view> alerts;
    for (const bpf::AlertInfo& alert : manifest.alerts) alerts.insert(alert.name);
    for (const bpf::Manifest* old : kept)
        for (const bpf::AlertInfo& alert : old->alerts) alerts.insert(alert.name);
    std::erase_if(alerts_, [&](const auto& entry) { return !alerts.contains(entry.first); });
    std::erase_if(lost_responses_, [&](const auto& entry) { return !alerts.contains(entry.first); });
    std::erase_if(state_,
                  [&](const auto& entry) { return std::find(state.begin(), state.end(), entry.first) == state.end(); });
}

RuleSums Accounts::of_rules_that_leave(const bpf::Manifest& before, const bpf::Manifest& after) const {
    // Mostly they are the same, of which there may be 131,072.
    if (std::equal(before.rules.begin(), before.rules.end(), after.rules.begin(), after.rules.end(),
                   [](const bpf::RuleInfo& one, const bpf::RuleInfo& other) { return one.name == other.name; }))
        return {};
    std::unordered_set<std::string_view> stay;
    stay.reserve(after.rules.size());
    for (const bpf::RuleInfo& rule : after.rules) stay.insert(rule.name);
    RuleSums leave;
    for (const bpf::RuleInfo& rule : before.rules)
        if (!stay.contains(rule.name)) leave.emplace_back(rule.name, find_or_zero(rules_, rule.name));
    return leave;
}

void Accounts::restore(const RuleSums& rules) {
    for (const auto& [name, counter] : rules) rules_.emplace(name, counter);
}

Account Accounts::alert(const std::string& name) const { return find_or_zero(alerts_, name); }

void Accounts::fill(EngineStatus& status, const bpf::Manifest& manifest, const Counts& counts) const {
    const std::size_t rules = manifest.rules.size();
    status.rules.reserve(rules);
    for (std::size_t i = 0; i < rules; ++i) {
        const std::string& name = manifest.rules[i].name;
        status.rules.push_back(counter_status(name, find_or_zero(rules_, name), counts.rows[i]));
        status.rules.back().direction = manifest.rules[i].direction;
        status.rules.back().verdict = verdict_word(manifest.rules[i].verdict);
        status.rules.back().observed = manifest.rules[i].observe;
    }
    status.default_ = counter_status("default", default_, counts.rows[rules]);
    status.malformed = counter_status("malformed", malformed_, counts.rows[rules + 1]);
    status.default_.verdict = verdict_word(manifest.default_verdict);
    status.malformed.verdict = verdict_word(manifest.malformed_verdict);
    if (manifest.has_egress()) {
        status.default_egress =
            counter_status("default egress", default_egress_, counts.rows[rules + WEIR_ROW_DEFAULT_EGRESS]);
        status.default_egress->direction = bpf::Direction::kOut;
        status.default_egress->verdict = verdict_word(manifest.egress_verdict);
    }
    for (std::size_t i = 0; i < manifest.alerts.size(); ++i) {
        AlertStatus alert;
        alert.name = manifest.alerts[i].name;
        static_cast<Account&>(alert) = find_or_zero(alerts_, alert.name);
        add_counts(alert, counts.alerts[i]);
        set_pending(alert);
        status.alerts.push_back(std::move(alert));
    }
}

}  // namespace weir::runtime

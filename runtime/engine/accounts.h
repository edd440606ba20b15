// Counts that outlive programs. Each program counts for itself, in maps of its own; once the last packet has left it,
// what it counted is added to sums by name. So rules keep their counts wherever a reload moves them. Nothing adjusts a
// count: what does not balance shows a fault.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "bpf/answer.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/bytes.h"
#include "runtime/engine/program.h"
#include "runtime/engine/record.h"
#include "runtime/status.h"

namespace weir::runtime {

// What a program has counted so far, over all CPUs.
using StateAccounts = std::vector<std::pair<std::string, weir_state_account>>;  // by identity: terms, throttles, sets
                                                                                // that change; kTlsWalks; answers
struct Counts {
    std::vector<weir_counter> rows;  // rules, `default`, `malformed`
    std::vector<weir_alert_account> alerts;
    StateAccounts state{};
};
using RuleSums = std::vector<std::pair<std::string, weir_counter>>;  // by name
void save_counts(ByteWriter& out, const Counts& counts);
Counts load_counts(ByteReader& in);
// Events of an alert that the program has put into the ring; final once no packet is in it.
inline std::uint64_t events_sent(const weir_alert_account& alert) {
    return alert.matched - alert.suppressed - alert.lost;
}
// What was counted after `before` was.
Counts since(const Counts& now, const Counts& before);
void add(Counts& sum, const Counts& more);
// Of a map weir_answer_accounts, over all CPUs.
Result<weir_answer_account> read_answer_account(int map);
Result<StateAccounts> read_state_accounts(const Program& program);
// Also while packets are counted: of an alert, what became of its events is read before how often it matched, so that
// no event has an outcome that is not among the matches.
Result<Counts> read_counts(const Program& program, const bpf::Manifest& manifest);
// Packets judged: each was decided by one row.
std::uint64_t decided(const Counts& counts, const bpf::Manifest& manifest);

class Accounts {
public:
    // Adds what a program counted.
    void add(const bpf::Manifest& manifest, const Counts& counts);
    // Those of another engine, whose place this one takes.
    void add(const Accounts& other);
    // Events that wait will not be read: they are lost. Returns how many.
    std::uint64_t lose_pending();
    // An event of an alert was handed to its sinks.
    void add_event(const std::string& alert, Record::Outcome outcome);
    // What user space took of an alert's events since the sums were saved.
    void add_taken(const std::string& alert, const Record::Taken& more);
    void add_repeated(const std::string& alert) { ++alerts_[alert].repeated; }
    // Forgets rules that are not in `manifest`, and alerts and state that no policy of `kept` has; `kept` are all that
    // are loaded or drain. What has one of these names later begins at 0.
    void keep_only(const bpf::Manifest& manifest, const std::vector<const bpf::Manifest*>& kept,
                   const std::vector<std::string>& state = {});

    // The sums and what the program in force has counted since; `manifest` is that program's.
    void fill(EngineStatus& status, const bpf::Manifest& manifest, const Counts& counts) const;
    // For the next engine; `load` adds to what is there.
    void save(ByteWriter& out) const;
    void load(ByteReader& in);

    Account alert(const std::string& name) const;
    // Changes of sets that the alert's responses would have made for events for which the ring had no room, of those
    // that add() has been told of.
    std::uint64_t lost_responses(const std::string& alert) const {
        const auto found = lost_responses_.find(alert);
        return found == lost_responses_.end() ? 0 : found->second;
    }
    // Sums of those rules of `before` that `after` does not have.
    RuleSums of_rules_that_leave(const bpf::Manifest& before, const bpf::Manifest& after) const;
    // Such rules are back: they go on where they were. A rule that is counted meanwhile keeps its sum.
    void restore(const RuleSums& rules);
    // Of state by identity: the sum and what the program in force has counted since.
    weir_state_account state(const std::string& identity, const Counts& counts) const;

private:
    std::unordered_map<std::string, weir_counter> rules_;
    std::unordered_map<std::string, Account> alerts_;
    std::unordered_map<std::string, std::uint64_t> lost_responses_;  // by alert; of this process alone
    std::unordered_map<std::string, weir_state_account> state_;
    weir_counter default_{};
    weir_counter malformed_{};
    weir_counter default_egress_{};
};

}  // namespace weir::runtime

// Counts that outlive programs. Each program counts for itself, in maps of its own; once the last packet has left it,
// what it counted is added to sums by name. So rules keep their counts wherever a reload moves them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/program.h"
#include "runtime/result.h"
#include "runtime/status.h"

namespace weir::runtime {

// What a program has counted so far, over all CPUs.
struct Counts {
    std::vector<weir_counter> rows;               // rules, `default`, `malformed`
    std::vector<weir_alert_account> alerts;
    std::vector<std::pair<std::string, weir_state_account>> state;   // by identity: terms, throttles, sets that change
};
Result<Counts> read_counts(const Program& program, const bpf::Manifest& manifest);

class Accounts {
public:
    // Adds what a program counted that no packet is in any more.
    void add(const bpf::Manifest& manifest, const Counts& counts);
    // An event of an alert was handed to its sinks.
    void add_event(const std::string& alert, bool delivered);
    // Forgets rules that are not in `manifest`, and alerts that are neither there nor in `pending`.
    void keep_only(const bpf::Manifest& manifest, const std::vector<const bpf::Manifest*>& pending);

    // The sums and what the program in force has counted since; `manifest` is that program's.
    void fill(EngineStatus& status, const bpf::Manifest& manifest, const Counts& counts) const;
    Account alert(const std::string& name) const;
    // Of state by identity: the sum and what the program in force has counted since.
    weir_state_account state(const std::string& identity, const Counts& counts) const;

private:
    std::unordered_map<std::string, weir_counter> rules_;
    std::unordered_map<std::string, Account> alerts_;
    std::unordered_map<std::string, weir_state_account> state_;
    weir_counter default_{};
    weir_counter malformed_{};
};

// Adds what the kernel counted of an alert.
void add_counts(Account& account, const weir_alert_account& counts);
// Sets `pending` to what the others leave.
void settle(Account& account);

}  // namespace weir::runtime

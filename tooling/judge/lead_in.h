// Packets that come before another one, for what it finds: a flow, counts of its keys, entries of sets.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "compiler/analysis/aim.h"
#include "compiler/oracle/evaluate.h"
#include "tooling/judge/script.h"

namespace weir::tooling {

// So many packets of one key, at once, are one beyond the limit.
std::uint64_t beyond(const policy::StateTerm& term, std::uint64_t frame_bytes);
// The field has value `number` of many different ones. `first`: the packet as it was.
void vary(analysis::Probe& probe, const packet::Packet& first, packet::FieldId field, std::uint64_t number);

// What opens a TCP connection of the client.
struct Handshake {
    analysis::Probe syn, answer, done;
};
Handshake handshake_of(const analysis::Probe& client);

class LeadIns {
public:
    // The policy must outlive it.
    explicit LeadIns(const policy::TypedPolicy& policy);
    LeadIns(const LeadIns&) = delete;
    LeadIns& operator=(const LeadIns&) = delete;

    // Scripts that end at this packet, and differ in what comes before it: as far as the policy reads flows, counts, or
    // adds to sets that it reads. They are tries: who needs to know asks the oracle.
    std::vector<Script> to(const ScriptEvent& last);
    // Is the rule's condition true of the packet with some state of sets that change, and of its flow?
    bool may_meet(const policy::Rule& rule, const ScriptEvent& event) const;

private:
    bool may_be(packet::Polarity polarity, policy::ExprId condition, const packet::Packet& packet) const;
    // The field of the packet has the value that another field of the last one has.
    struct Same {
        packet::FieldId field{}, of_last{};
    };

    void add_flows(const ScriptEvent& last, std::vector<Script>& scripts);
    void add_counts(const ScriptEvent& last, const packet::Packet& read, std::vector<Script>& scripts);
    void add_entries(const ScriptEvent& last, const packet::Packet& read, std::vector<Script>& scripts);
    // Packets that meet the rule, as often as its terms count: of one key of `counted`, or of all terms where that is
    // null. Nothing where none was found.
    Script meeting(const policy::Rule& rule, const policy::StateTerm* counted, const std::vector<Same>& same,
                   const ScriptEvent& last, const packet::Packet& read);

    const policy::TypedPolicy& policy_;
    Seeded random_;
    analysis::Aim aim_;
    oracle::Oracle oracle_;                   // for conditions alone
    std::vector<std::uint64_t> pauses_ns_{};  // that conditions on flows compare with
    std::vector<std::uint64_t> packets_{};    // of a flow, likewise
};

}  // namespace weir::tooling

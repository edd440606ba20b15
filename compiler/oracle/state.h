// What the oracle remembers from packet to packet: sets that change, and the state of terms.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "compiler/packet/packet.h"
#include "compiler/policy/typed_policy.h"

namespace weir::oracle {

using KeyValue = std::vector<packet::FieldValue>;

// A set that changes. An entry whose time is over is not in it.
class LiveSet {
public:
    explicit LiveSet(const policy::Set& set);
    bool has(const KeyValue& key, std::uint64_t now_ns) const;
    // `for_ns` 0: without an end. False where the set is full of live entries.
    bool add(const KeyValue& key, std::uint64_t for_ns, std::uint64_t now_ns);
    void remove(const KeyValue& key) { until_.erase(key); }

private:
    std::uint64_t size_;
    std::map<KeyValue, std::uint64_t> until_;  // ns; 0: no end
};

// The state of one term by key; the least recently used key goes first.
class TermState {
public:
    struct Seen {
        std::uint64_t packet_bytes = 0;
        std::optional<packet::FieldValue> value{};  // of a `distinct`
        std::uint64_t now_ns = 0;
    };
    // Counts the packet; is the term true for it?
    bool exceeds(const policy::StateTerm& term, const KeyValue& key, const Seen& seen);
    // Keys that had to go for others.
    std::uint64_t evictions() const { return evictions_; }

private:
    struct Bucket {
        std::uint64_t used = 0;                 // when, in looks at this term
        std::uint64_t time_ns = 0;              // rates: of `tokens`; else the window's first packet
        std::uint64_t tokens = 0;               // rates: nanosecond-tokens; else packets of the window
        std::set<packet::FieldValue> values{};  // of the window
        std::set<std::uint64_t> marks{};        // of the window: bits of the sketch
    };
    static bool takes(const policy::StateTerm& term, Bucket& bucket, std::uint64_t wanted, std::uint64_t now_ns);
    static bool distinguishes(const policy::StateTerm& term, Bucket& bucket, const packet::FieldValue& value,
                              std::uint64_t now_ns);
    static bool counts(const policy::StateTerm& term, Bucket& bucket, std::uint64_t now_ns);
    Bucket& bucket(const policy::StateTerm& term, const KeyValue& key, std::uint64_t now_ns);

    std::uint64_t looks_ = 0;
    std::uint64_t evictions_ = 0;
    std::map<KeyValue, Bucket> buckets_;
    std::map<std::uint64_t, KeyValue> by_use_;
};

struct OracleState {
    explicit OracleState(const policy::TypedPolicy& policy);
    std::map<std::uint32_t, LiveSet> sets;                                     // by set number: those that rules change
    std::map<std::pair<std::uint32_t, std::uint32_t>, TermState> terms;        // by rule, term
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> reached;  // by rule, alert action: how often
};

// A set's element as the value of a field.
packet::FieldValue field_value(policy::SetType type, const policy::SetElement& element);

}  // namespace weir::oracle

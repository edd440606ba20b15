// What the oracle remembers from packet to packet: sets that change, the state of terms, and throttles.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "compiler/oracle/measures.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/typed_policy.h"

namespace weir::oracle {

// An entry of a set: a net in it has its host bits zero, and its length.
struct SetKey {
    KeyValue values;
    std::uint8_t net_length = 0;

    friend auto operator<=>(const SetKey&, const SetKey&) = default;
};

// A set that changes. An entry whose time is over is not in it.
class LiveSet {
public:
    explicit LiveSet(const policy::Set& set);
    // An address is in a net that contains it, and so is a net of that length or more.
    bool has(const SetKey& key, std::uint64_t now_ns) const;
    // `for_ns` 0: without an end. False where the set is full of live entries.
    bool add(const SetKey& key, std::uint64_t for_ns, std::uint64_t now_ns);
    void remove(const SetKey& key) { until_.erase(key); }
    // Which of its types is the net.
    std::optional<std::size_t> net_part() const { return net_part_; }

private:
    bool has_entry(const SetKey& key, std::uint64_t now_ns) const;

    std::uint64_t size_;
    std::optional<std::size_t> net_part_;
    std::map<SetKey, std::uint64_t> until_;  // ns; 0: no end
};

// What is kept of one key.
struct Bucket {
    std::uint64_t time_ns = 0;              // rates: of `tokens`; else the window's first packet
    std::uint64_t tokens = 0;               // rates: nanosecond-tokens; else packets or events of the window
    std::uint64_t hits = 0;                 // share: of those packets that satisfy the condition
    std::uint64_t average = 0;              // surge: 256 times packets a window
    std::uint64_t windows = 0;              // surge: that have closed, at most 255
    std::uint64_t held_back = 0;            // throttles: events, since the last one that passed
    std::set<packet::FieldValue> values{};  // of the window
    std::set<std::uint64_t> marks{};        // of the window: bits of the sketch
    // Once it comes it is as if the key had never been met. Until then, how far it is from that: of the keys of a full
    // table the nearest goes.
    std::uint64_t initial_at_ns = 0;
    std::uint64_t distance = 0;
};

// The buckets of a term, or of all throttles: as many as `size`.
class Buckets {
public:
    // Calls `change` with the key's bucket, and true where it is a new one. `change` leaves the last two members right.
    template <typename Change>
    auto change(const KeyValue& key, std::uint64_t size, std::uint64_t now_ns, Change change) {
        const auto [at, is_new] = find_or_make(key, size, now_ns);
        const auto answer = change(at->second.bucket, is_new);
        put_in_order(at);
        return answer;
    }
    // Keys that went while they still had something to say.
    std::uint64_t evictions() const { return evictions_; }

private:
    struct Placed {
        Bucket bucket;
        std::uint64_t number = 0;  // of its place in both orders
    };
    using Map = std::map<KeyValue, Placed>;
    using Order = std::map<std::pair<std::uint64_t, std::uint64_t>, Map::iterator>;  // by time or distance; number

    std::pair<Map::iterator, bool> find_or_make(const KeyValue& key, std::uint64_t size, std::uint64_t now_ns);
    void take_out_of_order(Map::iterator at);
    void put_in_order(Map::iterator at);
    void evict(std::uint64_t now_ns);

    Map buckets_;
    Order by_time_, by_distance_;
    std::uint64_t changes_ = 0, evictions_ = 0;
};

// One more packet of a key: is the term true for it? Of `share` and of `surge`; they leave the bucket's last two
// members right.
bool shares(const policy::StateTerm& term, Bucket& bucket, bool is_hit, std::uint64_t now_ns);
bool surges(const policy::StateTerm& term, Bucket& bucket, bool is_new, std::uint64_t now_ns);

// The state of one term, by key.
class TermState {
public:
    struct Seen {
        std::uint64_t packet_bytes = 0;
        std::optional<packet::FieldValue> value{};  // of a `distinct`
        bool is_hit = false;                        // it satisfies the condition of a `share`
        std::uint64_t now_ns = 0;
    };
    // Counts the packet; is the term true for it?
    bool exceeds(const policy::StateTerm& term, const KeyValue& key, const Seen& seen);
    std::uint64_t evictions() const { return buckets_.evictions(); }
    // What the key of the last packet had once it was counted: rates: whole tokens left (packets or bytes); share:
    // hits of so many packets; distinct: different values, exact up to 32; else packets of the window.
    struct Reading {
        std::uint64_t value = 0;
        std::uint64_t of = 0;  // share
    };
    Reading last() const { return last_; }

private:
    Buckets buckets_;
    Reading last_{};
};

// What Throttles::passes() says of an event that is held back, and how many of a key it counts at most.
constexpr std::uint32_t kHeldBack = 0xffffffff, kMostHeldBack = 0xfffffffe;

// The windows of all throttles.
class Throttles {
public:
    explicit Throttles(std::uint64_t size) : size_(size) {}
    // An event of that alert: how many of its key were held back before it, or kHeldBack where it is one of them. No
    // key: the packet lacks a field of it, and shares a window with all others that do.
    std::uint32_t passes(std::uint32_t alert, const policy::StateTerm& throttle, const std::optional<KeyValue>& key,
                         std::uint64_t now_ns);
    std::uint64_t evictions() const { return buckets_.evictions(); }

private:
    std::uint64_t size_;
    Buckets buckets_;
};

struct OracleState {
    explicit OracleState(const policy::TypedPolicy& policy);
    std::uint64_t evictions() const;

    std::map<std::uint32_t, LiveSet> sets;                                     // by set number: those that rules change
    std::map<std::pair<std::uint32_t, std::uint32_t>, TermState> terms;        // by rule, term
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> reached;  // by rule, alert action: how often
    Throttles throttles;
    std::map<std::string, Measured> measures;  // by name
};

// The address with zeros behind its first bits.
IpAddress first_bits(IpAddress address, unsigned bits);

// A set's element as the value of a field.
packet::FieldValue field_value(policy::SetType type, const policy::SetElement& element);

}  // namespace weir::oracle

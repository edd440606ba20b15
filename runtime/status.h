// What an engine says of itself: numbers for people and for metrics.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"

namespace weir::runtime {

enum class AttachMode : std::uint8_t { kAuto, kNative, kGeneric };

// What became of events. matched = delivered + suppressed + lost + pending, exactly.
struct Account {
    std::uint64_t matched = 0;  // an alert ran for a packet
    std::uint64_t delivered = 0;
    std::uint64_t suppressed = 0;  // held back by a throttle
    std::uint64_t lost = 0;        // no room in the ring, or a sink could not take it
    std::uint64_t pending = 0;     // in the ring, not read yet
    // Events that sinks may have got twice: the engine was killed while it delivered them. They count once above.
    std::uint64_t repeated = 0;
};

// Adds what the kernel counted of an alert.
void add_counts(Account& account, const weir_alert_account& counts);
// Sets `pending` to what the others leave, and nothing else: `matched` must have been read last.
void set_pending(Account& account);

struct InterfaceStatus {
    std::string name;
    AttachMode mode = AttachMode::kNative;
    bool attached = true;           // as the kernel has it now: packets of the interface of that name are judged
    std::uint64_t gaps = 0;         // times without the policy that have ended
    std::uint64_t last_gap_ms = 0;  // at most so long, the last time
    std::string problem{};          // what was last wrong with it; empty: nothing ever was
    std::string seen_at{};          // RFC 3339, UTC: when that was seen
    std::optional<bool> egress{};   // packets on their way out are judged; nothing where no policy does that
    std::string may_be_merged{};    // why one packet may stand for several of the wire; empty: none does
};
struct CounterStatus {
    std::string name;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    bpf::Direction direction = bpf::Direction::kIn;  // of a rule
    std::string verdict{};                           // "pass", "drop", "reject", "redirect"; empty: it decides nothing
    bool observed = false;                           // its verdict is not enforced
};
// Copies of events that an alert has escalated to a sink, by this engine. escalated = delivered + lost + pending.
struct EscalationCounts {
    std::uint64_t escalated = 0;
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;
};
struct EscalationStatus : EscalationCounts {
    std::string sink;
    std::uint64_t pending = 0;
    std::uint64_t evicted = 0;  // windows that ended early, since there were too many keys
};
// Changes of sets that an alert's events have asked for, by this engine.
struct ResponseStatus {
    std::uint64_t done = 0;
    std::uint64_t would = 0;   // of events of observed rules
    std::uint64_t failed = 0;  // the set was full, or is none of the policy in force
    std::uint64_t lost = 0;    // of events for which the ring had no room
};
// Lost: one of the alert's sinks at least did not take the event. The sinks' own accounts say which.
struct AlertStatus : Account {
    std::string name;
    std::vector<EscalationStatus> escalations{};
    std::optional<ResponseStatus> responses{};  // nothing: it has none
};
// Events that a sink keeps on disk until its peer has them.
struct SpoolStatus {
    std::uint64_t spooled = 0;                       // they wait there, some from an earlier engine
    std::uint64_t found = 0;                         // of an earlier engine, when this one started
    std::uint64_t delivered = 0;                     // from there, by this engine
    std::map<std::string, std::uint64_t> lost_by{};  // likewise
    std::uint64_t bytes = 0;                         // on disk
    std::uint64_t max_bytes = 0;
};
// offered = delivered + lost + pending, exactly: what passed the throttles of its alerts. Where it has a spool, an
// event counts as delivered for its alert once the spool has it, and here once the peer has it.
struct SinkStatus : Account {
    std::string name;
    std::string kind;                                // "eve"
    std::string state;                               // "ok", or what is wrong
    std::string since{};                             // RFC 3339, UTC: when it became that; empty: at the start
    std::map<std::string, std::uint64_t> lost_by{};  // by reason; their sum is `lost`
    std::uint64_t offered = 0;
    std::uint64_t spooled = 0;  // of those pending
    std::optional<SpoolStatus> spool{};
};
// From what its queue and the kernel have counted: adds what its spool knows, and what the ring had no room for, and
// sets `pending`.
void settle_books(SinkStatus& sink);
// A policy before the one in force that rollback() can go back to.
struct HistoryStatus {
    std::uint32_t generation = 0;
    std::string policy;
    std::string loaded_at;
};
// Where a policy's text came from. The runtime only keeps it.
struct SourceFile {
    std::string path;
    std::string sha256;  // of what was read, hexadecimal; empty where it could not be
    friend bool operator==(const SourceFile&, const SourceFile&) = default;
};
struct Origin {
    std::string file{};               // as it was named
    std::vector<SourceFile> files{};  // all that were read: the policy, imports, set files
};
struct SetStatus {
    std::string name;
    std::uint64_t entries = 0;  // those that change: whose time is not over
    std::uint64_t refused = 0;  // adds by packets that found no room
};
// The state of a term or of a throttle, by what it belongs to: "rule r: rate(ip.src) per 1s".
struct TermStatus {
    std::string name;
    std::optional<std::uint64_t> keys{};  // nothing: the engine has just started, and they are not counted yet
    std::uint64_t evicted = 0;            // keys that others took the place of
    std::uint64_t refused = 0;            // packets that were not counted
};
// Rejected packets whose verdict asks for an answer.
struct AnswersStatus {
    std::uint64_t sent = 0;      // handed to the driver
    std::uint64_t dropped = 0;   // not answered: beyond the limit
    std::uint64_t failed = 0;    // not answered: the frame had no room for it
    std::uint64_t not_sent = 0;  // of those that were handed over, as far as drivers say it
};
struct RedirectsStatus {
    struct Row {
        std::string name;
        bool is_there = false;
    };
    std::uint64_t sent = 0;         // handed to the other interface's driver
    std::uint64_t dropped = 0;      // the interface was not there
    std::uint64_t not_sent = 0;     // as of answers
    std::vector<Row> interfaces{};  // that rules redirect to
};
// The table of flows of a policy that reads them.
struct FlowsStatus {
    std::uint64_t size = 0;                // as the policy has it
    std::optional<std::uint64_t> flows{};  // that are not over; as TermStatus::keys
    std::uint64_t evicted = 0;             // that others took the place of
    std::uint64_t refused = 0;             // packets that were not entered: the group was never free
};
// The flight recorder of a policy that records.
struct RecorderStatus {
    std::uint64_t bytes = 0;            // of a packet, at most
    std::uint64_t packets = 0;          // of a CPU, at most
    std::uint64_t memory_bytes = 0;     // that it takes in the kernel, for all CPUs that there may be
    std::vector<std::uint64_t> held{};  // packets that are there now, by CPU
};
// The values of a `measure`, by key.
struct MeasureStatus {
    struct Key {
        std::vector<std::string> key;  // its parts; empty: all packets of the rule
        std::uint64_t count = 0;
        std::uint64_t sum = 0;                    // modulo 2^64
        std::uint64_t p50 = 0, p90 = 0, p99 = 0;  // within 12.5%
        std::uint64_t max = 0;
        std::vector<std::uint64_t> buckets{};  // values up to each of `bounds`, exactly; of the first kBucketedKeys
        // Of the same keys, values in each bucket of the table (bpf/histogram.h), without those of 0 at the end.
        std::vector<std::uint64_t> counts{};
    };
    static constexpr std::size_t kBucketedKeys = 20;
    std::string name;
    std::string unit;                     // "ns", "bytes" or nothing
    std::vector<Key> keys;                // most values first
    std::uint64_t refused = 0;            // values of keys that found no place
    std::vector<std::string> by{};        // the parts of its key as the policy has them: "ip.src/24/128", "tcp.dport"
    std::vector<std::uint64_t> bounds{};  // of buckets, inclusive, in its unit: the same for all measures of a unit
};
struct InForceStatus {
    std::string policy;
    std::uint32_t generation = 0;
    std::size_t rules = 0;
    std::string loaded_at;  // RFC 3339, UTC
    Origin origin;
    std::optional<std::uint64_t> confirm_within_ms{};  // what is left of it, where the policy is unconfirmed
    std::optional<std::uint32_t> falls_back_to{};      // the generation after it then
};
// A candidate beside the policy in force.
struct ShadowStatus {
    struct Pair {
        std::string live, live_verdict;  // rule, `default` or `malformed`, and its verdict
        std::string candidate, candidate_verdict;
        std::uint64_t packets = 0;
    };
    std::string policy;
    Origin origin;
    std::uint64_t packets = 0;        // judged by both
    std::uint64_t disagreements = 0;  // with another verdict
    std::uint64_t unnamed = 0;        // of those, of pairs beyond WEIR_SHADOW_PAIRS
    std::vector<Pair> pairs;          // most packets first
};
// The file that keeps what is in sets that change, from one engine to the next.
struct SetsFileStatus {
    std::string path;
    std::string saved_at{};      // RFC 3339, UTC; empty: not yet by this engine
    std::uint64_t entries = 0;   // that it had then
    std::uint64_t restored = 0;  // that came back when this engine started
    std::uint64_t skipped = 0;   // and those that had no room, or no set of their type
    std::string state{};         // "ok", or why it could not be written the last time
};
// What was found otherwise than the engine had left it, and whether that has been repaired.
struct ProblemStatus {
    std::string problem;
    std::string seen_at;  // RFC 3339, UTC
};
struct EngineStatus {
    std::string name;
    InForceStatus in_force;
    std::vector<ProblemStatus> problems{};  // of root, slots and pins; the newest last
    std::uint64_t auto_rollbacks = 0;       // times that a policy was not confirmed in time
    std::vector<HistoryStatus> history{};   // the newest first
    std::optional<ShadowStatus> shadow{};
    bool several_buffers = false;  // programs take frames of several, and read the first
    std::vector<InterfaceStatus> interfaces;
    std::vector<CounterStatus> rules;  // in the policy's order
    CounterStatus default_;
    CounterStatus malformed;
    std::optional<CounterStatus> default_egress{};
    std::vector<AlertStatus> alerts;
    std::vector<SinkStatus> sinks;
    std::vector<SetStatus> sets;
    std::optional<SetsFileStatus> sets_file{};
    std::vector<TermStatus> terms;
    AnswersStatus answers{};
    RedirectsStatus redirects{};
    std::optional<FlowsStatus> flows{};
    std::optional<RecorderStatus> recorder{};
    std::vector<MeasureStatus> measures{};
};

}  // namespace weir::runtime

// What a policy says once every name is resolved and every type is right: ids instead of names. sema::check() makes
// it; the linter, the oracle and the lowering read it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/packet/direction.h"
#include "compiler/packet/fields.h"
#include "compiler/policy/set_entries.h"
#include "grammar/ast.h"
#include "grammar/base/sinks.h"

namespace weir::policy {

enum class ExprId : std::uint32_t {};
enum class SetId : std::uint32_t {};
enum class RuleId : std::uint32_t {};
enum class AlertId : std::uint32_t {};
enum class SinkId : std::uint32_t {};
inline constexpr ExprId kNoExpr{0xffffffff};

// ---- conditions. Each comparison is false where one of its fields is absent, `negated` or not. ----

struct Constant {
    bool value = false;
};
struct And {
    std::vector<ExprId> operands;
};
struct Or {
    std::vector<ExprId> operands;
};
struct Not {
    ExprId operand;
};
// A bare bool field, or one compared with true/false: the packet has it, and it is `value`.
struct Flag {
    packet::FieldId field;
    bool value = true;
};
// Two bool fields compared.
struct FlagCompare {
    packet::FieldId lhs;
    packet::FieldId rhs;
    bool negated = false;
};

// An unsigned number of the packet: a uint or port field, masked, or a length (payload.len; of a domain or string its
// own).
struct Number {
    packet::FieldId field;
    std::uint64_t mask = ~std::uint64_t{0};
};
enum class Relation : std::uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };
struct NumberCompare {
    Number lhs;
    Relation relation;
    Number rhs;
};
// Sorted, disjoint; both ends inclusive.
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// Number in sorted, disjoint, inclusive ranges. `==`, `<`, `in {…}` and the like all become this.
struct NumberIn {
    Number number;
    Ranges ranges;
    bool negated = false;
};

struct AddressCompare {
    packet::FieldId lhs;
    packet::FieldId rhs;
    bool negated = false;
};
// Sorted, disjoint ranges, IPv4 before IPv6. An address of the other version is in none.
struct AddressIn {
    packet::FieldId field;
    std::vector<IpRange> ranges;
    bool negated = false;
};
struct MacCompare {
    packet::FieldId lhs;
    packet::FieldId rhs;
    bool negated = false;
};
struct MacIn {
    packet::FieldId field;
    Ranges ranges;  // of mac_number()
    bool negated = false;
};

// A declared set, or a tuple's literal set (made a set of its own, name empty). Keys in the set's type order.
struct InSet {
    std::vector<packet::FieldId> keys;
    SetId set;
    bool negated = false;
};

// Nocase: ASCII letters of the text either way; the literal's are small.
enum class BytesOp : std::uint8_t {
    kEq,
    kContains,
    kStartsWith,
    kEndsWith,
    kContainsNocase,
    kStartsWithNocase,
    kEndsWithNocase
};
constexpr bool is_contains(BytesOp op) { return op == BytesOp::kContains || op == BytesOp::kContainsNocase; }
// iface against a string. `text` is at most 15 bytes long where it can match.
struct IfaceMatch {
    BytesOp op;
    std::string text;
    bool negated = false;
};
// payload against up to 64 bytes. `contains` looks at the first 512 bytes of payload.
struct PayloadMatch {
    BytesOp op;
    std::string bytes;
    bool negated = false;
};
// payload[offset:length] against length bytes; absent where the payload is shorter than offset + length.
struct PayloadSlice {
    std::uint32_t offset;
    std::string bytes;
    bool negated = false;
};

// A domain or a string of the packet, but iface, against a literal. A domain's literal is in small letters, and without
// a final dot where the operator is kEq.
struct TextMatch {
    packet::FieldId field;
    BytesOp op;
    std::string text;
    bool negated = false;
};
struct TextCompare {
    packet::FieldId lhs;
    packet::FieldId rhs;
    bool negated = false;
};

struct Expr {
    Span span;
    std::variant<Constant, And, Or, Not, Flag, FlagCompare, NumberCompare, NumberIn, AddressCompare, AddressIn,
                 MacCompare, MacIn, InSet, IfaceMatch, PayloadMatch, PayloadSlice, TextMatch, TextCompare>
        node;
};

// ---- sets ----

struct Set {
    std::string name;  // empty: made from a literal
    Span span;
    std::vector<SetType> types;  // one, or a tuple's
    std::uint64_t size = 65536;
    std::optional<std::uint64_t> ttl_ns;
    bool dynamic = false;    // some rule or response adds or removes, or it has a ttl
    bool from_file = false;  // some of its entries may be others when the file is read again
    SetEntries entries;      // sorted
};

// ---- keys ----

// How many bits of an address count, the first ones.
struct AddressBits {
    std::uint8_t ip4 = 32;
    std::uint8_t ip6 = 128;

    bool all() const { return ip4 == 32 && ip6 == 128; }
    friend auto operator<=>(const AddressBits&, const AddressBits&) = default;
};
// What packets are told apart by.
struct KeyField {
    packet::FieldId field{};
    AddressBits bits{};  // of an address

    friend auto operator<=>(const KeyField&, const KeyField&) = default;
};

// ---- rules ----

using Verdict = ast::Verdict;
using VerdictKind = ast::VerdictKind;

// A state term: true where its value is above the limit, or where it is not. State belongs to (rule, term, key).
// kThrottle: of an alert, true where an event passes.
enum class TermKind : std::uint8_t { kRate, kByteRate, kCount, kDistinct, kShare, kSurge, kThrottle };
struct StateTerm {
    TermKind kind = TermKind::kRate;
    Span span;
    bool within = false;            // `<=`: true where the limit is kept
    std::vector<KeyField> keys;     // up to four, each once; none: the rule has one key
    std::optional<KeyField> value;  // kDistinct: what is counted
    ExprId condition = kNoExpr;     // kShare: of packets whose share is compared
    // Rates: tokens in `unit_ns`; kShare: hundredths of a percent; else what the value is compared with.
    std::uint64_t limit = 0;
    std::uint64_t unit_ns = 0;   // rates: the unit; else the window
    std::uint64_t burst = 0;     // rates: tokens that a bucket holds; burst * unit_ns fits in 63 bits
    std::uint64_t least = 0;     // kShare: packets that a window must have; kSurge: it must have more
    std::uint64_t size = 65536;  // keys
};

// Once the packet's verdict is known. An absent field: nothing is done.
struct SetChange {
    bool adds = true;
    SetId set{};
    std::vector<KeyField> keys;  // in the set's type order
    std::uint64_t for_ns = 0;    // how long it stays; 0: without an end
};

// The packet rides along with the events of the rule's alerts.
struct Capture {
    std::uint32_t before = 0;    // so many packets of its key that were recorded before it, too; at most 64
    std::vector<KeyField> keys;  // what `before` is by
};

// A histogram of a field's values by key. A packet that lacks the field or a part of the key adds nothing.
struct Measure {
    std::string name;
    Span span;
    packet::FieldId field{};     // an integer or a duration
    std::vector<KeyField> keys;  // none: all packets of the rule together
    std::uint64_t size = 1;      // keys
};
struct AlertAction {
    AlertId alert;
    std::uint64_t sample = 1;
};
struct Rule {
    std::string name;
    Span span;
    Span condition_span;
    std::string note;
    bool observe = false;
    packet::Direction direction = packet::Direction::kIn;  // of the packets that it judges; no others meet it
    ExprId condition = kNoExpr;                            // the stateless operands
    std::vector<StateTerm> terms;                          // after them, in the order written, while all before hold
    std::vector<AlertAction> alerts;                       // in the order written
    std::vector<SetChange> changes;                        // likewise
    std::optional<Capture> capture;
    std::vector<Measure> measures;  // likewise
    std::optional<Verdict> verdict;
    // The rule ends the evaluation where it matches: a verdict, not observed.
    bool decides() const { return verdict.has_value() && !observe; }
    // What matches the condition may still not match the rule.
    bool has_state() const { return !terms.empty(); }
};

// ---- alerts and sinks ----

// A message is text with holes.
using MessagePart = std::variant<std::string, packet::FieldId, MessageWord>;
// A copy of an event to one more sink, once a window: when `count` events of its key have passed the throttle in it.
struct Escalation {
    SinkId sink{};
    Span span;
    std::uint64_t count = 0;
    std::uint64_t window_ns = 0;
    std::vector<KeyField> keys;  // one to four, each once
};
struct Alert {
    std::string name;
    Span span;
    Span message_span{};  // empty: it has the message that is given to it
    ast::AlertSeverity severity = ast::AlertSeverity::kMedium;
    std::vector<MessagePart> message;
    std::vector<SinkId> sinks;          // empty: every sink
    std::optional<StateTerm> throttle;  // `limit` events a key in `unit_ns`
    std::vector<Escalation> escalations;
    std::vector<SetChange> responses;  // for each event that has passed the throttle, in the order written
};

// An argument of a sink; which of these it uses: grammar/base/sinks.h.
struct SinkOption {
    SinkWord word{};
    std::string text;
    std::string second;
    std::uint64_t number = 0;
    std::vector<MessagePart> parts;
};
struct Sink {
    std::string name;
    Span span;
    SinkKind kind = SinkKind::kStdout;
    std::vector<SinkOption> options;  // in the order of compiler/sema/sink_kinds.cpp, with those that are not written
};

// ---- tests ----

struct ExpectedAlert {
    AlertId alert;
    std::optional<std::uint64_t> times;
};  // no number: once at least
struct Expectation {
    std::optional<Verdict> verdict;
    std::optional<RuleId> rule;
    bool by_default = false;  // no rule decided
    bool by_malformed = false;
    std::vector<ExpectedAlert> alerts;
    bool no_alert = false;
    std::string text;  // as written, for reports
};
struct SendFrames {
    std::vector<std::vector<std::uint8_t>> frames;  // ranges unrolled
    std::uint64_t times = 1;                        // that all of them are sent, one after another
    std::string interface;                          // that they come in on, or leave by; empty: not said
    packet::Direction direction = packet::Direction::kIn;
    Expectation expect;
};
struct AdvanceClock {
    std::uint64_t ns;
};
struct ReplayCapture {
    std::string path;
    Span span;
    Expectation expect;
};  // read by whoever runs it
struct ExpectMember {
    SetId set;
    std::vector<SetElement> entry;
    bool negated = false;
    std::string text;
};
struct TestStep {
    Span span;
    std::variant<SendFrames, AdvanceClock, ReplayCapture, ExpectMember> node;
};
struct Test {
    std::string name;
    Span span;
    std::vector<TestStep> steps;
};

// `not tcp.dport == 22`, which is true also where the field is absent: the linter says so where that can be (W404).
struct NegatedComparison {
    ExprId negation;
    Span span;
    packet::FieldId field;
    std::string text;  // as written
    std::string help;
};

// The flight recorder: the first bytes of the last packets of each CPU.
struct Record {
    std::uint32_t bytes = 0;    // of a packet; 64 to 256, in eights
    std::uint32_t packets = 0;  // of a CPU; a power of two
    Span span{};
};

struct TypedPolicy {
    std::string name;
    Verdict default_verdict;
    Span default_span{};  // empty where it is not written
    Verdict malformed_verdict;
    std::optional<Verdict> default_egress;  // written: of packets on their way out, malformed or not
    Span default_egress_span{};
    std::vector<Expr> exprs;
    std::vector<Set> sets;
    std::vector<Rule> rules;
    std::vector<Alert> alerts;
    std::vector<Sink> sinks;
    std::vector<Test> tests;
    std::vector<NegatedComparison> negated_comparisons;
    std::uint64_t throttles_size = 65536;  // keys of all throttles together
    std::optional<Record> record;
    std::uint64_t flows_size = 65536;  // flows that are remembered
    Span flows_span{};                 // of their size, or of the first rule
    bool reads_flows = false;          // a rule of either direction names a field of flows

    // Packets on their way out are judged, or entered into flows.
    bool has_egress() const {
        return reads_flows || default_egress.has_value() ||
               std::any_of(rules.begin(), rules.end(),
                           [](const Rule& rule) { return rule.direction == packet::Direction::kOut; });
    }
    // Of a packet that no rule decides.
    Verdict last_verdict(packet::Direction direction, bool is_malformed) const {
        if (direction == packet::Direction::kOut) return default_egress.value_or(Verdict{});
        return is_malformed ? malformed_verdict : default_verdict;
    }

    const Expr& expr(ExprId id) const { return exprs[static_cast<std::size_t>(id)]; }
};

}  // namespace weir::policy

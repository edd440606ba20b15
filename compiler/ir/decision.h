// How to decide: a policy as predicates over the words of struct weir_packet, and the structure that finds the rules
// that match. Flat vectors; no names of the language left. lower() makes the predicates and rules, build() the
// structure; codegen, the printer and the interpreter read it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/forest.h"
#include "compiler/object.h"
#include "compiler/packet/presence.h"
#include "compiler/policy/typed_policy.h"

namespace weir::ir {

enum class PredicateId : std::uint32_t {};

// A number in struct weir_packet or, from WEIR_INSIDE_OFFSET on, in struct weir_inside: (member at `offset`, `size`
// bytes
// >> shift) & mask.
struct Word {
    std::uint16_t offset = 0;
    std::uint8_t size = 4;
    std::uint8_t shift = 0;
    std::uint64_t mask = 0xffffffff;

    friend auto operator<=>(const Word&, const Word&) = default;
};

// ---- predicates. Presence is spelled out: a comparison is an AllOf of Present and the test. ----

struct Constant {
    bool value = false;
};
struct AllOf {
    std::vector<PredicateId> operands;
};
struct AnyOf {
    std::vector<PredicateId> operands;
};
struct Negation {
    PredicateId operand;
};
struct Present {
    packet::PresentBits bits;
};  // the packet has all of them
// word in sorted, disjoint, inclusive ranges.
struct InRanges {
    Word word;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
};
enum class Relation : std::uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };
struct Compare {
    Word lhs;
    Relation relation;
    Word rhs;
};

constexpr bool is_inside(std::uint32_t offset) { return offset >= WEIR_INSIDE_OFFSET; }

// An address at `offset`, as of a Word: four words (either version, told by `present`) or one (IPv4 only, ARP's
// fields).
struct AddressRef {
    std::uint16_t offset = 0;
    bool either_version = true;

    // Of the packet that has it: where its version is, and the bit that says that it is IPv4 or IPv6.
    std::uint32_t version_offset() const { return layer_offset() + offsetof(weir_packet, ip_version); }
    std::uint32_t present_bit(std::uint32_t bit) const { return is_inside(offset) ? packet::kInnerPresent + bit : bit; }

private:
    std::uint32_t layer_offset() const {
        return is_inside(offset) ? WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner) : 0;
    }
};
using Address6 = std::pair<std::uint64_t, std::uint64_t>;  // high, low half as numbers
struct AddressIn {
    AddressRef address;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges4;  // sorted, disjoint, inclusive
    std::vector<std::pair<Address6, Address6>> ranges6;
};
struct AddressEqual {
    AddressRef lhs;
    AddressRef rhs;
};  // also of one version

// A set look-up; key bytes as bpf/templates/sets.h lays them out, parts in the set's order.
struct SetKeyPart {
    bool is_address = false;
    AddressRef address;
    policy::AddressBits bits;  // of the address; the others are zero in the key
    Word word;
};
struct InSet {
    std::uint32_t set = 0;
    std::vector<SetKeyPart> key;
};

struct IfaceBit {
    std::uint32_t bit = 0;
};  // packet.iface_matches >> bit & 1
// As policy::BytesOp.
enum class PayloadOp : std::uint8_t {
    kEq,
    kContains,
    kStartsWith,
    kEndsWith,
    kContainsNocase,
    kStartsWithNocase,
    kEndsWithNocase
};
constexpr bool is_contains(PayloadOp op) { return op == PayloadOp::kContains || op == PayloadOp::kContainsNocase; }
constexpr bool is_nocase(PayloadOp op) { return op >= PayloadOp::kContainsNocase; }
struct PayloadMatch {
    PayloadOp op;
    std::string bytes;
};
// A name or text of struct weir_inside against a literal.
struct TextMatch {
    Word length;  // of a name weir_inside.name_length, else the text's WEIR_TEXT
    bool is_name = false;
    PayloadOp op{};
    std::string bytes;         // small letters where it is a name's, or `nocase`
    std::uint32_t labels = 0;  // kEq of a name: a dot within a label is another name
};
// Two texts of the frame.
struct TextEqual {
    Word lhs;
    Word rhs;
};
struct PayloadSlice {
    std::uint32_t offset = 0;
    std::string bytes;
};  // the payload reaches that far is Present's
    // business: AllOf with InRanges on payload_len

struct Predicate {
    std::variant<Constant, AllOf, AnyOf, Negation, Present, InRanges, Compare, AddressIn, AddressEqual, InSet, IfaceBit,
                 PayloadMatch, PayloadSlice, TextMatch, TextEqual>
        node;
};

// Does it read struct weir_inside?
bool is_inside(const Predicate& predicate);
bool is_inside(const std::vector<SetKeyPart>& parts);

// ---- rules, in the policy's order; a rule's number is its index ----

// What a packet is told from others by: parts of it, where it has all of `present`.
struct PacketKey {
    packet::PresentBits present;
    std::vector<SetKeyPart> parts;
};
// A state term: policy::StateTerm with its fields found.
struct StateTerm {
    policy::TermKind kind{};
    bool within = false;
    PacketKey key;
    PacketKey value;  // kDistinct
    std::uint64_t limit = 0, unit_ns = 0, burst = 0, size = 0;
    std::string identity;                    // of its state, from one policy to the next
    std::optional<PredicateId> condition{};  // kShare
    std::uint64_t least = 0;                 // kShare, kSurge
};
// What holds an alert back: `limit` events of a key in a window.
struct Throttle {
    std::uint32_t alert = 0;
    PacketKey key;  // packets that lack a field of it share one window
    std::uint64_t limit = 0, window_ns = 0;
    std::string identity;  // as of a state term
};
// A change of a set, the same for all rules that make it.
struct SetChange {
    bool adds = true;
    std::uint32_t set = 0;
    std::uint64_t for_ns = 0;  // 0: without an end
    PacketKey key;
};

// The flight recorder: policy::Record.
struct Record {
    std::uint32_t bytes = 0;  // of a frame; 0: nothing is recorded
    std::uint32_t packets = 0;
    std::vector<PacketKey> keys;  // those of policy::capture_keys()
};
// policy::Measure with its fields found.
struct Measure {
    PacketKey key;
    PacketKey value;  // one part
    std::uint64_t size = 0;
    std::string identity;  // of its histograms, from one policy to the next
};

struct AlertAction {
    std::uint32_t alert = 0;
    std::uint64_t sample = 1;
};
struct Rule {
    PredicateId predicate{};
    bool has_verdict = false;
    std::uint32_t verdict = 0;  // enum weir_verdict
    bool decides = false;       // has a verdict and is not observed
    bool observe = false;
    bool captures = false;             // events of its alerts carry the frame
    std::vector<std::uint32_t> terms;  // of Decision::terms: all must be true, too, tried in this order
    std::vector<AlertAction> alerts;
    std::vector<std::uint32_t> changes;   // of Decision::changes, in this order
    std::vector<std::uint32_t> measures;  // of Decision::measures
    std::uint32_t line = 0;               // of the policy's text, from 1: for the kernel's view of the program

    // Its predicate alone says that it decides. A rule with state is met among those that do not: in the policy's
    // order, once, and only where no rule before it has decided.
    bool decides_alone() const { return decides && terms.empty(); }
};

// Code that tries predicates one by one; forests.
enum class Strategy : std::uint8_t { kStraight, kForest };

struct Decision {
    std::vector<Predicate> predicates;
    std::vector<Rule> rules;
    std::vector<StateTerm> terms;      // of rules
    std::vector<Throttle> throttles;   // of alerts that some rule raises
    std::uint64_t throttles_size = 0;  // keys of all of them together
    std::vector<SetChange> changes;
    Record record;
    std::vector<Measure> measures;
    std::vector<bpf::IfaceCondition> ifaces;  // what IfaceBit::bit numbers, at most 32
    std::uint32_t default_verdict = 0;
    std::uint32_t malformed_verdict = 0;
    packet::Direction direction = packet::Direction::kIn;  // rules of the other one never match
    std::optional<std::uint32_t> egress_verdict;  // `default egress`, where packets on their way out are judged
    packet::FieldSet reads;                       // fields that the policy names
    std::uint32_t needs = 0;                      // WEIR_NEED_*: what the reader of packets must fill
    std::uint32_t flow_reads = 0;                 // WEIR_FLOW_READS_*: what rules of either direction read of flows
    Strategy strategy = Strategy::kStraight;
    std::string reason;                               // why build() chose it, for `--emit decision`
    Forests forests;                                  // kForest
    std::vector<std::vector<PredicateId>> residuals;  // by number - 1: all of them must hold

    bool captures() const {
        return std::any_of(rules.begin(), rules.end(), [](const Rule& rule) { return rule.captures; });
    }
    // Whoever raises an event needs the frame for it.
    bool has_frame_in_events() const { return (needs & WEIR_NEED_EVENT_TEXTS) != 0 || captures(); }
    std::uint32_t measuring_rules() const {
        std::uint32_t count = 0;
        for (const Rule& rule : rules) count += rule.measures.empty() ? 0 : 1;
        return count;
    }
    const Predicate& predicate(PredicateId id) const { return predicates[static_cast<std::size_t>(id)]; }
};

}  // namespace weir::ir

// bpf::Object: what the compiler hands to the runtime. Plain bytes and structs: no LLVM, no libbpf.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "grammar/base/sinks.h"

namespace weir::bpf {

// Bytes that a map or a data section of the ELF holds before the first packet.
struct TableImage {
    std::string map;                  // ELF section for data (".data.weir_rule_rows"), else the map's name
    std::vector<std::uint8_t> bytes;  // data sections: the whole content
};
// Entries of a map, all keys behind one another, all values behind one another.
struct MapImage {
    std::string map;
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
    std::vector<std::uint8_t> keys;
    std::vector<std::uint8_t> values;
};
struct MapSize {
    std::string map;
    std::uint32_t max_entries = 0;
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
};  // 0: as in the ELF

// A map that outlives its policy where the next one has state of the same identity and shape: the buckets of a state
// term or the entries of a set that changes (tables: bpf/table.h). All throttles have one. Entry `index` of the map of
// maps `outer`.
// kNames: a set of domain names that changes (bpf/name_table.h).
// kMeasure: histograms (bpf/histogram.h).
// kFlows: the table of flows (bpf/flow.h), which is no entry of a map of maps: `outer` itself is it.
enum class StateKind : std::uint8_t { kTerm, kSet, kThrottles, kNames, kFlows, kMeasure };
inline constexpr const char *kFlowTable = "weir_flows", *kFlowsIdentity = "flows";
constexpr bool is_set(StateKind kind) { return kind == StateKind::kSet || kind == StateKind::kNames; }
// What a `distinct` keeps behind its cells: nothing (other terms), a list, or, with one more for each halving of the
// values that are sampled, a bitmap (bpf/abi.h).
using CellValues = std::uint32_t;
constexpr CellValues kNoValues = 0, kListedValues = 1, kSketchedValues = 2;
struct StateMap {
    std::string outer;
    std::uint32_t index = 0;
    std::string identity;  // names and types: compiler/policy/identity.h
    StateKind kind = StateKind::kTerm;
    std::uint32_t key_size = 0;
    std::uint32_t value_size = 0;
    std::uint32_t max_entries = 0;
    CellValues values = kNoValues;  // of a kTerm
    std::uint32_t nodes = 0;        // of kNames: suffixes of the names in `keys`, by labels
    std::uint32_t net_word = 0;     // of a set of nets: 1 + the word of its keys that the net begins with
    // There from the start, and without an end: a set's file. Of names: each_name().
    std::vector<std::uint8_t> keys;
    std::vector<std::string> throttles;  // kThrottles: identities of those that are in it
};

// A set of names or texts that does not change, as a table that whoever loads the object makes: entry `index` of
// weir_set_tables, behind those that change.
enum class NameKind : std::uint8_t { kDomain, kText };
struct NameImage {
    NameKind kind = NameKind::kDomain;
    std::uint32_t index = 0;
    std::uint32_t nodes = 0;          // entries of the table
    std::vector<std::uint8_t> names;  // each_name()
};
// Calls `visit` with each of the names: two bytes of length, the lower one first, then the name. False where the bytes
// are not that.
template <typename Visit>
bool each_name(std::span<const std::uint8_t> bytes, Visit visit) {
    while (bytes.size() >= 2) {
        const std::size_t length = bytes[0] + std::size_t{bytes[1]} * 256;
        bytes = bytes.subspan(2);
        if (length > bytes.size()) return false;
        visit(bytes.first(length));
        bytes = bytes.subspan(length);
    }
    return bytes.empty();
}

// How user space finds a field in struct weir_packet, to print it.
// kName, kText: of struct weir_inside. kDuration: nanoseconds.
enum class FieldFormat : std::uint8_t { kBool, kNumber, kAddress, kMac, kIface, kPayload, kName, kText, kDuration };
struct FieldRef {
    std::string name;  // "ip.src"
    FieldFormat format = FieldFormat::kNumber;
    // of weir_packet.present, from 64 on of weir_inside.inner.present, from 128 on of weir_flow_view.present
    std::uint8_t present_bit = 0;
    std::uint16_t offset = 0;  // in weir_packet, from WEIR_INSIDE_OFFSET on in weir_scratch
    std::uint8_t size = 0;
    std::uint8_t shift = 0;
    std::uint64_t mask = 0;

    bool operator==(const FieldRef&) const = default;
};

// kOut: packets on their way out, at the egress hook.
enum class Direction : std::uint8_t { kIn, kOut };
struct RuleInfo {
    std::string name;
    bool observe = false;
    std::uint32_t verdict = ~0u;  // enum weir_verdict, or ~0u
    std::string redirect;         // interface
    Direction direction = Direction::kIn;
    bool captures = false;         // events of its alerts carry the packet
    std::uint32_t before = 0;      // and so many of the same key before it, from the recorder
    std::uint32_t before_key = 0;  // of RecordInfo::keys
};
// The flight recorder (bpf/record.h).
struct RecordInfo {
    std::uint32_t bytes = 0;          // of a frame; 0: nothing is recorded
    std::uint32_t packets = 0;        // of a CPU
    std::vector<std::string> keys{};  // of `capture before`: "ip.src/24"

    bool operator==(const RecordInfo&) const = default;
};
enum class AlertSeverity : std::uint8_t { kLow, kMedium, kHigh, kCritical };
using weir::MessageWord;
using MessagePart = std::variant<std::string, FieldRef, MessageWord>;
// A part of a key that user space reads from an event's packet.
struct KeyPart {
    FieldRef field{};
    std::uint8_t ip4_bits = 32, ip6_bits = 128;  // that an address is cut to

    bool operator==(const KeyPart&) const = default;
};
// A copy of an event goes to `sink`, once a window: when `count` events of its key have passed the throttle in it.
struct EscalationInfo {
    std::uint32_t sink = 0;  // index
    std::uint64_t count = 0;
    std::uint64_t window_ns = 0;
    std::vector<KeyPart> key{};

    bool operator==(const EscalationInfo&) const = default;
};
// What is done to a set for each event that has passed the throttle.
enum class Change : std::uint8_t { kAdd, kRemove };
struct ResponseInfo {
    Change change = Change::kAdd;
    std::uint32_t set = 0;       // index
    std::uint64_t for_ns = 0;    // from the packet's time; 0: it stays
    std::vector<KeyPart> key{};  // in the order of the set's parts

    bool operator==(const ResponseInfo&) const = default;
};
struct AlertInfo {
    std::string name;
    AlertSeverity severity = AlertSeverity::kMedium;
    std::vector<MessagePart> message;
    std::vector<std::uint32_t> sinks;  // indices; never empty: "every sink" is spelled out
    std::vector<EscalationInfo> escalations{};
    std::vector<ResponseInfo> responses{};
};
// A sink as the policy declares it, its arguments in one order, with those that it leaves out.
using weir::SinkKind, weir::SinkWord;
// Of these `number` is one of the language's words, and `text` that word.
constexpr bool is_choice(SinkWord word) {
    return word == SinkWord::kFacility || word == SinkWord::kDialect || word == SinkWord::kAddresses;
}
struct SinkOption {
    SinkWord word = SinkWord::kPath;  // which of the following it uses: grammar/base/sinks.h
    std::string text{};
    std::string second{};
    std::uint64_t number = 0;  // bytes, nanoseconds, a count
    std::vector<MessagePart> parts{};

    bool operator==(const SinkOption&) const = default;
};
struct SinkInfo {
    std::string name;
    SinkKind kind = SinkKind::kStdout;
    std::vector<SinkOption> options{};

    bool operator==(const SinkInfo&) const = default;
    // The first option of that word; null where it has none.
    const SinkOption* find(SinkWord word) const;
    std::uint64_t number(SinkWord word, std::uint64_t otherwise) const;
    std::string_view text(SinkWord word) const;  // empty where it has none
};
// iface conditions, bit by bit of weir_packet.iface_matches.
// Nocase: ASCII letters of the name either way; the text's are small.
enum class IfaceOp : std::uint8_t {
    kEq,
    kContains,
    kStartsWith,
    kEndsWith,
    kContainsNocase,
    kStartsWithNocase,
    kEndsWithNocase
};
struct IfaceCondition {
    IfaceOp op = IfaceOp::kEq;
    std::string text;
};
// weir_packet.iface_matches for an interface of that name.
std::uint32_t iface_matches(const std::vector<IfaceCondition>& conditions, std::string_view name);

enum class SetPart : std::uint8_t { kIp, kNet, kPort, kMac, kDomain, kU8, kU16, kU32 };
struct SetInfo {
    std::string name;
    bool dynamic = false;       // it changes while the policy runs
    std::uint64_t entries = 0;  // of its file
    std::string identity;       // of its StateMap, where it changes
    std::uint64_t size = 0;
    std::uint64_t ttl_ns = 0;    // of an entry that is added; 0: it stays
    std::vector<SetPart> parts;  // what an entry is made of
};

// What values are: of integers that are lengths bytes.
enum class MeasureUnit : std::uint8_t { kNone, kBytes, kNs };
// A part of a measure's key, in its order: so many words behind the versions that the key begins with.
inline constexpr std::uint8_t kNoVersionWord = 0xff;
struct MeasureKeyPart {
    FieldFormat format = FieldFormat::kNumber;
    std::uint8_t words = 1;
    std::uint8_t version_word = kNoVersionWord;  // of an address of either version; else IPv4
    std::uint8_t ip4_bits = 32, ip6_bits = 128;  // that it is cut to
};
struct MeasureInfo {
    std::string name;
    std::string identity;  // of its StateMap
    MeasureUnit unit = MeasureUnit::kNone;
    std::vector<MeasureKeyPart> keys;
};

struct Manifest {
    static constexpr std::uint32_t kNoEgress = ~0u;
    std::string policy;
    std::vector<RuleInfo> rules;
    std::vector<AlertInfo> alerts;
    std::vector<SinkInfo> sinks;  // never empty: stdout where the policy names none
    std::vector<SetInfo> sets;
    std::vector<IfaceCondition> ifaces;
    std::vector<MeasureInfo> measures;
    std::uint32_t default_verdict = 0;
    std::uint32_t malformed_verdict = 0;
    std::uint32_t egress_verdict = kNoEgress;  // of `default egress`; kNoEgress: no packet on its way out is judged
    bool reads_vlan = false;                   // the device's rx VLAN offload must be off
    RecordInfo record{};

    bool has_egress() const { return egress_verdict != kNoEgress; }
    // Of counters: the rules, `default`, `malformed`, `default egress` (bpf/direction.h).
    std::size_t rows() const { return rules.size() + (has_egress() ? 3 : 2); }
};

struct Object {
    std::vector<std::uint8_t> elf;  // program "weir_policy"
    Manifest manifest;
    std::vector<TableImage> tables;
    std::vector<MapImage> maps;
    std::vector<MapSize> sizes;
    std::vector<StateMap> state;
    std::vector<NameImage> names;
    // The program for packets on their way out, likewise called "weir_policy", with data of its own. It has the maps
    // above; empty: the policy judges no such packets.
    std::vector<std::uint8_t> egress_elf{};
    std::vector<TableImage> egress_tables{};
};

}  // namespace weir::bpf

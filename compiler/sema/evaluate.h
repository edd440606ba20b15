// The oracle: what a policy means for one packet, written to be read. It has its own packet reader and shares no
// code with the compiled path beyond the field table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "compiler/sema/typed_policy.h"

namespace weir::sema {

// The value of a field in a packet: bool, number (uint, port, MAC as 48 bits), address, bytes or text.
using FieldValue = std::variant<bool, std::uint64_t, IpAddress, std::string>;

// One frame, read as language.md "Reading" says.
class Packet {
public:
    explicit Packet(std::span<const std::uint8_t> frame);
    // Nothing where the packet does not have the field.
    const std::optional<FieldValue>& value(FieldId field) const;
    bool malformed() const { return malformed_; }
    // Live traffic has one; tests and replays have none.
    void set_interface(std::string name);

private:
    // filled by the reader; see packet_reader.cpp
    friend class PacketReader;
    std::vector<std::optional<FieldValue>> values_;
    bool malformed_ = false;
};

struct Judgement {
    Verdict verdict;
    std::optional<RuleId> rule;          // nothing: the default or `malformed` decided
    bool by_malformed = false;
    std::vector<RuleId> matched;         // every rule that matched, in order, observed ones too
    std::vector<AlertId> alerts;         // one entry an alert action, in order
};

// A policy with its state. `time_ns` is the packet's time and never goes back.
class Oracle {
public:
    explicit Oracle(const TypedPolicy& policy) : policy_(policy) {}
    Judgement judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns);
    Judgement judge(const Packet& packet, std::uint64_t time_ns);
    bool holds(ExprId condition, const Packet& packet) const;

private:
    const TypedPolicy& policy_;
};

}  // namespace weir::sema

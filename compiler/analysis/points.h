// Where a comparison turns: the values just inside and just outside of it, the ends of its ranges and prefixes, texts
// that are longer, shorter or in other letters, and packets without the field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/packet/probe_packet.h"
#include "compiler/policy/typed_policy.h"
#include "grammar/base/seeded.h"

namespace weir::analysis {

// One thing that is done to a packet in the making.
struct Setting {
    enum class Kind : std::uint8_t {
        kFlag,
        kNumber,
        kAddress,
        kText,
        kPayload,
        kCutPayload,
        kInterface,
        kLacks,
        kCopy
    };
    Kind kind{};
    packet::FieldId field{};
    std::uint64_t number = 0;  // kNumber; kFlag: 0 or 1; kPayload: where; kCutPayload: bytes that stay
    IpAddress address{};
    std::string text{};  // kText, kPayload, kInterface
    packet::PayloadEnd end = packet::PayloadEnd::kOpen;
    packet::FieldId from{};  // kCopy: the field's value, and `number` more
};

struct ProbePoint {
    std::string name;  // for people: "80", "one below 10.0.0.0", "absent"
    std::vector<Setting> settings;
    bool holds = false;       // what the comparison is meant to be; the oracle knows what it is
    bool is_boundary = true;  // false: any value of that side
};

// A packet in the making, with what no frame has.
struct Probe {
    packet::ProbePacket packet;
    std::string interface{};  // empty: not known

    explicit Probe(Seeded& random) : packet(random) { packet.randomise_rest(); }
    Probe(packet::ProbePacket made, std::string in) : packet(std::move(made)), interface(std::move(in)) {}
    void apply(const ProbePoint& point);
};

// The points of a comparison; none of what joins conditions. Of more than `most` ranges or entries the first, the last
// and some between. Fields of flows have none: one packet does not make them.
std::vector<ProbePoint> points_of(const policy::TypedPolicy& policy, policy::ExprId comparison, std::size_t most,
                                  Seeded& random);
bool reads_flow(const policy::TypedPolicy& policy, policy::ExprId comparison);
// All of its boundaries are among the points of that many ranges or entries.
bool is_whole(const policy::TypedPolicy& policy, policy::ExprId comparison, std::size_t most);

}  // namespace weir::analysis

// The facts of the field table hold for packets as the reader makes them: whole ones, cut ones, and ones with a byte
// changed.
#include "compiler/packet/facts.h"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

#include "compiler/analysis/probe_frames.h"
#include "compiler/compiler.h"
#include "compiler/packet/packet.h"
#include "compiler/packet/presence.h"
#include "grammar/base/seeded.h"

using namespace weir;
using packet::FactPart;
using packet::FieldId;

namespace {

// Of each bit of presence what says it: a field that is there, or a flag that is true.
struct Sign {
    std::optional<FieldId> field;
    bool is_flag = false;
};
std::vector<Sign> signs() {
    std::vector<Sign> all(packet::kAllPresent);
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields()) {
            if (layer == packet::Layer::kInner && f.layers != packet::Layers::kBoth) continue;
            const FieldId id = packet::field_id(layer, packet::row_of(f.id));
            if (const auto bit = packet::flag_bit(id)) all[*bit] = {id, true};
            Sign& sign = all[packet::present_bit(id)];
            if (!sign.field) sign = {id, false};
        }
    return all;
}

// Nothing where no field says it.
std::optional<bool> holds(const FactPart& part, const packet::Packet& packet) {
    static const std::vector<Sign> known = signs();
    if (part.kind == FactPart::Kind::kComesIn) return true;
    if (part.kind == FactPart::Kind::kNumber) {
        const auto& value = packet.value(part.field);
        const auto* number = value ? std::get_if<std::uint64_t>(&*value) : nullptr;
        if (number == nullptr) return std::nullopt;
        return (*number & part.mask) >= part.first && (*number & part.mask) <= part.last;
    }
    if (part.kind == FactPart::Kind::kAtLeast || part.kind == FactPart::Kind::kAtMost) {
        std::uint64_t sum = part.first;
        for (const FieldId other : part.others) {
            const auto& value = packet.value(other);
            if (!value) return std::nullopt;
            sum += std::get<std::uint64_t>(*value);
        }
        const auto& value = packet.value(part.field);
        if (!value) return std::nullopt;
        const std::uint64_t number = std::get<std::uint64_t>(*value);
        return part.kind == FactPart::Kind::kAtLeast ? number >= sum : number <= sum;
    }
    const Sign& sign = known[part.bit];
    if (!sign.field) return std::nullopt;
    const auto& value = packet.value(*sign.field);
    const bool has = value && (!sign.is_flag || std::get<bool>(*value));
    return has == (part.kind == FactPart::Kind::kHas);
}

// Is the fact broken? Where a part of it cannot be seen it is not known to be.
bool is_broken(const packet::Fact& fact, const packet::Packet& packet, bool& is_used) {
    for (const FactPart& part : fact.when)
        if (!holds(part, packet).value_or(false)) return false;
    is_used = true;
    for (const FactPart& part : fact.then)
        if (holds(part, packet).value_or(true)) return false;
    return true;
}

}  // namespace

TEST_CASE("facts hold for every packet") {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled =
        analyse(sources, "test.rules",
                "rule a { when tcp.dport == 80 or udp.dport == 53 or icmp or icmp6 then pass }\n"
                "rule b { when arp or vlan.depth == 2 or mpls or pppoe or sctp then drop }\n"
                "rule c { when ip.is_fragment or ip6.fragment or inner.tcp or dns or http then drop }\n",
                {}, diagnostics);
    REQUIRE(compiled);
    std::vector<std::size_t> used(packet::facts().size());
    Seeded random(7);
    for (const auto& whole : analysis::probe_frames(compiled->policy, 3000, 3)) {
        for (int variant = 0; variant < 6; ++variant) {
            std::vector<std::uint8_t> frame = whole;
            if (variant >= 4 && !frame.empty()) frame.resize(random() % frame.size());
            if (variant % 4 != 0 && !frame.empty())
                frame[(12 + random() % 40) % frame.size()] = static_cast<std::uint8_t>(random());
            const packet::Packet packet(frame);
            for (std::size_t i = 0; i < used.size(); ++i) {
                bool is_used = false;
                const bool broken = is_broken(packet::facts()[i], packet, is_used);
                used[i] += is_used ? 1 : 0;
                if (broken) {
                    INFO("fact " << i);
                    CAPTURE(frame);
                    FAIL("a packet breaks it");
                }
            }
        }
    }
    std::size_t tried = 0;
    for (const std::size_t count : used) tried += count > 0 ? 1 : 0;
    CHECK(tried > used.size() / 3);
}

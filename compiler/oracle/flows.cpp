// Tested by tests/verdict/flow_conversation.h with `flow.established`.
#include "compiler/oracle/flows.h"

#include <algorithm>

namespace weir::oracle {

using packet::FieldId;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kEstablishedTcpNs = (2 * 60 + 5) * 60 * kSecond;
constexpr std::uint64_t kOneSidedNs = 30 * kSecond;
constexpr std::uint64_t kOtherNs = 5 * 60 * kSecond;
constexpr std::uint32_t kMostAhead = 1u << 20;  // numbers move forward by at most that

template <typename T>
T value_or(const packet::Packet& packet, FieldId field, T otherwise) {
    const auto& value = packet.value(field);
    return value ? std::get<T>(*value) : otherwise;
}
bool flag(const packet::Packet& packet, FieldId field) { return value_or(packet, field, false); }
std::uint64_t number(const packet::Packet& packet, FieldId field) { return value_or(packet, field, std::uint64_t{0}); }

// How far `number` is ahead of `other`, as sequence numbers are compared; negative: behind.
std::int64_t ahead_of(std::uint32_t other, std::uint32_t number) { return static_cast<std::int32_t>(number - other); }

}  // namespace

struct Flows::Segment {
    Key key;
    std::size_t sender = 0;  // 0: the low end of `key`
    std::uint64_t packets = 1, bytes = 0;
    bool is_tcp = false;
    bool syn = false, ack = false, fin = false, rst = false;
    bool has_payload = false;
    std::uint32_t number = 0, end = 0, acknowledges = 0;
    bool is_request = false, is_answer = false;  // HTTP

    bool opens() const { return is_tcp && syn && !ack && !rst; }
};

// Nothing where the packet belongs to no flow.
std::optional<Flows::Segment> Flows::read(const packet::Packet& packet) {
    if (packet.malformed() || !packet.value(FieldId::kIpProto)) return std::nullopt;
    if (number(packet, FieldId::kIpFragOffset) != 0) return std::nullopt;
    Segment segment;
    segment.key.protocol = number(packet, FieldId::kIpProto);
    End source{std::get<IpAddress>(*packet.value(FieldId::kIpSrc))};
    End destination{std::get<IpAddress>(*packet.value(FieldId::kIpDst))};
    if (packet.value(FieldId::kPortSrc)) {
        source.port = number(packet, FieldId::kPortSrc);
        destination.port = number(packet, FieldId::kPortDst);
    } else if (packet.value(FieldId::kIcmp) || packet.value(FieldId::kIcmp6)) {
        const FieldId id = packet.value(FieldId::kIcmp) ? FieldId::kIcmpId : FieldId::kIcmp6Id;
        if (!packet.value(id)) return std::nullopt;
        source.port = destination.port = number(packet, id);
    }
    segment.sender = destination < source ? 1 : 0;
    segment.key.low = std::min(source, destination);
    segment.key.high = std::max(source, destination);
    segment.bytes = number(packet, FieldId::kPacketLen);
    if (!flag(packet, FieldId::kTcp)) return segment;
    segment.is_tcp = true;
    segment.syn = flag(packet, FieldId::kTcpSyn);
    segment.ack = flag(packet, FieldId::kTcpAck);
    segment.fin = flag(packet, FieldId::kTcpFin);
    segment.rst = flag(packet, FieldId::kTcpRst);
    const std::uint64_t payload = number(packet, FieldId::kPayloadLen);
    segment.has_payload = payload != 0;
    segment.number = static_cast<std::uint32_t>(number(packet, FieldId::kTcpSeq));
    segment.end = static_cast<std::uint32_t>(segment.number + payload + (segment.syn ? 1 : 0) + (segment.fin ? 1 : 0));
    segment.acknowledges = static_cast<std::uint32_t>(number(packet, FieldId::kTcpAckSeq));
    if (flag(packet, FieldId::kHttp)) {
        segment.is_request = packet.value(FieldId::kHttpMethod).has_value();
        segment.is_answer = !segment.is_request;
    }
    return segment;
}

std::uint64_t Flows::Flow::lasts_ns() const {
    if (is_tcp && is_established) return kEstablishedTcpNs;
    return senders[0].has_sent && senders[1].has_sent ? kOtherNs : kOneSidedNs;
}

// ---- what a packet does to its flow ----

void Flows::take(Flow& flow, const Segment& segment, std::uint64_t now_ns, packet::Direction direction) {
    if (flow.packets == 0) {
        flow.first_ns = flow.last_ns = now_ns;
        flow.client = segment.sender;
        flow.is_tcp = segment.is_tcp;
        flow.is_seen_from_syn = segment.opens();
    }
    flow.packets += segment.packets;
    flow.bytes += segment.bytes;
    flow.last_ns = std::max(flow.last_ns, now_ns);
    flow.senders[segment.sender].has_sent = true;
    if (segment.is_tcp && !segment.rst) take_tcp(flow, segment, now_ns, direction);
    if (!segment.is_tcp && flow.senders[1 - segment.sender].has_sent) flow.is_established = true;
    if (segment.is_request) flow.request_ns = now_ns;
}

void Flows::take_tcp(Flow& flow, const Segment& segment, std::uint64_t now_ns, packet::Direction direction) {
    Sender& own = flow.senders[segment.sender];
    Sender& other = flow.senders[1 - segment.sender];
    take_numbers(flow, segment);
    if (segment.fin) flow.has_fin = true;
    if (segment.opens()) {
        if (own.handshake == Handshake::kNone) own.handshake = Handshake::kSyn;
        if (!flow.answer_ns) {
            flow.syn_ns = now_ns;
            flow.is_syn_of_host = direction == packet::Direction::kOut;
        }
    }
    if (!segment.ack) return;
    own.has_acknowledged = true;
    if (!flow.is_seen_from_syn) {
        if (other.has_acknowledged) flow.is_established = true;
        return;
    }
    if (segment.syn && other.handshake == Handshake::kSyn) {
        other.handshake = Handshake::kAnswered;
        if (!flow.answer_ns) flow.answer_ns = now_ns;
    }
    if (own.handshake != Handshake::kAnswered) return;
    own.handshake = Handshake::kDone;
    if (flow.is_established) return;
    flow.is_established = true;
    flow.round_trip_ns = flow.is_syn_of_host ? *flow.answer_ns - flow.syn_ns : now_ns - *flow.answer_ns;
}

void Flows::take_numbers(Flow& flow, const Segment& segment) {
    Sender& own = flow.senders[segment.sender];
    Sender& other = flow.senders[1 - segment.sender];
    const bool other_has_number = other.next_number.has_value();
    if (!own.next_number) {
        own.next_number = segment.end;
    } else if (const std::int64_t ahead = ahead_of(*own.next_number, segment.end); ahead > 0) {
        *own.next_number += static_cast<std::uint32_t>(std::min<std::int64_t>(ahead, kMostAhead));
    }
    if (!segment.ack || !other_has_number) return;
    // Nobody acknowledges what was not sent, and nobody takes it back.
    if (ahead_of(*other.next_number, segment.acknowledges) > 0) return;
    if (other.acknowledged_number && ahead_of(*other.acknowledged_number, segment.acknowledges) <= 0) return;
    other.acknowledged_number = segment.acknowledges;
}

// A RST that is believed.
bool Flows::ends(const Flow& flow, const Segment& segment) {
    if (!segment.is_tcp || !segment.rst) return false;
    const Sender& own = flow.senders[segment.sender];
    return !own.next_number || segment.number == *own.next_number || segment.number == own.acknowledged_number;
}

// ---- the table ----

const Flows::Flow* Flows::known(const Segment& segment, std::uint64_t now_ns) const {
    const auto found = flows_.find(segment.key);
    if (found == flows_.end() || found->second.is_over(now_ns)) return nullptr;
    if (segment.opens() && found->second.has_fin) return nullptr;  // the next connection of these ends
    return &found->second;
}

void Flows::look_up(packet::Packet& packet, std::uint64_t now_ns) const {
    const auto segment = read(packet);
    if (!segment) return;
    const Flow* before = known(*segment, now_ns);
    // A round trip is the same whichever way: only the packet that enters a SYN says whose it is.
    Flow after = before != nullptr ? *before : Flow{};
    take(after, *segment, now_ns, after.is_syn_of_host ? packet::Direction::kOut : packet::Direction::kIn);
    packet::FlowFacts facts;
    facts.is_new = before == nullptr;
    facts.is_established = after.is_established;
    facts.is_opened = after.is_established && (before == nullptr || !before->is_established);
    facts.is_from_client = after.client == segment->sender;
    facts.packets = after.packets;
    facts.bytes = after.bytes;
    facts.age_ns = now_ns > after.first_ns ? now_ns - after.first_ns : 0;
    facts.round_trip_ns = after.round_trip_ns;
    if (segment->is_tcp) {
        const auto* sent = before != nullptr ? &before->senders[segment->sender].next_number : nullptr;
        facts.is_retransmit = segment->has_payload && sent != nullptr && *sent && ahead_of(**sent, segment->end) <= 0;
    }
    if (segment->is_answer && before != nullptr && before->request_ns) facts.latency_ns = now_ns - *before->request_ns;
    packet.set_flow(facts);
}

void Flows::enter(const packet::Packet& packet, std::uint64_t now_ns, packet::Direction direction, As as) {
    const auto segment = read(packet);
    if (!segment) return;
    const Flow* before = known(*segment, now_ns);
    if (as == As::kRejected) {
        if (before != nullptr) flows_.erase(segment->key);
        return;
    }
    if (before != nullptr && !ends(*before, *segment))
        return take(flows_.at(segment->key), *segment, now_ns, direction);
    flows_.erase(segment->key);
    if (before != nullptr || (segment->is_tcp && segment->rst)) return;
    make_room(now_ns);
    take(flows_[segment->key], *segment, now_ns, direction);
}

// For one more: those that are over go first, then half-open ones, then those that have been silent longest.
void Flows::make_room(std::uint64_t now_ns) {
    if (flows_.size() < size_) return;
    std::erase_if(flows_, [now_ns](const auto& one) { return one.second.is_over(now_ns); });
    if (flows_.size() < size_) return;
    flows_.erase(std::min_element(flows_.begin(), flows_.end(), [](const auto& a, const auto& b) {
        if (a.second.is_established != b.second.is_established) return b.second.is_established;
        return a.second.last_ns < b.second.last_ns;
    }));
    ++evictions_;
}

}  // namespace weir::oracle

// Tested by tests/unit/oracle/tls_walks_test.cpp.
#include "compiler/oracle/tls_walks.h"

#include <algorithm>
#include <string>

#include "compiler/packet/tls_reader.h"

namespace weir::oracle {

using packet::FieldId;

namespace {

template <typename T>
T value(const packet::Packet& packet, FieldId field) {
    return std::get<T>(*packet.value(field));
}

}  // namespace

// A walk that is under way for the key is replaced.
void TlsWalks::start(const Key& key, Walk walk) {
    walks_.erase(key);
    if (walks_.size() >= kMaxWalks)
        walks_.erase(std::min_element(walks_.begin(), walks_.end(), [](const auto& a, const auto& b) {
            return a.second.last_ns < b.second.last_ns;
        }));
    walks_.emplace(key, std::move(walk));
}

void TlsWalks::read(packet::Packet& packet, std::uint64_t now_ns) {
    if (!packet.value(FieldId::kTcp)) return;
    const auto text = value<std::string>(packet, FieldId::kPayload);
    if (text.empty()) return;
    const std::vector<std::uint8_t> payload(text.begin(), text.end());
    const Key key{value<IpAddress>(packet, FieldId::kIpSrc), value<IpAddress>(packet, FieldId::kIpDst),
                  value<std::uint64_t>(packet, FieldId::kTcpSport), value<std::uint64_t>(packet, FieldId::kTcpDport)};
    const bool is_syn = value<bool>(packet, FieldId::kTcpSyn);  // takes a sequence number of its own
    const auto seq = static_cast<std::uint32_t>(value<std::uint64_t>(packet, FieldId::kTcpSeq));
    const auto next_seq = static_cast<std::uint32_t>(seq + (is_syn ? 1 : 0) + payload.size());

    const auto found = walks_.find(key);
    if (found != walks_.end() && found->second.is_over(now_ns)) {
        walks_.erase(found);
    } else if (found != walks_.end() && found->second.next_seq == seq) {
        Walk walk = found->second;
        walk.starts.push_back(walk.payload.size());
        walk.payload.insert(walk.payload.end(), payload.begin(), payload.end());
        walk.next_seq = next_seq;
        walk.last_ns = found->second.last_ns = now_ns;
        const packet::LaterName name = packet::read_later_name(walk.payload, walk.starts);
        packet.set_later_segment(name.sni);
        if (name.sni)
            found->second.has_name = true;  // it waits for this segment to be sent again
        else if (name.may_follow && !walk.has_name)
            found->second = std::move(walk);
        else
            walks_.erase(found);
        return;
    }
    const auto record = packet::read_tls(payload);
    if (!record || !record->is_client_hello) return;
    walks_.erase(key);
    if (record->name_may_follow) start(key, {payload, {}, next_seq, now_ns, now_ns});
}

}  // namespace weir::oracle

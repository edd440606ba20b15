#include "tests/analysis/domains.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

namespace weir::tests {

bool Packets::none() const {
    return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
}

std::size_t Packets::first() const {
    for (std::size_t i = 0; i < words_.size(); ++i)
        if (words_[i] != 0) return 64 * i + static_cast<std::size_t>(std::countr_zero(words_[i]));
    return size_;
}

Packets operator&(Packets a, const Packets& b) {
    for (std::size_t i = 0; i < a.words_.size(); ++i) a.words_[i] &= b.words_[i];
    return a;
}
Packets operator|(Packets a, const Packets& b) {
    for (std::size_t i = 0; i < a.words_.size(); ++i) a.words_[i] |= b.words_[i];
    return a;
}
Packets operator-(Packets a, const Packets& b) {
    for (std::size_t i = 0; i < a.words_.size(); ++i) a.words_[i] &= ~b.words_[i];
    return a;
}

void read_packets(Domain& domain) {
    std::unordered_set<std::string> seen;
    std::vector<std::string> kept;
    std::vector<Sent> sent;
    for (Sent& one : domain.sent) {
        packet::Packet packet(one.frame);
        if (one.direction == packet::Direction::kOut) packet.set_outgoing();
        if (!one.interface.empty()) packet.set_interface(one.interface);
        if (!one.later_name.empty()) packet.set_later_segment(packet::domain_of_text(one.later_name));
        std::string said;
        for (const Atom& atom : domain.atoms) said += atom.holds(packet) ? '1' : '0';
        for (const std::string& key : domain.keys) said += packet.value(field_of(key)) ? '1' : '0';
        said += one.direction == packet::Direction::kOut ? '1' : '0';
        if (!seen.insert(said).second) continue;
        kept.push_back(std::move(said));
        sent.push_back(std::move(one));
    }
    domain.sent = std::move(sent);
    const auto column = [&](std::size_t at) {
        Packets packets(kept.size());
        for (std::size_t i = 0; i < kept.size(); ++i)
            if (kept[i][at] == '1') packets.add(i);
        return packets;
    };
    for (std::size_t i = 0; i < domain.atoms.size(); ++i) domain.where.push_back(column(i));
    for (std::size_t i = 0; i < domain.keys.size(); ++i) domain.having.push_back(column(domain.atoms.size() + i));
    domain.out = column(domain.atoms.size() + domain.keys.size());
}

const std::vector<NamedDomain>& all_domains() {
    static const std::vector<NamedDomain> kDomains = {
        {"link", link_domain}, {"protocol", protocol_domain},  {"fragment", fragment_domain},   {"port", port_domain},
        {"flag", flag_domain}, {"length", length_domain},      {"address", address_domain},     {"arp", arp_domain},
        {"icmp", icmp_domain}, {"header", header_domain},      {"extension", extension_domain}, {"dns", dns_domain},
        {"tls", tls_domain},   {"http", http_domain},          {"tunnel", tunnel_domain},       {"inner", inner_domain},
        {"mac", mac_domain},   {"direction", direction_domain}};
    return kDomains;
}

}  // namespace weir::tests

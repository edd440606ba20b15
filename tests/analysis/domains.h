// Small domains: some comparisons, and packets such that whatever those comparisons say of any packet at all, they say
// of one of these, too. So a condition made of them that holds for none of these holds for no packet.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/packet/direction.h"
#include "tests/analysis/atoms.h"
#include "tests/support/frames.h"

namespace weir::tests {

struct Sent {
    Bytes frame;
    packet::Direction direction = packet::Direction::kIn;
    std::string interface{};   // empty: not known
    std::string later_name{};  // the name that this segment brings to a hello of TLS that an earlier one began
};

// Some of the packets of a domain.
class Packets {
public:
    explicit Packets(std::size_t size, bool all = false) : size_(size), words_((size + 63) / 64, all ? ~0ull : 0) {
        if (all && size % 64 != 0) words_.back() >>= 64 - size % 64;
    }
    void add(std::size_t at) { words_[at / 64] |= 1ull << at % 64; }
    bool has(std::size_t at) const { return (words_[at / 64] >> at % 64 & 1) != 0; }
    bool none() const;
    std::size_t first() const;  // the number of all where it is empty
    bool within(const Packets& other) const { return (*this - other).none(); }
    friend Packets operator&(Packets a, const Packets& b);
    friend Packets operator|(Packets a, const Packets& b);
    friend Packets operator-(Packets a, const Packets& b);

private:
    std::size_t size_;
    std::vector<std::uint64_t> words_;
};

struct Domain {
    std::string name;
    bool both_ways = false;  // some rules are `egress`
    std::vector<Atom> atoms{};
    std::vector<std::string> keys{};  // fields that a state term may count by
    std::vector<Sent> sent{};
    // filled by read_packets():
    std::vector<Packets> where{};   // each atom holds
    std::vector<Packets> having{};  // each key is there
    Packets out{0};                 // on their way out
};

// Reads all packets of the domain, and keeps one of those for which all comparisons, keys and the direction agree.
void read_packets(Domain& domain);

// All of them, by name, without their packets: those are made when one is asked for.
struct NamedDomain {
    std::string name;
    std::function<Domain()> make;
};
const std::vector<NamedDomain>& all_domains();

// What domains_*.cpp make.
Domain link_domain();
Domain protocol_domain();
Domain fragment_domain();
Domain port_domain();
Domain flag_domain();
Domain length_domain();
Domain address_domain();
Domain arp_domain();
Domain icmp_domain();
Domain header_domain();
Domain extension_domain();
Domain dns_domain();
Domain tls_domain();
Domain http_domain();
Domain tunnel_domain();
Domain inner_domain();
Domain mac_domain();
Domain direction_domain();

}  // namespace weir::tests

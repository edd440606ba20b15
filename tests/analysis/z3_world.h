// The packets that there are, and comparisons of their fields, as formulas for Z3: written from docs/language.md.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <z3++.h>

#include "tests/analysis/small_policy.h"
#include "tests/support/random.h"

namespace weir::tests {

// A number of a packet: 32 bits, whatever its field's width.
struct Z3Number {
    std::string name;
    z3::expr is_there;
    z3::expr value;
    unsigned bits;
    bool is_port = false;  // it cannot be masked
};

// A comparison as the language writes it and what it means.
struct Z3Atom {
    std::string text;
    z3::expr holds;
};

class Z3World {
public:
    explicit Z3World(z3::context& context);
    // What all packets satisfy.
    const z3::expr& possible() const { return possible_; }
    // A comparison by chance. Those of one policy have few values, which `pool` keeps.
    enum class Lengths : std::uint8_t { kNot, kToo };
    Z3Atom atom(Random& random, std::vector<std::uint64_t>& pool, Lengths lengths);
    z3::expr is_there(const std::string& key) const;

private:
    struct Address {
        std::string name;
        z3::expr four, six;
    };
    z3::expr bit(const char* name) { return context_.bool_const(name); }
    z3::expr word(const char* name) { return context_.bv_const(name, 32); }
    z3::expr constant(std::uint64_t value) { return context_.bv_val(static_cast<unsigned>(value), 32); }
    z3::expr is(const z3::expr& value, std::uint64_t number) { return value == constant(number); }
    z3::expr between(const z3::expr& value, std::uint64_t first, std::uint64_t last) {
        return z3::uge(value, constant(first)) && z3::ule(value, constant(last));
    }
    void name_bits();
    z3::expr headers();
    z3::expr lengths();
    z3::expr compare(const z3::expr& left, const std::string& op, const z3::expr& right);
    Z3Atom one_number(Random& random, const Z3Number& number, std::vector<std::uint64_t>& pool);
    Z3Atom two_numbers(Random& random);
    Z3Atom address(Random& random);
    z3::expr in_net(const Address& address, const std::string& net);

    z3::context& context_;
    z3::expr ip4_, ip6_, arp_, has_protocol_, malformed_, more_, has_id_, options_, payload_;
    z3::expr protocol_, ttl_, dscp_, length_, offset_, id_, source_port_, destination_port_, flags_, tcp_header_,
        udp_length_, payload_length_, ip_header_, type_;
    z3::expr ip_, tcp_, udp_, sctp_, icmp_, icmp6_, is_fragment_;
    std::vector<Address> addresses_;
    std::vector<Z3Number> numbers_, length_numbers_;
    std::vector<Z3Atom> bits_;
    z3::expr possible_;
};

}  // namespace weir::tests

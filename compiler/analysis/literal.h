// What one comparison of the language says of packets, with the packets: the parts that conditions are put together
// from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/analysis/packet_sets.h"
#include "compiler/analysis/point.h"
#include "compiler/policy/comparison_text.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// A state term as a yes or no of its own.
struct TermVariable {
    const policy::TypedPolicy* policy = nullptr;
    const policy::Rule* rule = nullptr;
    const policy::StateTerm* term = nullptr;
    Bdd::Node above = Bdd::kFalse;  // the variable: the value is above the limit
};

struct Literal {
    policy::Comparison comparison{};  // where there is no `term`
    bool is_denied = false;           // `not` stands before it
    bool is_presence = false;         // any value of a field: there is no word for what it says
    const TermVariable* term = nullptr;
    bool is_above = false;  // of `term`
    Bdd::Node packets = Bdd::kFalse;
    std::string text{};
    std::uint32_t rank = 0;  // where it stands among others: as the table of fields has them
};
// All of them hold.
using Cube = std::vector<Literal>;

class Literals {
public:
    // `policy`: the one of `sets`.
    Literals(const policy::TypedPolicy& policy, PacketSets& sets, const std::vector<TermVariable>& terms);

    // For each variable that the packets depend on within `care`, what it can be in these packets. Their product has
    // all of the packets, and may have others.
    Cube hull(Bdd::Node packets, Bdd::Node care);
    // Splits the packets by what they depend on first within `care`: by a header, a comparison, or the values of a
    // field. Empty where nothing splits them.
    std::vector<Bdd::Node> split(Bdd::Node packets, Bdd::Node care);
    // Of a set that is large to look at, those that have the values of one packet in all fields that decide whether it
    // is in there; another `number` may choose another. Else the set itself.
    Bdd::Node some_of(Bdd::Node packets, std::uint64_t number);
    // The same comparison turned round, `!=` or `not in`; nothing where there is no such.
    std::optional<Literal> opposite(const Literal& literal);
    // The packets of all of them together, within `care`.
    Bdd::Node product(const Cube& cube, Bdd::Node care);
    // Whether the packets depend on a state term, a set that changes or has other entries in each policy, or a flow.
    bool read_state(Bdd::Node packets);
    // False once something could not be said in the language: the product may then have more than it should.
    bool says_all() const { return says_all_; }

private:
    // The bits of a field that is a number or an address, the highest first.
    struct Bits {
        packet::FieldId field{};
        std::vector<Bdd::Variable> variables{};
    };
    // A comparison that has no values of its own: two fields compared, a text, a named set.
    struct Known {
        Literal literal{};
        std::vector<packet::FieldId> fields{};
        std::vector<Bdd::Variable> support{};  // without presence
    };

    std::optional<Literal> made(policy::Comparison comparison, bool is_denied);
    void add(Cube& cube, policy::Comparison comparison, bool is_denied);
    const std::vector<Known>& known();
    const Bits* bits_of(Bdd::Variable variable, Bdd::Node packets, const std::vector<Bdd::Variable>& support);
    bool presence(Cube& cube, Bdd::Node packets, Bdd::Variable variable);
    void compared(Cube& cube, Bdd::Node packets, const std::vector<Bdd::Variable>& support);
    void terms(Cube& cube, Bdd::Node packets, const std::vector<Bdd::Variable>& support);
    void values(Cube& cube, Bdd::Node packets, const Bits& bits);
    void addresses(Cube& cube, Bdd::Node packets, const Bits& bits);
    struct Piece {
        Bdd::Node packets = Bdd::kFalse;
        Bdd::Node exit = Bdd::kTrue;  // what is left to look at
    };
    std::vector<Piece> by_values(Bdd::Node packets, Bdd::Node top, const Bits& bits);
    std::vector<Piece> halves(Bdd::Node packets, Bdd::Node by);
    std::vector<Piece> pieces_at(Bdd::Node packets, Bdd::Node top);
    bool is_all(Bdd::Node packets, packet::FieldId has);

    const policy::TypedPolicy& policy_;
    PacketSets& sets_;
    Universe& universe_;
    const std::vector<TermVariable>& terms_;
    std::vector<Bits> fields_;
    std::optional<std::vector<Known>> known_;
    Point point_;
    bool says_all_ = true;
};

}  // namespace weir::analysis

// Tested by tests/unit/ir/forest_test.cpp with `interpret_forests`.
#include "compiler/ir/residual.h"

#include <algorithm>

namespace weir::ir {
namespace {

// A byte string; equal for equal predicates.
class Key {
public:
    explicit Key(std::size_t kind) { add(kind); }
    template <typename Number>
        requires std::is_integral_v<Number> || std::is_enum_v<Number>
    Key& add(Number number) {
        const auto value = static_cast<std::uint64_t>(number);
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
        return *this;
    }
    Key& add(const std::string& text) {
        add(text.size());
        bytes_ += text;
        return *this;
    }
    Key& add(const Word& word) { return add(word.offset).add(word.size).add(word.shift).add(word.mask); }
    Key& add(const AddressRef& address) { return add(address.offset).add(address.either_version ? 1u : 0u); }
    Key& add(const Address6& address) { return add(address.first).add(address.second); }
    template <typename Value>
    Key& add(const std::vector<std::pair<Value, Value>>& ranges) {
        add(ranges.size());
        for (const auto& [first, last] : ranges) add(first).add(last);
        return *this;
    }
    Key& add(const std::vector<PredicateId>& operands) {
        for (const PredicateId operand : operands) add(operand);
        return *this;
    }
    std::string bytes() { return std::move(bytes_); }

private:
    std::string bytes_;
};

void add_to(Key& key, const Constant& node) { key.add(node.value ? 1u : 0u); }
void add_to(Key& key, const AllOf& node) { key.add(node.operands); }
void add_to(Key& key, const AnyOf& node) { key.add(node.operands); }
void add_to(Key& key, const Negation& node) { key.add(node.operand); }
void add_to(Key& key, const Present& node) {
    for (const std::uint32_t word : node.bits.words) key.add(word);
}
void add_to(Key& key, const InRanges& node) { key.add(node.word).add(node.ranges); }
void add_to(Key& key, const Compare& node) { key.add(node.lhs).add(node.relation).add(node.rhs); }
void add_to(Key& key, const AddressIn& node) { key.add(node.address).add(node.ranges4).add(node.ranges6); }
void add_to(Key& key, const AddressEqual& node) { key.add(node.lhs).add(node.rhs); }
void add_to(Key& key, const InSet& node) {
    key.add(node.set);
    for (const SetKeyPart& part : node.key) key.add(part.is_address ? 1u : 0u).add(part.address).add(part.word);
}
void add_to(Key& key, const IfaceBit& node) { key.add(node.bit); }
void add_to(Key& key, const PayloadMatch& node) { key.add(node.op).add(node.bytes); }
void add_to(Key& key, const TextMatch& node) { key.add(node.length).add(node.op).add(node.bytes).add(node.labels); }
void add_to(Key& key, const TextEqual& node) { key.add(node.lhs).add(node.rhs); }
void add_to(Key& key, const PayloadSlice& node) { key.add(node.offset).add(node.bytes); }

}  // namespace

std::string Residuals::key(const Predicate& predicate) {
    Key key(predicate.node.index());
    std::visit([&](const auto& node) { add_to(key, node); }, predicate.node);
    return key.bytes();
}

PredicateId Residuals::canonical(PredicateId id) {
    const auto known = known_.find(static_cast<std::uint32_t>(id));
    if (known != known_.end()) return known->second;
    Predicate& predicate = decision_.predicates[static_cast<std::size_t>(id)];
    const auto replace = [&](std::vector<PredicateId>& operands) {
        for (PredicateId& operand : operands) operand = canonical(operand);
    };
    if (auto* all = std::get_if<AllOf>(&predicate.node)) replace(all->operands);
    if (auto* any = std::get_if<AnyOf>(&predicate.node)) replace(any->operands);
    if (auto* opposite = std::get_if<Negation>(&predicate.node)) opposite->operand = canonical(opposite->operand);
    const PredicateId first = canonical_.try_emplace(key(predicate), id).first->second;
    known_.emplace(static_cast<std::uint32_t>(id), first);
    return first;
}

std::uint32_t Residuals::number(const std::vector<PredicateId>& predicates) {
    if (predicates.empty()) return 0;
    std::vector<PredicateId> ids;
    for (const PredicateId id : predicates) ids.push_back(canonical(id));
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    const auto next = static_cast<std::uint32_t>(decision_.residuals.size() + 1);
    const auto [at, added] = numbers_.try_emplace(ids, next);
    if (added) decision_.residuals.push_back(std::move(ids));
    return at->second;
}

}  // namespace weir::ir

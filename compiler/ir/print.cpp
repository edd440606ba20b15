// Tested by tests/golden/decision_test.cpp.
#include "compiler/ir/print.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/ir/box.h"
#include "grammar/base/names.h"
#include "grammar/base/printable.h"
#include "grammar/value.h"

namespace weir::ir {
namespace {

// By bpf::IfaceOp and PayloadOp.
constexpr std::string_view kTextWords[] = {
    "==", "contains", "starts_with", "ends_with", "contains nocase", "starts_with nocase", "ends_with nocase"};

using packet::PresentBits;

// Of fields that share a place in struct weir_packet: one that a packet with `has` has, else the one that asks least of
// it.
const packet::Field* best_named(const std::vector<const packet::Field*>& alike, const PresentBits& has) {
    const packet::Field* best = nullptr;
    const auto asks = [](const packet::Field& field) {
        return packet::implied({{field.present_bit}, {}}).ones.count();
    };
    for (const packet::Field* field : alike) {
        if (has.has(field->present_bit)) return field;
        if (best == nullptr || asks(*field) < asks(*best)) best = field;
    }
    return best;
}
// Offsets in the packet within a tunnel are those of the packet.
constexpr std::uint32_t kInner = WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner);
bool is_inner(std::uint32_t offset) { return offset >= kInner && offset < kInner + sizeof(weir_packet); }

// `has`: what is known of the packet where the word is asked.
std::string word_name(const Word& word, const PresentBits& has) {
    if (is_inner(word.offset)) {
        PresentBits inner;
        std::copy(has.words.begin() + WEIR_PRESENT_WORDS, has.words.end(), inner.words.begin());
        return "inner." +
               word_name({static_cast<std::uint16_t>(word.offset - kInner), word.size, word.shift, word.mask}, inner);
    }
    std::vector<const packet::Field*> alike;
    for (const packet::Field& field : packet::fields())
        if (field.offset == word.offset && field.shift == word.shift && field.size == word.size &&
            (word.mask & ~field.mask) == 0)
            alike.push_back(&field);
    const packet::Field* field = best_named(alike, has);
    if (field == nullptr) return fmt::format("packet[{}]", word.offset);
    return word.mask == field->mask ? std::string(field->name) : fmt::format("{} & {:#x}", field->name, word.mask);
}
std::string address_name(const AddressRef& address) {
    if (is_inner(address.offset))
        return "inner." + address_name({static_cast<std::uint16_t>(address.offset - kInner), address.either_version});
    for (const packet::Field& field : packet::fields())
        if (field.type == packet::Type::kIp && field.offset == address.offset) return std::string(field.name);
    return "address";
}
std::string present_names(const PresentBits& bits) {
    std::string names;
    for (std::uint32_t bit = 0; bit < packet::kAllPresent; ++bit) {
        const bool is_inner = bit >= packet::kInnerPresent && bit < packet::kFlowPresent;
        if (bits.has(bit))
            names += (names.empty() ? "" : "+") + std::string(is_inner ? "inner." : "") +
                     std::string(packet::present_name(is_inner ? bit - packet::kInnerPresent : bit));
    }
    return names;
}
std::string ip4_text(std::uint32_t number) {
    IpAddress address;
    for (std::size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    return to_string(address);
}
std::string ip6_text(const Address6& number) {
    IpAddress address;
    address.version = 6;
    for (std::size_t i = 0; i < 8; ++i) {
        address.bytes[i] = static_cast<std::uint8_t>(number.first >> (56 - 8 * i));
        address.bytes[i + 8] = static_cast<std::uint8_t>(number.second >> (56 - 8 * i));
    }
    return to_string(address);
}
std::string quoted(std::string_view bytes) {
    std::string text = "\"";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\')
            text += fmt::format("\\x{:02x}", byte);
        else
            text += c;
    }
    return text + "\"";
}

class Printer {
public:
    Printer(const Decision& decision, const policy::TypedPolicy& policy) : decision_(decision), policy_(policy) {}

    std::string text(PredicateId id) const {
        return std::visit([this](const auto& node) { return text(node); }, decision_.predicate(id).node);
    }

private:
    static constexpr std::size_t kMaxShown = 8;  // ranges of one predicate

    template <typename Ranges, typename Text>
    static std::string ranges(const Ranges& all, Text value) {
        std::string text;
        for (std::size_t i = 0; i < all.size() && i < kMaxShown; ++i) {
            const auto& [first, last] = all[i];
            text += (text.empty() ? "" : ", ") + value(first);
            if (first != last) text += ".." + value(last);
        }
        return all.size() > kMaxShown ? fmt::format("{}, … {} more", text, all.size() - kMaxShown) : text;
    }
    std::string joined(const std::vector<PredicateId>& operands, const char* sign) const {
        std::string text = "(";
        for (std::size_t i = 0; i < operands.size(); ++i) text += (i == 0 ? "" : sign) + this->text(operands[i]);
        return text + ")";
    }
    std::string text(const Constant& node) const { return node.value ? "true" : "false"; }
    std::string text(const AllOf& node) const {
        const PresentBits before = has_;
        for (const PredicateId id : node.operands)
            if (const auto* present = std::get_if<Present>(&decision_.predicate(id).node)) has_ |= present->bits;
        std::string all = joined(node.operands, " and ");
        has_ = before;
        return all;
    }
    std::string text(const AnyOf& node) const { return joined(node.operands, " or "); }
    std::string text(const Negation& node) const { return "not " + text(node.operand); }
    std::string text(const Present& node) const { return "has " + present_names(node.bits); }
    std::string text(const InRanges& node) const {
        const auto number = [](std::uint64_t value) {
            return value == ~std::uint64_t{0} ? std::string("max") : std::to_string(value);
        };
        return fmt::format("{} in {{{}}}", word_name(node.word, has_), ranges(node.ranges, number));
    }
    std::string text(const Compare& node) const {
        constexpr std::string_view kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
        return fmt::format("{} {} {}", word_name(node.lhs, has_), kSigns[static_cast<std::size_t>(node.relation)],
                           word_name(node.rhs, has_));
    }
    std::string text(const AddressIn& node) const {
        const std::string v4 = ranges(node.ranges4, ip4_text), v6 = ranges(node.ranges6, ip6_text);
        return fmt::format("{} in {{{}{}{}}}", address_name(node.address), v4, v4.empty() || v6.empty() ? "" : ", ",
                           v6);
    }
    std::string text(const AddressEqual& node) const {
        return fmt::format("{} == {}", address_name(node.lhs), address_name(node.rhs));
    }
    std::string text(const InSet& node) const {
        std::string key;
        for (const SetKeyPart& part : node.key)
            key +=
                (key.empty() ? "" : ", ") + (part.is_address ? address_name(part.address) : word_name(part.word, has_));
        const policy::Set& set = policy_.sets[node.set];
        return fmt::format("({}) in {}", key, set.name.empty() ? fmt::format("set #{}", node.set) : set.name);
    }
    std::string text(const IfaceBit& node) const {
        const bpf::IfaceCondition& condition = decision_.ifaces[node.bit];
        return fmt::format("iface {} {}", kTextWords[static_cast<std::size_t>(condition.op)], quoted(condition.text));
    }
    std::string text(const PayloadMatch& node) const {
        return fmt::format("payload {} {}", kTextWords[static_cast<std::size_t>(node.op)], quoted(node.bytes));
    }
    std::string text(const TextMatch& node) const {
        return fmt::format("{} {} {}", word_name(node.length, has_), kTextWords[static_cast<std::size_t>(node.op)],
                           quoted(node.bytes));
    }
    std::string text(const TextEqual& node) const {
        return fmt::format("{} == {}", word_name(node.lhs, has_), word_name(node.rhs, has_));
    }
    std::string text(const PayloadSlice& node) const {
        return fmt::format("payload[{}:{}] == {}", node.offset, node.bytes.size(), quoted(node.bytes));
    }

    const Decision& decision_;
    const policy::TypedPolicy& policy_;
    mutable PresentBits has_;  // what the conditions around say that the packet has
};

// The boxes' dimension by a field that is it, or is within it.
std::string dimension_name(const Dimension& dimension) {
    const std::size_t present = dimension.word - offsetof(weir_packet, present) / 4;
    if (present < WEIR_PRESENT_WORDS) return present == 0 ? "present" : fmt::format("present[{}]", present);
    std::vector<const packet::Field*> alike;
    for (const packet::Field& field : packet::fields()) {
        if (field.offset / 4 > dimension.word) continue;
        const std::uint32_t word = field.offset / 4u, shift = field.offset % 4 * 8u + field.shift;
        if (field.type == packet::Type::kIp && dimension.word < word + (field.size > 4 ? 4 : 1))
            return dimension.word == word ? std::string(field.name)
                                          : fmt::format("{}[{}]", field.name, dimension.word - word);
        if (word == dimension.word && shift == dimension.shift) alike.push_back(&field);
    }
    if (const packet::Field* field = best_named(alike, {})) return std::string(field->name);
    return fmt::format("packet[{}]", dimension.word * 4);
}

std::string forest_text(const Forest& forest, std::size_t number) {
    constexpr std::string_view kKinds[] = {"ip4", "ip6", "other"},
                               kForms[] = {"exact", "prefix", "range", "ones", "masked"};
    std::string fields;
    for (const EntryField& field : forest.layout.fields)
        fields += fmt::format(", {} {}", dimension_name(field.dimension), kForms[static_cast<std::size_t>(field.form)]);
    return fmt::format(
        "forest {}{}: {} boxes in {} tree{}, {} slots, {} entries of {} bytes (rule{}{}), at most {} nodes and {} "
        "entries a tree\n",
        kKinds[number % WEIR_FOREST_KINDS], number < WEIR_FOREST_KINDS ? "" : ", not deciding", forest.boxes,
        forest.trees.size(), forest.trees.size() == 1 ? "" : "s", forest.slots, forest.entries, forest.layout.words * 4,
        forest.layout.has_residual ? ", residual" : "", fields, forest.depth, forest.longest_leaf);
}

}  // namespace

std::string print(const Decision& decision, const policy::TypedPolicy& policy) {
    constexpr std::string_view kStrategies[] = {"straight", "forest"};
    std::string out =
        fmt::format("policy {}\nstructure {}: {}\nrules {}\n", printable(policy.name),
                    kStrategies[static_cast<std::size_t>(decision.strategy)], decision.reason, decision.rules.size());
    if (decision.strategy == Strategy::kForest)
        for (std::size_t i = 0; i < WEIR_FORESTS; ++i)
            if (decision.forests.kinds[i].boxes != 0) out += forest_text(decision.forests.kinds[i], i);
    const Printer printer(decision, policy);
    for (std::size_t i = 0; i < decision.residuals.size(); ++i) {
        out += fmt::format("residual {}:", i + 1);
        for (const PredicateId id : decision.residuals[i])
            out += (id == decision.residuals[i].front() ? " " : " and ") + printer.text(id);
        out += "\n";
    }
    for (std::size_t i = 0; i < decision.rules.size(); ++i) {
        const Rule& rule = decision.rules[i];
        out += fmt::format("{:>6} {}: {}\n       ->", i, policy.rules[i].name, printer.text(rule.predicate));
        for (const std::uint32_t term : rule.terms)
            out += fmt::format(" if {} {} {}{}", decision.terms[term].identity,
                               decision.terms[term].within ? "<=" : ">", decision.terms[term].limit,
                               decision.terms[term].least != 0 ? fmt::format(" (least {})", decision.terms[term].least)
                                                               : std::string());
        for (const AlertAction& action : rule.alerts) out += fmt::format(" alert {}", policy.alerts[action.alert].name);
        for (const std::uint32_t number : rule.changes) {
            const SetChange& change = decision.changes[number];
            out += fmt::format(" {} {}", change.adds ? "add to" : "remove from", policy.sets[change.set].name);
        }
        for (const std::uint32_t number : rule.measures) out += " " + decision.measures[number].identity;
        if (rule.has_verdict)
            out += fmt::format(" {}{}{}", rule.observe ? "would " : "", verdict_name(rule.verdict),
                               rule.verdict == WEIR_REDIRECT ? " " + policy.rules[i].verdict->interface : "");
        else
            out += " next";
        out += "\n";
    }
    out += fmt::format("default {}\nmalformed {}\n", verdict_name(decision.default_verdict),
                       verdict_name(decision.malformed_verdict));
    return out;
}

}  // namespace weir::ir

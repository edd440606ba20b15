// Tested by tests/verdict/shapes.cpp with `kernel`.
#include "compiler/codegen/tables.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "bpf/direction.h"
#include "bpf/record.h"
#include "bpf/tls_walks.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

constexpr std::uint32_t kAddressWords = 4;

std::uint32_t to_big_endian(std::uint32_t value) { return __builtin_bswap32(value); }

std::uint32_t address_word(const IpAddress& address, std::size_t i) {
    const auto byte = [&](std::size_t k) { return std::uint32_t{address.bytes[i * 4 + k]}; };
    return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

std::uint32_t words_of(policy::SetType type) {
    switch (type) {
        case policy::SetType::kIp: return 1 + kAddressWords;
        case policy::SetType::kNet: return kAddressWords;
        case policy::SetType::kMac: return 2;
        case policy::SetType::kPort:
        case policy::SetType::kU8:
        case policy::SetType::kU16:
        case policy::SetType::kU32: return 1;
        case policy::SetType::kDomain:
        case policy::SetType::kText: break;
    }
    WEIR_CHECK(!"names are no part of a key");
    return 0;
}

void append_words(policy::SetType type, const policy::SetElement& element, std::vector<std::uint32_t>& words) {
    if (type == policy::SetType::kIp || type == policy::SetType::kNet) {
        const std::uint32_t bits = type == policy::SetType::kNet ? element.prefix_length : 0;
        words.push_back(element.address.version | bits << 8);
        for (std::size_t i = 0; i < kAddressWords; ++i) words.push_back(address_word(element.address, i));
        return;
    }
    if (type == policy::SetType::kMac) words.push_back(static_cast<std::uint32_t>(element.number >> 32));
    words.push_back(static_cast<std::uint32_t>(element.number));
}

template <typename T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(values.data());
    return {begin, begin + values.size() * sizeof(T)};
}

void append_key(std::vector<std::uint8_t>& keys, const std::vector<std::uint32_t>& words) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(words.data());
    keys.insert(keys.end(), begin, begin + words.size() * sizeof(std::uint32_t));
}

std::vector<std::uint32_t> hash_key(std::uint32_t number, const policy::Set& set,
                                    std::span<const policy::SetElement> entry, std::uint32_t key_words) {
    std::vector<std::uint32_t> words{number};
    for (std::size_t i = 0; i < entry.size(); ++i) append_words(set.types[i], entry[i], words);
    words.resize(key_words);
    return words;
}

// prefix_bits, then the words in wire order.
std::vector<std::uint32_t> net_key(std::uint32_t number, const policy::Set& set, const KeyLayout& layout,
                                   std::span<const policy::SetElement> entry, std::uint32_t key_words) {
    const policy::SetElement& net = entry[layout.net_part];
    std::vector<std::uint32_t> words{2 * number + (net.address.version == 6 ? 1u : 0u)};
    for (std::size_t i = 0; i < entry.size(); ++i)
        if (i != layout.net_part) append_words(set.types[i], entry[i], words);
    const auto bits = static_cast<std::uint32_t>(words.size() * 32 + net.prefix_length);
    const std::size_t address_words = net.address.version == 6 ? kAddressWords : 1;
    for (std::size_t i = 0; i < address_words; ++i) words.push_back(address_word(net.address, i));
    for (std::uint32_t& word : words) word = to_big_endian(word);
    words.resize(key_words);
    words.insert(words.begin(), bits);
    return words;
}

// In the hash map, or in the trie of tuples with a net.
bool is_in_map(const policy::Set& set) { return !is_searched(set) && !set.dynamic && !has_names(set.types); }

// Rounds up to the next sixteenth of a power of two.
std::size_t with_slack(std::size_t count) {
    const std::size_t step = std::max<std::size_t>(std::bit_floor(count) / 16, 1);
    return (count + step - 1) / step * step;
}

}  // namespace

KeyLayout key_layout(const policy::Set& set) {
    KeyLayout layout;
    for (std::size_t i = 0; i < set.types.size(); ++i) {
        layout.words += words_of(set.types[i]);
        if (set.types[i] == policy::SetType::kNet) {
            layout.is_net = true;
            layout.net_part = i;
        }
    }
    WEIR_CHECK(layout.words <= WEIR_SET_KEY_WORDS);
    return layout;
}

std::vector<std::uint32_t> entry_words(const std::vector<policy::SetType>& types,
                                       const std::vector<policy::SetElement>& entry, std::uint32_t width) {
    std::vector<std::uint32_t> words;
    for (std::size_t i = 0; i < entry.size(); ++i) append_words(types[i], entry[i], words);
    WEIR_CHECK(words.size() <= width);
    words.resize(width);
    return words;
}

Tables::Tables(const policy::TypedPolicy& policy) : state_(policy) {
    number_devices(policy);
    for (const policy::Set& set : policy.sets) {
        if (!is_in_map(set)) continue;
        const KeyLayout layout = key_layout(set);
        std::uint32_t& words = layout.is_net ? net_words_ : hash_words_;
        words = std::max(words, layout.words);
    }
}

// Interfaces that packets are redirected to, in the order in which rules name them first: runtime/engine/devices.h.
void Tables::number_devices(const policy::TypedPolicy& policy) {
    std::map<std::string, std::uint32_t> numbers;
    for (const policy::Rule& rule : policy.rules) {
        const bool redirects = rule.verdict && rule.verdict->kind == policy::VerdictKind::kRedirect;
        const auto next = static_cast<std::uint32_t>(numbers.size());
        devices_.push_back(redirects ? numbers.try_emplace(rule.verdict->interface, next).first->second : 0);
    }
    device_count_ = static_cast<std::uint32_t>(numbers.size());
    WEIR_CHECK(device_count_ <= WEIR_DEVICES);
}

std::uint32_t Tables::key_words(std::uint32_t number, const policy::Set& set) const {
    if (has_names(set.types)) return 0;
    if (set.dynamic) return state_.live_set(number).width;
    return key_layout(set).is_net ? 1 + net_words_ : hash_words_;
}

std::uint32_t Tables::add_text_literal(const std::string& text) {
    WEIR_CHECK(text.size() <= WEIR_TEXT_LITERAL_BYTES);
    weir_text_literal row{};
    row.length = static_cast<std::uint32_t>(text.size());
    std::memcpy(row.bytes, text.data(), text.size());
    text_literals_.push_back(row);
    return text_literal_count() - 1;
}

std::uint32_t Tables::add_literal(const Sought& literal) {
    WEIR_CHECK(literal.bytes.size() <= WEIR_LITERAL_BYTES);
    weir_literal row{};
    row.length = static_cast<std::uint32_t>(literal.bytes.size());
    if (literal.letters == Letters::kEither) row.length |= WEIR_LITERAL_NOCASE;
    std::memcpy(row.bytes, literal.bytes.data(), literal.bytes.size());
    literals_.push_back(row);
    return literal_count() - 1;
}

void Tables::set_searches(const ir::Decision& decision) {
    std::vector<Sought> literals;
    for (const ir::Predicate& predicate : decision.predicates) {
        const auto* match = std::get_if<ir::PayloadMatch>(&predicate.node);
        if (match != nullptr && is_contains(match->op) && !match->bytes.empty()) literals.push_back(sought(*match));
    }
    searches_.set(literals);
    for (std::uint32_t i = 0; i < search_count(); ++i)
        searches_.searches()[i].literal = add_literal(searches_.literals()[i]);
}

const SetRanges& Tables::set_ranges(std::uint32_t number, const policy::Set& set) {
    const auto known = set_ranges_.find(number);
    if (known != set_ranges_.end()) return known->second;
    return set_ranges_.emplace(number, codegen::set_ranges(set, lines_)).first->second;
}

// What the hook takes as an answer: enum xdp_action of linux/bpf.h, or as bpf/direction.h says. What a reject or a
// redirect becomes the program says itself.
std::uint8_t Tables::action(std::uint8_t verdict, packet::Direction direction) {
    if (direction == packet::Direction::kOut)
        return static_cast<std::uint8_t>(verdict == WEIR_PASS ? WEIR_TCX_NEXT : WEIR_TCX_DROP);
    return verdict == WEIR_PASS ? 2 : 1;
}

std::uint32_t answers_of(std::uint32_t verdict) {
    if (verdict == WEIR_REJECT) return WEIR_ANSWERS_REJECT;
    return verdict == WEIR_REDIRECT ? WEIR_ANSWERS_REDIRECT : 0;
}

void Tables::set_rules(const ir::Decision& decision, bool observe) {
    record_ = decision.record;
    walks_tls_ = (decision.needs & WEIR_NEED_TLS_WALKS) != 0;
    state_.set_decision(decision);
    set_searches(decision);
    for (std::size_t number = 0; number < decision.rules.size(); ++number) {
        const ir::Rule& rule = decision.rules[number];
        weir_rule_row row{};
        WEIR_CHECK(rule.alerts.size() <= WEIR_RULE_ALERTS);
        row.verdict = rule.has_verdict ? static_cast<std::uint8_t>(rule.verdict) : std::uint8_t{WEIR_NO_VERDICT};
        if (rule.observe || (observe && rule.has_verdict)) row.flags |= WEIR_ROW_WOULD;
        if (!rule.terms.empty()) row.flags |= WEIR_ROW_STATE;
        if (rule.decides) row.flags |= WEIR_ROW_DECIDES;
        if (!rule.changes.empty()) row.flags |= WEIR_ROW_CHANGES;
        if (rule.captures) row.flags |= WEIR_ROW_CAPTURES;
        if (!rule.measures.empty()) row.flags |= WEIR_ROW_MEASURES;
        row.alert_first = alert_entries();
        row.alert_count = static_cast<std::uint8_t>(rule.alerts.size());
        for (const ir::AlertAction& action : rule.alerts) {
            alerts_.push_back(action.alert);
            sample_rows_.push_back({action.sample, 0});
            samples_ = samples_ || action.sample != 1;
        }
        row.action = rule.verdict == WEIR_REDIRECT ? static_cast<std::uint8_t>(devices_[number])
                                                   : action(row.verdict, decision.direction);
        if (rule.decides) answers_ |= answers_of(rule.verdict);
        rows_.push_back(row);
    }
    const auto verdict_row = [&](std::uint32_t verdict) {
        weir_rule_row row{};
        row.verdict = observe ? std::uint8_t{WEIR_PASS} : static_cast<std::uint8_t>(verdict);
        row.action = action(row.verdict, decision.direction);
        answers_ |= answers_of(row.verdict);
        rows_.push_back(row);
    };
    verdict_row(decision.default_verdict);
    verdict_row(decision.malformed_verdict);
    if (decision.egress_verdict) verdict_row(*decision.egress_verdict);
}

void Tables::set_forests(const ir::Decision& decision) {
    if (decision.strategy != ir::Strategy::kForest) return;
    for (const ir::Forest& forest : decision.forests.kinds)
        for (std::size_t t = 0; t < WEIR_TREES; ++t) {
            weir_forest_tree tree{WEIR_LEAF, ~0u, 0};
            if (t < forest.trees.size()) tree = {forest.trees[t].slot, forest.trees[t].first_rule, 0};
            trees_.push_back(tree);
        }
    slots_ = decision.forests.slots;
    slots_.resize(with_slack(slots_.size()));
    entries_ = decision.forests.entries;
    entries_.resize(with_slack(entries_.size()));
}

std::vector<weir_throttle_key> Tables::record_keys() const {
    std::vector<weir_throttle_key> rows;
    for (const ir::PacketKey& key : record_.keys) rows.push_back(key_row(key));
    return rows;
}

// Elements of one CPU: whoever loads the object knows how many there are.
void Tables::write_record(bpf::Object& object) const {
    if (record_.bytes == 0) return;
    const auto keys = static_cast<std::uint32_t>(record_.keys.size());
    object.sizes.push_back({"weir_record", WEIR_RECORD_ELEMENTS(record_.packets), sizeof(std::uint32_t),
                            WEIR_RECORD_SLOT_BYTES(keys, record_.bytes)});
    if (keys != 0) object.tables.push_back({".data.weir_record_keys", bytes_of(record_keys())});
}

void Tables::write(const policy::TypedPolicy& policy, bpf::Object& object) {
    bpf::MapImage hash{"weir_sets_hash", hash_words_ * 4, 4, {}, {}};
    bpf::MapImage nets{"weir_sets_lpm", 4 + net_words_ * 4, 4, {}, {}};
    std::uint32_t hash_entries = 0, net_entries = 0;
    for (std::uint32_t number = 0; number < policy.sets.size(); ++number) {
        const policy::Set& set = policy.sets[number];
        if (!is_in_map(set)) continue;
        WEIR_CHECK(set.entries.rows().empty() || set.types.size() == set.entries.width());
        const KeyLayout layout = key_layout(set);
        const std::span<const policy::SetElement> rows = set.entries.rows();
        for (std::size_t at = 0; at < rows.size(); at += set.types.size()) {
            const auto entry = rows.subspan(at, set.types.size());
            if (layout.is_net) {
                append_key(nets.keys, net_key(number, set, layout, entry, net_words_));
                ++net_entries;
            } else {
                append_key(hash.keys, hash_key(number, set, entry, hash_words_));
                ++hash_entries;
            }
        }
    }
    hash.values.assign(std::size_t{hash_entries} * hash.value_size, 0);
    nets.values.assign(std::size_t{net_entries} * nets.value_size, 0);
    object.sizes.push_back({hash.map, std::max(hash_entries, 1u), hash.key_size, hash.value_size});
    object.sizes.push_back({nets.map, std::max(net_entries, 1u), nets.key_size, nets.value_size});
    object.sizes.push_back(
        {"weir_alert_accounts", static_cast<std::uint32_t>(std::max<std::size_t>(policy.alerts.size(), 1)), 0, 0});
    if (walks_tls_) object.sizes.push_back({"weir_tls_walks", WEIR_TLS_WALK_ELEMENTS, 0, 0});
    if (device_count_ != 0) object.sizes.push_back({"weir_devices", device_count_, 0, 0});
    if (hash_entries != 0) object.maps.push_back(std::move(hash));
    if (net_entries != 0) object.maps.push_back(std::move(nets));
    state_.write(policy, object);
    write_record(object);

    // A policy that does not read a table does not have it in its program.
    const auto table = [&](const char* section, std::vector<std::uint8_t> bytes) {
        if (!bytes.empty()) object.tables.push_back({section, std::move(bytes)});
    };
    table(".data.weir_rule_rows", bytes_of(rows_));
    table(".data.weir_rule_alerts", bytes_of(alerts_));
    if (samples_) table(".data.weir_samples", bytes_of(sample_rows_));
    table(".data.weir_literals", bytes_of(literals_));
    table(".data.weir_text_literals", bytes_of(text_literals_));
    table(".data.weir_searches", bytes_of(searches_.searches()));
    table(".data.weir_scans", bytes_of(searches_.scans()));
    table(".data.weir_forest_trees", bytes_of(trees_));
    table(".data.weir_tree_slots", bytes_of(slots_));
    table(".data.weir_entries", bytes_of(entries_));
    table(".bss", bytes_of(lines_.take()));  // weir_lines
}

}  // namespace weir::codegen

// The data of a policy: what the program reads from tables and maps.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "bpf/answer.h"
#include "compiler/codegen/payload_searches.h"
#include "compiler/codegen/range_lines.h"
#include "compiler/codegen/set_ranges.h"
#include "compiler/codegen/state_tables.h"
#include "compiler/ir/decision.h"
#include "compiler/object.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

// The layout of the keys of a set in a map; see struct weir_set_key.
struct KeyLayout {
    bool is_net = false;
    std::size_t net_part = 0;  // which part of the set's type is the net
    std::uint32_t words = 1;   // of the key, the set's number included (hash: exactly; net: with an IPv6 address)
};
KeyLayout key_layout(const policy::Set& set);
// An entry of a set that changes as the words of its key, and zeros up to `width`.
std::vector<std::uint32_t> entry_words(const std::vector<policy::SetType>& types,
                                       const std::vector<policy::SetElement>& entry, std::uint32_t width);

// Collects literals and ranges while code is emitted, then becomes the images of a bpf::Object.
class Tables {
public:
    explicit Tables(const policy::TypedPolicy& policy);

    std::uint32_t add_literal(const Sought& literal);
    std::uint32_t add_text_literal(const std::string& text);  // of a name or text
    // The place of a long list of ranges.
    RangeLines& lines() { return lines_; }
    // The place of a set's ranges; created at the first call.
    const SetRanges& set_ranges(std::uint32_t number, const policy::Set& set);

    std::uint32_t literal_count() const { return static_cast<std::uint32_t>(literals_.size()); }
    std::uint32_t text_literal_count() const { return static_cast<std::uint32_t>(text_literals_.size()); }
    const PayloadSearches& searches() const { return searches_; }
    std::uint32_t search_count() const { return static_cast<std::uint32_t>(searches_.searches().size()); }
    std::uint32_t scan_count() const { return static_cast<std::uint32_t>(searches_.scans().size()); }
    std::uint32_t line_count() const { return static_cast<std::uint32_t>(lines_.lines().size()); }
    // The number of alert actions; 0 if none samples.
    std::uint32_t sample_count() const { return samples_ ? alert_entries() : 0; }
    std::uint32_t alert_entries() const { return static_cast<std::uint32_t>(alerts_.size()); }
    std::uint32_t row_count() const { return static_cast<std::uint32_t>(rows_.size()); }
    std::uint32_t slot_count() const { return static_cast<std::uint32_t>(slots_.size()); }
    std::uint32_t entry_words() const { return static_cast<std::uint32_t>(entries_.size()); }
    std::uint32_t answers() const { return answers_; }  // WEIR_ANSWERS_*
    const StateTables& state() const { return state_; }
    // Words of a key in the map that all hash sets share; shorter keys are padded with zero words. The same for nets.
    std::uint32_t hash_words() const { return hash_words_; }
    std::uint32_t net_words() const { return net_words_; }
    // Of the key that the program lays out to look it up in this set, which is no is_searched() one.
    std::uint32_t key_words(std::uint32_t number, const policy::Set& set) const;

    // The rows of the rules, `default`, `malformed`, and `default egress` where the policy has that direction.
    // `observe`: no verdict is enforced.
    void set_rules(const ir::Decision& decision, bool observe);
    // The trees, if the decision has any. Slots and entries are padded with zeros that nothing refers to, so that a
    // small change of the policy changes neither their number nor the program.
    void set_forests(const ir::Decision& decision);
    const ir::Record& record() const { return record_; }
    // Moves everything into `object`.
    void write(const policy::TypedPolicy& policy, bpf::Object& object);

private:
    void number_devices(const policy::TypedPolicy& policy);
    static std::uint8_t action(std::uint8_t verdict, packet::Direction direction);
    void set_searches(const ir::Decision& decision);
    std::vector<weir_throttle_key> record_keys() const;
    void write_record(bpf::Object& object) const;

    std::vector<weir_rule_row> rows_;
    std::vector<std::uint32_t> alerts_;
    std::vector<weir_sample> sample_rows_;  // by alert action
    bool samples_ = false;                  // at least one action samples
    std::uint32_t answers_ = 0;
    std::vector<std::uint32_t> devices_;  // by rule: of a redirect, the number of its interface
    std::uint32_t device_count_ = 0;
    bool walks_tls_ = false;  // names of TLS are looked for in later segments
    ir::Record record_;
    std::vector<weir_literal> literals_;
    std::vector<weir_text_literal> text_literals_;
    PayloadSearches searches_;
    std::vector<weir_forest_tree> trees_;
    std::vector<std::uint64_t> slots_;
    std::vector<std::uint32_t> entries_;
    RangeLines lines_;
    std::map<std::uint32_t, SetRanges> set_ranges_;
    StateTables state_;
    std::uint32_t hash_words_ = 1;
    std::uint32_t net_words_ = 1;
};

}  // namespace weir::codegen

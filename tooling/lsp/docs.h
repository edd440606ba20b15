// What words, fields and names mean, in Markdown: from the tables that the compiler has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/packet/fields.h"
#include "grammar/base/sinks.h"

namespace weir::tooling::lsp {

// Where a word may stand: bits.
enum Where : std::uint32_t {
    kTop = 1u << 0,           // begins an item
    kRule = 1u << 1,          // of a rule, before its condition
    kOperand = 1u << 2,       // begins a condition
    kAfterOperand = 1u << 3,  // follows one
    kValue = 1u << 4,         // on the right of a comparison
    kText = 1u << 5,          // behind `contains` and the like
    kArgument = 1u << 6,      // of a state term
    kAction = 1u << 7,
    kAfterAction = 1u << 8,
    kMeasure = 1u << 9,
    kVerdict = 1u << 10,
    kAlertClause = 1u << 11,
    kSeverity = 1u << 12,
    kSetType = 1u << 13,
    kSetClause = 1u << 14,
    kStep = 1u << 15,  // of a test
    kPacket = 1u << 16,
    kOutcome = 1u << 17,
    kAfterVerdict = 1u << 18,
    kDefault = 1u << 19,  // behind `default`
};

struct Word {
    std::string_view text;
    std::uint32_t where = 0;
    std::string_view insert;  // a snippet; empty: the word
    std::string_view doc;
};
std::span<const Word> words();
// Null where the word has no meaning.
const Word* find_word(std::string_view text);

std::string type_text(packet::FieldId id);     // "integer, 16 bits"
std::string present_text(packet::FieldId id);  // "TCP": what packets have it; "always"
// As a whole: type, presence, meaning, the names of its values.
std::string field_doc(packet::FieldId id);
std::string value_doc(packet::FieldId field, std::string_view name);  // empty where there is none
std::string sink_doc(SinkKind kind);
// "eve(\"/var/log/weir/eve.json\", rotate 100MB, keep 10)": with all parameters that may be written.
std::string sink_form(SinkKind kind);

// All fields of both layers, in the order of the table.
std::vector<packet::FieldId> all_fields();

}  // namespace weir::tooling::lsp

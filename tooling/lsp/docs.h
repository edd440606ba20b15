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

// What may stand at a place, bits: words by where they belong, and names by their kind.
enum Where : std::uint32_t {
    kNoNames = 0,
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
    kFields = 1u << 20,
    kLets = 1u << 21,
    kSets = 1u << 22,
    kRules = 1u << 23,
    kAlerts = 1u << 24,
    kSinks = 1u << 25,
    kSinkKinds = 1u << 26,
    kSinkOptions = 1u << 27,
    kHoles = 1u << 28,  // of a message
    kFiles = 1u << 29,
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

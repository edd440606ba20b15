// The values of --format: the one list, which options, completions, the control socket and reports read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/render.h"

namespace weir::tooling {

enum class FormatsOf : std::uint8_t {
    kEngines,   // what a running engine says
    kPolicies,  // what is found in policies
    kChanges,   // what differs between two of them
};

// In the order of the list.
std::vector<std::string> format_words(FormatsOf what);
// "human, json, sarif, github or gitlab".
std::string format_words_text(FormatsOf what);

// Of a word of the list.
DiagnosticFormat diagnostic_format(std::string_view word);
// One document for all that a command has found, instead of a line or more for each.
bool is_document(std::string_view word);
// Files are named as a repository knows them: relative to the working directory.
bool is_for_review(std::string_view word);

}  // namespace weir::tooling

// What stands before the place where somebody writes: enough to know what may follow, also in a text that is broken.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/packet/fields.h"
#include "tooling/lsp/docs.h"
#include "tooling/lsp/lexer.h"

namespace weir::tooling::lsp {

// Kinds of names that may stand there, beside words: bits.
enum Names : std::uint32_t {
    kNoNames = 0,
    kFields = 1u << 0,
    kLets = 1u << 1,
    kSets = 1u << 2,
    kRules = 1u << 3,
    kAlerts = 1u << 4,
    kSinks = 1u << 5,
    kSinkKinds = 1u << 6,
    kSinkOptions = 1u << 7,
    kHoles = 1u << 8,  // of a message
    kFiles = 1u << 9,
};

struct Cursor {
    std::uint32_t where = 0;                 // bits of Where
    std::uint32_t names = 0;                 // bits of Names
    std::optional<packet::FieldId> field{};  // whose values are asked for
    std::string sink_kind{};                 // of kSinkOptions
    std::uint32_t begin = 0;                 // of the word that is being written; its end is the place
    std::string prefix{};                    // that word
};

Cursor cursor_at(std::string_view text, std::uint32_t offset);

}  // namespace weir::tooling::lsp

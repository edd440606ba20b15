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

struct Cursor {
    std::uint32_t where = 0;                 // bits of Where
    std::uint32_t names = kNoNames;          // likewise, of those that are kinds of names
    std::optional<packet::FieldId> field{};  // whose values are asked for
    std::string sink_kind{};                 // of kSinkOptions
    std::uint32_t begin = 0;                 // of the word that is being written; its end is the place
    std::string prefix{};                    // that word
};

Cursor cursor_at(std::string_view text, std::uint32_t offset);

}  // namespace weir::tooling::lsp

// The reserved words, from reserved.def.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace weir {

struct ReservedWord {
    enum Uses : std::uint8_t { kItem = 1, kOperand = 2 };
    std::string_view text;
    std::uint8_t uses = 0;

    constexpr bool begins_item() const { return (uses & kItem) != 0; }
    constexpr bool is_operand() const { return (uses & kOperand) != 0; }
};

namespace reserved_words {
inline constexpr std::uint8_t kItem = ReservedWord::kItem, kOperand = ReservedWord::kOperand;
inline constexpr ReservedWord kAll[] = {
#define WEIR_RESERVED(word, uses) {#word, uses},
#include "grammar/reserved.def"
#undef WEIR_RESERVED
};
constexpr bool before(const ReservedWord& a, const ReservedWord& b) { return a.text < b.text; }
static_assert(std::is_sorted(std::begin(kAll), std::end(kAll), before));
}  // namespace reserved_words

// Null where the word is not reserved.
constexpr const ReservedWord* find_reserved(std::string_view text) {
    const ReservedWord* found = std::lower_bound(std::begin(reserved_words::kAll), std::end(reserved_words::kAll),
                                                 ReservedWord{text}, reserved_words::before);
    return found != std::end(reserved_words::kAll) && found->text == text ? found : nullptr;
}

// Words only as the first of an item; names elsewhere.
inline constexpr std::string_view kItemOnlyWords[] = {"throttles", "flows", "record"};

constexpr bool begins_item(std::string_view text) {
    const ReservedWord* word = find_reserved(text);
    if (word != nullptr) return word->begins_item();
    return std::find(std::begin(kItemOnlyWords), std::end(kItemOnlyWords), text) != std::end(kItemOnlyWords);
}

}  // namespace weir

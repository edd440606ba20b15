// Tested by tests/unit/ir/forest_test.cpp with `interpret_forests`.
#include "compiler/ir/layout.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "grammar/base/check.h"

namespace weir::ir {
namespace {

// What the sides of all boxes in one dimension have in common.
struct Traits {
    bool constrained = false;  // at least one box has a condition
    bool exact = true;         // all are single values
    bool prefixes = true;
    bool ones = true;        // kBits: all bits that count must be one
    std::uint32_t bits = 0;  // kBits: those that count in some box
};

bool is_prefix(std::uint32_t first, std::uint32_t last) {
    const std::uint32_t open = first ^ last;
    return (open & (open + 1)) == 0 && (first & open) == 0;
}

Traits traits_of(const BoxTable& boxes, std::size_t dimension) {
    Traits traits;
    const Dimension& d = boxes.dimensions[dimension];
    for (std::uint32_t box = 0; box < boxes.size(); ++box) {
        const std::uint32_t first = boxes.first[boxes.at(box, dimension)], last = boxes.last[boxes.at(box, dimension)];
        if (d.kind == SideKind::kBits) {
            traits.constrained |= last != 0;
            traits.ones &= first == last;
            traits.bits |= last;
            continue;
        }
        traits.constrained |= first != 0 || last != d.full();
        traits.exact &= first == last;
        traits.prefixes &= is_prefix(first, last);
    }
    return traits;
}

std::uint8_t bytes_for(std::uint32_t bits) { return bits <= 8 ? 1 : bits <= 16 ? 2 : 4; }

EntryField field_of(const Dimension& d, const Traits& traits) {
    EntryField field;
    field.dimension = d;
    if (d.kind == SideKind::kBits) {
        // Only the bits from the lowest to the highest that counts.
        const auto low = static_cast<std::uint8_t>(std::countr_zero(traits.bits));
        const auto width = static_cast<std::uint8_t>(std::bit_width(traits.bits) - low);
        field.bytes = bytes_for(width);
        field.dimension.shift = static_cast<std::uint8_t>(d.shift + low);
        field.dimension.bits = width;
        field.form = traits.ones ? FieldForm::kOnes : FieldForm::kMasked;
        return field;
    }
    field.bytes = bytes_for(d.bits);
    if (traits.exact)
        field.form = FieldForm::kExact;
    else
        field.form = traits.prefixes && d.bits == 32 ? FieldForm::kPrefix : FieldForm::kRange;
    return field;
}

struct Number {
    EntryField* field;
    std::uint16_t EntryField::* place;
    std::uint8_t bytes;
};

void store(std::uint8_t* entry, std::uint16_t offset, std::uint8_t bytes, std::uint32_t value) {
    std::memcpy(entry + offset, &value, bytes);
}
std::uint32_t load(const std::uint8_t* entry, std::uint16_t offset, std::uint8_t bytes) {
    std::uint32_t value = 0;
    std::memcpy(&value, entry + offset, bytes);
    return value;
}

}  // namespace

EntryLayout make_layout(const BoxTable& boxes) {
    EntryLayout layout;
    layout.has_residual =
        std::any_of(boxes.residual.begin(), boxes.residual.end(), [](std::uint32_t number) { return number != 0; });
    for (std::size_t d = 0; d < boxes.dimensions.size(); ++d) {
        const Traits traits = traits_of(boxes, d);
        if (traits.constrained) layout.fields.push_back(field_of(boxes.dimensions[d], traits));
    }
    std::vector<Number> numbers;
    for (EntryField& field : layout.fields) {
        numbers.push_back({&field, &EntryField::offset, field.bytes});
        if (field.form == FieldForm::kPrefix) numbers.push_back({&field, &EntryField::second, 1});
        if (field.form == FieldForm::kRange || field.form == FieldForm::kMasked)
            numbers.push_back({&field, &EntryField::second, field.bytes});
    }
    // The widest first, so that each is aligned without padding.
    std::stable_sort(numbers.begin(), numbers.end(),
                     [](const Number& a, const Number& b) { return a.bytes > b.bytes; });
    std::uint32_t at = layout.has_residual ? 8 : 4;
    for (const Number& number : numbers) {
        number.field->*number.place = static_cast<std::uint16_t>(at);
        at += number.bytes;
    }
    layout.words = (at + 7) / 8 * 2;
    return layout;
}

void append_entry(const EntryLayout& layout, const BoxTable& boxes, std::uint32_t box,
                  std::vector<std::uint32_t>& words) {
    const std::size_t begin = words.size();
    words.resize(begin + layout.words);
    words[begin] = boxes.rule[box];
    if (layout.has_residual) words[begin + 1] = boxes.residual[box];
    auto* entry = reinterpret_cast<std::uint8_t*>(&words[begin]);
    for (const EntryField& field : layout.fields) {
        const auto same = [&](const Dimension& d) {
            return d.word == field.dimension.word && d.kind == field.dimension.kind &&
                   (d.kind == SideKind::kBits ? d.shift <= field.dimension.shift &&
                                                    d.shift + d.bits >= field.dimension.shift + field.dimension.bits
                                              : d == field.dimension);
        };
        const auto d = std::find_if(boxes.dimensions.begin(), boxes.dimensions.end(), same);
        WEIR_CHECK(d != boxes.dimensions.end());
        const std::size_t at = boxes.at(box, static_cast<std::size_t>(d - boxes.dimensions.begin()));
        std::uint32_t first = boxes.first[at], last = boxes.last[at];
        if (d->kind == SideKind::kBits) {
            first = first >> (field.dimension.shift - d->shift) & field.dimension.full();
            last = last >> (field.dimension.shift - d->shift) & field.dimension.full();
        }
        store(entry, field.offset, field.bytes, first);
        switch (field.form) {
            case FieldForm::kExact:
            case FieldForm::kOnes: break;
            case FieldForm::kPrefix:
                store(entry, field.second, 1, static_cast<std::uint32_t>(std::bit_width(first ^ last)));
                break;
            case FieldForm::kRange: store(entry, field.second, field.bytes, last - first); break;
            case FieldForm::kMasked: store(entry, field.second, field.bytes, last); break;
        }
    }
}

bool entry_matches(const EntryLayout& layout, const std::uint32_t* entry_words, const std::uint32_t* packet_words) {
    const auto* entry = reinterpret_cast<const std::uint8_t*>(entry_words);
    for (const EntryField& field : layout.fields) {
        const std::uint32_t value = field.dimension.of(packet_words), first = load(entry, field.offset, field.bytes);
        bool in = false;
        switch (field.form) {
            case FieldForm::kExact: in = value == first; break;
            case FieldForm::kPrefix: in = (std::uint64_t{value ^ first} >> load(entry, field.second, 1)) == 0; break;
            case FieldForm::kRange: in = value - first <= load(entry, field.second, field.bytes); break;
            case FieldForm::kOnes: in = (first & ~value) == 0; break;
            case FieldForm::kMasked: in = ((value ^ first) & load(entry, field.second, field.bytes)) == 0; break;
        }
        if (!in) return false;
    }
    return true;
}

}  // namespace weir::ir

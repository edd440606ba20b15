// Tested by tests/unit/tooling/lsp_docs_test.cpp.
#include "tooling/lsp/docs.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "bpf/flow.h"
#include "compiler/packet/presence.h"
#include "compiler/packet/value_names.h"
#include "compiler/sema/sink_kinds.h"

namespace weir::tooling::lsp {
namespace {

constexpr Word kWords[] = {
#define WEIR_WORD(text, where, insert, doc) {text, where, insert, doc},
#include "tooling/lsp/words.def"
#undef WEIR_WORD
};

struct When {
    std::uint32_t bit = 0;
    std::string_view text;
};
constexpr When kWhen[] = {
#define WEIR_PRESENT(bit, name, when, ...) {WEIR_##bit, when},
#include "compiler/packet/fields.def"
#undef WEIR_PRESENT
};

constexpr std::size_t kMostNames = 12;  // of values, in a field's text; completion has them all

}  // namespace

std::span<const Word> words() { return kWords; }

const Word* find_word(std::string_view text) {
    const auto found =
        std::find_if(std::begin(kWords), std::end(kWords), [&](const Word& w) { return w.text == text; });
    return found == std::end(kWords) ? nullptr : found;
}

std::string type_text(packet::FieldId id) {
    const packet::Field& field = packet::field(id);
    const std::string name(packet::type_name(field.type));
    return field.type == packet::Type::kUint ? fmt::format("{}, {} bits", name, field.bits) : name;
}

std::string present_text(packet::FieldId id) {
    const std::uint32_t bit = packet::field(id).present_bit;
    const auto found = std::find_if(std::begin(kWhen), std::end(kWhen), [&](const When& w) { return w.bit == bit; });
    const std::string text(found == std::end(kWhen) ? "" : found->text);
    return packet::layer_of(id) == packet::Layer::kOuter ? text : "in a tunnel, or quoted by an ICMP error: " + text;
}

std::string field_doc(packet::FieldId id) {
    const packet::Field& field = packet::field(id);
    std::string text = fmt::format("**{}**: {}\n\n{}", packet::field_name(id), type_text(id), field.doc);
    const std::string when = present_text(id);
    if (when == "always")
        text += "\n\nEvery packet has it.";
    else if (!when.empty())
        text += fmt::format("\n\nPresent if: {}.", when);
    const std::span<const packet::ValueName> names =
        packet::value_names(static_cast<packet::FieldId>(packet::row_of(id)));
    for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i)
        text += fmt::format("{}`{}` {}", i == 0 ? "\n\nValues: " : ", ", names[i].name, names[i].value);
    if (names.size() > kMostNames) text += fmt::format(" and {} more", names.size() - kMostNames);
    return text;
}

std::string value_doc(packet::FieldId field, std::string_view name) {
    for (const packet::ValueName& one : packet::value_names(static_cast<packet::FieldId>(packet::row_of(field))))
        if (one.name == name) return fmt::format("**{}**: {} of `{}`", name, one.value, packet::field_name(field));
    return {};
}

std::string sink_form(SinkKind kind) {
    std::string form;
    for (const sema::SinkParameter& one : sema::sink_row(kind).parameters)
        form += (form.empty() ? "" : ", ") + std::string(one.form);
    return fmt::format("{}({})", sink_kind_name(kind), form);
}

std::string sink_doc(SinkKind kind) {
    const sema::SinkRow& row = sema::sink_row(kind);
    std::string text = fmt::format("**{}**: a kind of sink\n\n`{}`\n", sink_kind_name(kind), row.example);
    for (const sema::SinkParameter& one : row.parameters) {
        const std::string_view occurs = one.occurs == sema::Occurs::kOnce       ? ""
                                        : one.occurs == sema::Occurs::kOptional ? ", optional"
                                                                                : ", any number of times";
        text += fmt::format("\n- `{}`: {}{}", one.form, one.takes, occurs);
    }
    text += fmt::format("\n- `{}`: {}, optional", sema::queue_parameter().form, sema::queue_parameter().takes);
    return text;
}

std::vector<packet::FieldId> all_fields() {
    std::vector<packet::FieldId> ids;
    for (const packet::Field& field : packet::fields()) ids.push_back(field.id);
    for (const packet::Field& field : packet::fields())
        if (field.layers == packet::Layers::kBoth)
            ids.push_back(packet::field_id(packet::Layer::kInner, packet::row_of(field.id)));
    return ids;
}

}  // namespace weir::tooling::lsp

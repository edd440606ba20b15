// `measure`: what a histogram is of, and by what.
// Tested by tests/golden/golden_test.cpp with `cases`.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/histogram.h"
#include "compiler/sema/check_items.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxKeys = 4, kMaxMeasures = 64;  // docs/limits.md

}  // namespace

// The parts of the key, or nothing where one is none, which has been said.
std::optional<std::vector<policy::KeyField>> ItemChecker::measure_keys(const ast::Policy& policy, ast::ExprId written) {
    const ast::Expr& expr = policy.expr(written);
    const auto* tuple = std::get_if<ast::Tuple>(&expr.node);
    const std::vector<ast::ExprId> parts = tuple != nullptr ? tuple->elements : std::vector{written};
    if (parts.size() > kMaxKeys) {
        say({.code = Code::E525,
             .span = expr.span,
             .message = fmt::format("a measure cannot have {} keys", parts.size()),
             .help = "a key is up to four fields"});
        return std::nullopt;
    }
    std::vector<policy::KeyField> keys;
    for (const ast::ExprId id : parts) {
        const auto key = conditions_.key_field({&policy}, id);
        if (!key) return std::nullopt;
        const packet::Field& field = packet::field(key->field);
        if (packet::is_name_or_text(field.type)) {
            say({.code = Code::E525,
                 .span = policy.expr(id).span,
                 .message = fmt::format("`{}` cannot be the key of a measure", packet::field_name(key->field)),
                 .help =
                     "names and texts are not kept in the kernel's tables; measure by an address, a port or a number"});
            return std::nullopt;
        }
        if (std::find(keys.begin(), keys.end(), *key) == keys.end()) keys.push_back(*key);
    }
    return keys;
}

// The field whose values are measured.
std::optional<packet::FieldId> ItemChecker::measured_field(const ast::Policy& policy, ast::ExprId written) {
    const Operand operand = conditions_.operand({&policy}, written);
    if (operand.kind == Operand::Kind::kError) return std::nullopt;
    const bool is_field =
        operand.kind == Operand::Kind::kField && !operand.is_length && operand.mask == ~std::uint64_t{0};
    const packet::Type type = is_field ? packet::field(operand.field).type : packet::Type::kBool;
    if (type == packet::Type::kUint || type == packet::Type::kDuration) return operand.field;
    say({.code = Code::E524,
         .span = operand.span,
         .message = fmt::format("`{}` cannot be measured", sources_.text(operand.span)),
         .help = "measure an integer or a duration of the packet: `packet.len`, `ip.ttl`, `flow.rtt`"});
    return std::nullopt;
}

void ItemChecker::measure(const ast::Policy& policy, const ast::Action& action, policy::Rule& rule) {
    const auto& written = std::get<ast::MeasureAction>(action.node);
    policy::Measure measure;
    measure.name = written.name ? written.name->text : rule.name;
    measure.span = written.name ? written.name->span : action.span;
    const auto [first, is_new] = measures_.try_emplace(measure.name, measure.span);
    if (!is_new)
        say({.code = Code::E526,
             .span = measure.span,
             .message = fmt::format("duplicate measure `{}`", measure.name),
             .help = "each has a name of its own: `measure packet.len as sizes`",
             .notes = {{first->second, "first given here"}}});
    if (is_new && measures_.size() == kMaxMeasures + 1)
        say({.code = Code::E528,
             .span = measure.span,
             .message = fmt::format("more than {} measures", kMaxMeasures),
             .help = "one measure by several keys takes the place of many"});
    const auto field = measured_field(policy, written.field);
    auto keys = written.key ? measure_keys(policy, *written.key) : std::vector<policy::KeyField>{};
    const std::uint64_t size =
        written.size ? conditions_.given_integer(*written.size).value_or(1) : std::uint64_t{WEIR_MEASURE_USUAL_KEYS};
    if (size == 0 || size > WEIR_MEASURE_MOST_KEYS)
        say({.code = Code::E527,
             .span = written.size->span,
             .message = fmt::format("a measure cannot have {} keys", size),
             .help = fmt::format("`size` is 1 to {}", WEIR_MEASURE_MOST_KEYS)});
    if (!field || !keys) return;
    measure.field = *field;
    measure.keys = std::move(*keys);
    measure.size = measure.keys.empty() ? 1 : size;
    rule.measures.push_back(std::move(measure));
}

}  // namespace weir::sema

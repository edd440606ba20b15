// Conditions: from names and values to typed expressions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "compiler/sema/names.h"
#include "compiler/sema/operand.h"
#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir::sema {

class ConditionChecker {
public:
    // Arguments of the function that is being expanded, by parameter.
    using Arguments = std::unordered_map<std::string, Operand>;
    // Where an expression stands.
    struct Scope {
        const ast::Policy* policy;
        const Arguments* arguments = nullptr;
        bool top_level = false;                       // of a rule's `when`: where state terms may stand
        std::string_view inside{};                    // "or", "not": why this is not the top level; "": a name
        std::span<const packet::FieldId> compared{};  // what values are compared with: names of its values are known
    };

    ConditionChecker(const Sources& sources, const Names& names, policy::TypedPolicy& typed, Diagnostics& diagnostics);

    // A condition; false where it is none, which has been said.
    policy::ExprId condition(const Scope& scope, ast::ExprId id);
    Operand operand(const Scope& scope, ast::ExprId id);
    // A let that no rule uses is checked too.
    void check_let(const Names::LetPlace& place);
    // What `name` names as a field; says what is wrong. `compared`: the field that it stands beside.
    std::optional<packet::FieldId> field(std::string_view name, Span span,
                                         std::span<const packet::FieldId> compared = {});
    const Diagnostics& diagnostics() const { return diagnostics_; }
    // The rule that diagnostics are about; a condition starts.
    void set_rule(std::string name);
    // Counts a rule's condition towards what all conditions have together. False where that is too much (E520).
    bool take_condition(policy::ExprId condition, Span span);
    // A field, or the first bits of one, that may be a key of state; nothing where it is none, which has been said.
    std::optional<policy::KeyField> key_field(const Scope& scope, ast::ExprId id);
    // ---- lets for values (given.cpp); what is wrong has been said where they return nothing ----

    // The literal that a let stands for, of the type of `like` where that is given.
    const Value* let_value(const std::string& name, Span span, const Value* like = nullptr);
    // A literal as written, of whatever type, or that of a let, of the type of `like`.
    std::optional<Value> given(const ast::Given& written, const Value& like);
    std::optional<std::uint64_t> given_integer(const ast::Given& written);
    // What a name stands for where a value of the field may stand: a let, or the name of a value in capitals or not.
    std::optional<Value> named_integer(std::optional<packet::FieldId> of, const ast::Name& name);
    // The state terms met since they were last taken, in the order written.
    std::vector<policy::StateTerm> take_terms() { return std::exchange(terms_, {}); }
    // Says what is wrong where the fields are not what the set holds.
    bool fits_set(const std::vector<packet::FieldId>& keys, const policy::Set& set, Span span);
    // A name of a set, as packets have it; nothing where it is none, which has been said.
    std::optional<std::string> literal_name(const PlacedValue& value);
    // Interface conditions and payload searches of the whole policy so far.
    std::size_t payload_searches() const { return payload_searches_; }

    void say(Diagnostic diagnostic);

private:
    // ---- bounds on what names expand to (expansion.cpp) ----

    // A call that was expanded without a diagnostic: the same arguments again are the same condition.
    struct KnownCall {
        std::vector<Operand> arguments;
        policy::ExprId body;
        std::size_t payload_searches;
    };
    const KnownCall* known_call(const ast::Let& function, const std::vector<Operand>& arguments) const;
    Operand expand(const Names::LetPlace& function, std::vector<Operand> arguments, Span span);
    void begin_condition();
    // Something more that functions made of the condition being checked.
    void count_expanded();
    // The condition is larger than may be: said once a condition.
    void too_large(Span span);
    // Elements of set literals that names bring along, or that a comparison copies. False beyond the limit (E503).
    bool take_elements(std::size_t count, Span span);
    // Expressions made so far, and what they count.
    struct Made {
        std::size_t exprs;
        std::uint32_t expanded;
        std::uint64_t together;
    };
    Made made() const { return {typed_.exprs.size(), expanded_, together_}; }
    // Drops the expressions made since, which nothing refers to.
    void discard_since(const Made& before);
    // A comparison with the values of a let, once made.
    using ComparisonKey = std::tuple<std::vector<packet::FieldId>, std::uint64_t, ast::Comparison, const void*>;
    static std::optional<ComparisonKey> key_of(const Operand& lhs, const ast::Compare& node, const Operand& rhs);

    // condition.cpp
    template <typename Wanted, typename Written>
    policy::ExprId junction(const Scope& scope, const Written& written, Span span);
    policy::ExprId negation(const Scope& scope, const ast::Not& node, Span span);
    policy::ExprId as_condition(const Operand& operand);
    // keys.cpp
    Operand cut(const Scope& scope, const ast::Cut& node, Span span);
    bool cut_bits(const ast::Cut::Bits& written, unsigned most, std::uint8_t& bits);
    policy::ExprId cut_compared(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    // state.cpp
    void state_term(const Scope& scope, const ast::StateTerm& written, Span span);
    bool term_values(ast::StateTerm& term);
    bool term_shape(const Scope& scope, const ast::StateTerm& term, Span span);
    bool term_keys(const Scope& scope, const ast::StateTerm& term, policy::StateTerm& typed);
    bool term_limit(const ast::StateTerm& term, policy::StateTerm& typed);
    void term_least(const ast::StateTerm& term, policy::StateTerm& typed);
    void wrong_limit(const ast::StateTerm& term, std::string_view help);
    void wrong_operator(const ast::StateTerm& term);
    void wrong_term(Span span, std::string message, std::string help);
    // operand.cpp
    Operand path(const Scope& scope, const std::string& name, Span span);
    Operand let(const Names::LetPlace& place, Span span);
    std::optional<Operand> named_value(packet::FieldId of, std::string_view name, Span span);
    Operand call(const Scope& scope, const ast::Call& call, Span span);
    Operand masked(const Scope& scope, const ast::Masked& node, Span span);
    Operand length(const Scope& scope, const ast::Length& node, Span span);
    Operand slice(const ast::Slice& node, Span span);
    Operand tuple(const Scope& scope, const ast::Tuple& node, Span span);
    Operand set_literal(const Scope& scope, const ast::SetLiteral& node, Span span);
    // compare.cpp
    policy::ExprId compare(const Scope& scope, const ast::Compare& node, Span span);
    policy::ExprId compare_sides(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId compare_fields(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId compare_flag(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId compare_number(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId compare_address(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId compare_mac(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId compare_text(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId in_set(const std::vector<packet::FieldId>& keys, const ast::Compare& node, const Operand& rhs,
                          Span span);
    // names.cpp
    policy::ExprId in_names(const Operand& lhs, const Operand& rhs, bool negated, Span span);
    policy::ExprId in_tuples(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    policy::ExprId one_of_tuples(const Operand& lhs, const Operand& rhs, bool negated, Span span);
    policy::ExprId exact_tuples(const Operand& lhs, const Operand& rhs, bool negated, Span span);
    policy::ExprId one_text(const Operand& lhs, ast::Comparison op, const PlacedValue& value, bool negated, Span span);
    // text.cpp
    policy::ExprId text_match(const Operand& lhs, policy::BytesOp op, const PlacedValue& value, std::string bytes,
                              bool negated, Span span);
    policy::ExprId compare_texts(const Operand& lhs, const ast::Compare& node, const Operand& rhs, Span span);
    // A name as packets have it; warns where it is written in another way. `op` of the comparison it stands in.
    std::string name_literal(const PlacedValue& value, std::string name, policy::BytesOp op);
    // Number ranges of values that fit the field; nothing where one does not, which has been said.
    std::optional<std::vector<std::pair<std::uint64_t, std::uint64_t>>> number_ranges(const Operand& lhs,
                                                                                      const Operand& rhs);
    std::optional<std::vector<IpRange>> address_ranges(const Operand& rhs);
    std::optional<policy::Ranges> mac_ranges(const Operand& rhs);
    bool operator_fits(const ast::Compare& node, packet::Type type, const Operand& rhs);
    policy::ExprId mismatch(const Operand& lhs, const ast::Compare& node, const Operand& rhs);
    policy::ExprId field_equals(packet::FieldId field, const PlacedValue& value);

    // Errors so far, said or not.
    std::size_t errors() const { return diagnostics_.errors() + unsaid_; }
    // It would be said of what is wrong already: a value that could not be read, a name that may have been lost.
    bool follows(const Diagnostic& diagnostic) const;

    policy::ExprId add(Span span, decltype(policy::Expr::node) node);
    policy::ExprId never(Span span) { return add(span, policy::Constant{false}); }
    std::string text(Span span) const { return std::string(sources_.text(span)); }

    const Sources& sources_;
    const Names& names_;
    policy::TypedPolicy& typed_;
    Diagnostics& diagnostics_;
    std::vector<Span> misread_;  // by file and place: what the parser reported
    std::size_t unsaid_ = 0;     // errors that only follow from others
    std::string rule_;
    std::vector<policy::StateTerm> terms_;
    std::unordered_map<const ast::Let*, Operand> lets_;  // conditions and values, checked once
    std::vector<const ast::Let*> open_lets_;             // being checked
    std::vector<std::uint32_t> sizes_;                   // of each typed expression, once expanded
    std::vector<std::uint32_t> depths_;
    bool size_said_ = false;        // of the condition being checked
    std::uint32_t expanded_ = 0;    // comparisons and calls of that condition that functions made
    std::uint32_t open_calls_ = 0;  // being expanded
    Span outermost_call_{};         // of these
    std::uint64_t together_ = 0;    // comparisons of all conditions so far, names expanded
    std::uint64_t elements_ = 0;    // of set literals so far that were copied
    std::set<std::tuple<Code, std::uint32_t, std::uint32_t, std::uint32_t>> said_in_calls_;
    std::unordered_map<const ast::Let*, std::vector<KnownCall>> known_calls_;
    std::map<ComparisonKey, policy::ExprId> known_comparisons_;
    std::size_t payload_searches_ = 0;
};

// Joins ranges that meet or overlap; sorts them.
void normalise(std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges);
void normalise(std::vector<IpRange>& ranges);

}  // namespace weir::sema

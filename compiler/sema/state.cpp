// State terms: from their text to their typed form.
// Tested by tests/verdict/eviction_test.cpp with `rate(`.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "compiler/policy/distinct.h"
#include "compiler/policy/set_entries.h"
#include "compiler/sema/condition.h"
#include "grammar/base/same_numbers.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxKeys = 4;
constexpr std::uint64_t kMaxTermSize = 4'000'000;  // keys; docs/limits.md
constexpr std::size_t kMaxTermsARule = 4;          // docs/limits.md

// What a term of each kind is made of: a row by ast::StateKind.
struct TermForm {
    Value limit;             // a value of the type that it is compared with
    bool is_rate;            // else it has a window
    std::string_view least;  // "of", "floor": what its number of packets is written with
    std::string_view limit_help;
};
const TermForm& form_of(ast::StateKind kind) {
    static const TermForm kForms[] = {
        {Rate{}, true, "", "write a number and its unit: `rate(ip.src) > 10/s`, `10/min`"},
        {ByteRate{}, true, "", "write a size and its unit: `byterate(ip.src) > 10MB/s`"},
        {Integer{}, false, "", "write a number, of packets in the window: `count(ip.src, in 10s) > 20`"},
        {Integer{}, false, "",
         "write a number, of values in the window: `distinct(tcp.dport, by ip.src, in 10s) > 20`"},
        {Share{}, false, "of", "write a share: `share(tcp.syn, by ip.src, in 10s, of 50) > 5%`"},
        {Integer{}, false, "floor",
         "write how many times the average is too much: `surge(ip.dst, in 1m) > 3` is above three times as much"},
    };
    return kForms[static_cast<std::size_t>(kind)];
}

constexpr std::uint64_t kUsualFloor = 100;               // packets; language.md, `surge`
constexpr std::uint64_t kMostTimes = 65'535;             // the average, of a surge
constexpr std::uint64_t kMostPackets = 0xffff'ffff - 1;  // `of`, `floor`; a surge counts no further than one more

}  // namespace

void ConditionChecker::wrong_term(Span span, std::string message, std::string help) {
    say({.code = Code::E334, .span = span, .message = std::move(message), .help = std::move(help)});
}

// Counts are whole numbers: `>= N` is `> N - 1`. Of rates `<` and `>=` have no such equal.
void ConditionChecker::wrong_operator(const ast::StateTerm& term) {
    Diagnostic wrong{.code = Code::E334,
                     .span = term.op_span,
                     .message = fmt::format("a state term has no `{}`", text(term.op_span)),
                     .help = "`>` is true above the limit, `<=` within it"};
    const auto* number = term.limit ? std::get_if<Integer>(&term.limit->value) : nullptr;
    const bool is_ge = term.op == ast::Comparison::kGe, is_lt = term.op == ast::Comparison::kLt;
    const char* sign = is_ge ? ">" : "<=";
    const bool is_count = term.kind != ast::StateKind::kSurge;  // a surge compares with a multiple of an average
    if (number != nullptr && is_count && number->value > 0 && (is_ge || is_lt)) {
        const std::string same = fmt::format("{} {}", sign, number->value - 1);
        wrong.help = "a count is a whole number";
        wrong.fix = Fix{{term.op_span.file, term.op_span.begin, term.limit_span.end}, same};
    } else if (is_ge || is_lt) {
        wrong.help = fmt::format("write `{}`: a packet that just reaches the limit is within it", sign);
    }
    say(std::move(wrong));
}

// Lets become what they stand for. False where one does not fit, which has been said.
bool ConditionChecker::term_values(ast::StateTerm& term) {
    const TermForm& form = form_of(term.kind);
    const bool is_bytes = std::holds_alternative<ByteRate>(form.limit);
    bool good = true;
    const auto resolve = [&](std::optional<ast::Given>& part, const Value& like) {
        if (!part || part->let.empty()) return;
        const auto value = given(*part, like);
        good = good && value;
        if (value) part = ast::Given{*value, {}, part->span};
    };
    resolve(term.limit, form.limit);
    resolve(term.burst, is_bytes ? Value(ByteSize{}) : Value(Integer{}));
    resolve(term.window, Duration{});
    resolve(term.least, Integer{});
    resolve(term.size, Integer{});
    return good;
}

// Are the parts there that this kind of term has?
bool ConditionChecker::term_shape(const Scope& scope, const ast::StateTerm& term, Span span) {
    const std::size_t before = errors();
    if (!scope.top_level)
        say({.code = Code::E335,
             .span = span,
             .message = scope.inside.empty() ? std::string("a state term in a name")
                                             : fmt::format("a state term inside `{}`", scope.inside),
             .help = scope.inside == "share"
                         ? "write a rule for each of the two: the condition of a share reads the packet "
                           "alone"
                     : scope.inside == "or"  ? "write a rule for each side of the `or`: a state term is an operand of "
                                               "the outermost `and` of a rule's `when`"
                     : scope.inside == "not" ? "write the opposite instead of `not`: `rate(ip.src) <= 10/s` is true "
                                               "within the limit"
                                             : "write the term in the `when` of each rule: state belongs to a rule"});
    if (term.op != ast::Comparison::kGt && term.op != ast::Comparison::kLe) wrong_operator(term);
    const TermForm& form = form_of(term.kind);
    const bool windowed = !form.is_rate;
    if (!term.limit)
        wrong_term(span, "this state term has no limit", "compare it: `rate(ip.src) > 10/s`");
    else if (term.limit->value.index() != form.limit.index())
        wrong_limit(term, form.limit_help);
    if (windowed != term.window.has_value() || (term.window && !std::holds_alternative<Duration>(term.window->value)))
        wrong_term(span, windowed ? "the window is missing" : "this term takes no window",
                   "`count(ip.src, in 10s)` and `distinct(tcp.dport, by ip.src, in 10s)` have a window; rates do not");
    if (form.least == "of" && !term.least)
        say({.code = Code::E366,
             .span = span,
             .message = "a share without `of`: one packet would be 100%",
             .help = "write how many packets a window must have before their share counts: `of 50`"});
    if (term.keys.size() > kMaxKeys)
        wrong_term(span, fmt::format("a state term cannot have {} keys", term.keys.size()),
                   "a key is up to four fields; without one, all packets of the rule count together");
    if (term.burst && windowed) wrong_term(span, "this term takes no burst", "only `rate` and `byterate` have a burst");
    const std::uint64_t size = term.size ? std::get<Integer>(term.size->value).value : 1;
    if (size == 0 || size > kMaxTermSize)
        wrong_term(span, fmt::format("a state term cannot keep {} keys", size),
                   fmt::format("`size` is 1 to {}", kMaxTermSize));
    if (terms_.size() == kMaxTermsARule)
        say({.code = Code::E517,
             .span = span,
             .message = fmt::format("more than {} state terms in a rule", kMaxTermsARule),
             .help = "split the rule"});
    return errors() == before;
}

bool ConditionChecker::term_keys(const Scope& scope, const ast::StateTerm& term, policy::StateTerm& typed) {
    const std::size_t before = errors();
    for (const ast::ExprId id : term.keys) {
        const auto key = key_field(scope, id);
        if (key && std::find(typed.keys.begin(), typed.keys.end(), *key) == typed.keys.end())
            typed.keys.push_back(*key);
    }
    if (term.value && term.kind == ast::StateKind::kShare) {
        Scope inner = scope;
        inner.top_level = false;
        inner.inside = "share";
        typed.condition = condition(inner, *term.value);
        take_condition(typed.condition, scope.policy->expr(*term.value).span);
    } else if (term.value) {
        typed.value = key_field(scope, *term.value);
    }
    return errors() == before;
}

// A share where a number must stand, or the other way round.
void ConditionChecker::wrong_limit(const ast::StateTerm& term, std::string_view help) {
    Diagnostic wrong{.code = Code::E334,
                     .span = term.limit_span,
                     .message = fmt::format("this state term does not compare with {}", value_kind(term.limit->value)),
                     .help = std::string(help)};
    const bool is_share = std::holds_alternative<Share>(term.limit->value);
    if (term.kind == ast::StateKind::kShare || is_share) wrong.code = Code::E365;
    const auto* number = std::get_if<Integer>(&term.limit->value);
    if (term.kind == ast::StateKind::kShare && number != nullptr && number->value <= 100)
        wrong.fix = Fix{term.limit_span, fmt::format("{}%", number->value)};
    if (is_share) wrong.help += "; only `share(…)` compares with a share";
    say(std::move(wrong));
}

// The packets that a share or a surge must have before it is true, and what either is compared with.
void ConditionChecker::term_least(const ast::StateTerm& term, policy::StateTerm& typed) {
    const bool is_share = term.kind == ast::StateKind::kShare;
    typed.least = term.least ? std::get<Integer>(term.least->value).value : kUsualFloor;
    if (typed.least > kMostPackets || (is_share && typed.least == 0))
        say({.code = Code::E367,
             .span = term.least->span,
             .message =
                 fmt::format("`{} {}` is not a number of packets of a window", form_of(term.kind).least, typed.least),
             .help = fmt::format("write {} to {}", is_share ? 1 : 0, kMostPackets)});
    constexpr std::uint64_t kAll = 10'000;  // hundredths of a percent
    if (is_share && typed.limit == kAll)
        say({.code = Code::E368,
             .span = term.limit_span,
             .message = "no share is above 100%",
             .help = "the largest share that can be exceeded is 99.99%"});
    if (!is_share && (typed.limit == 0 || typed.limit > kMostTimes))
        say({.code = Code::E369,
             .span = term.limit_span,
             .message = fmt::format("a surge cannot be above {} times the average", typed.limit),
             .help = fmt::format("write 1 to {}", kMostTimes)});
}

bool ConditionChecker::term_limit(const ast::StateTerm& term, policy::StateTerm& typed) {
    const std::size_t before = errors();
    if (term.window) {
        const auto* share = std::get_if<Share>(&term.limit->value);
        typed.limit = share != nullptr ? share->hundredths : std::get<Integer>(term.limit->value).value;
        typed.unit_ns = std::get<Duration>(term.window->value).ns;
        if (typed.unit_ns == 0) wrong_term(typed.span, "a window cannot be 0", "write `in 10s`");
        if (!form_of(term.kind).least.empty()) term_least(term, typed);
        return errors() == before;
    }
    const auto* bytes = std::get_if<ByteRate>(&term.limit->value);
    typed.limit = bytes != nullptr ? bytes->bytes : std::get<Rate>(term.limit->value).count;
    typed.unit_ns = bytes != nullptr ? bytes->per_ns : std::get<Rate>(term.limit->value).per_ns;
    typed.burst = typed.limit;
    if (term.burst) {
        const auto* count = std::get_if<Integer>(&term.burst->value);
        const auto* size = std::get_if<ByteSize>(&term.burst->value);
        if (bytes != nullptr ? size == nullptr : count == nullptr)
            wrong_term(typed.span, fmt::format("the burst of this term cannot be {}", value_kind(term.burst->value)),
                       "rate takes a number, byterate a size: `burst 20`, `burst 64KB`");
        else
            typed.burst = bytes != nullptr ? size->bytes : count->value;
    }
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();  // burst times unit: language.md
    if (typed.limit == 0)
        wrong_term(term.limit_span, "the limit cannot be 0", "a rule without this term already matches every packet");
    else if (typed.burst == 0)
        wrong_term(typed.span, "a burst cannot be 0", "a bucket holds at least one token");
    else if (typed.burst > kMost / typed.unit_ns)
        wrong_term(term.burst ? typed.span : term.limit_span, "this bucket is too large",
                   fmt::format("for this unit, a bucket holds at most {}", kMost / typed.unit_ns));
    return errors() == before;
}

void ConditionChecker::state_term(const Scope& scope, const ast::StateTerm& written, Span span) {
    ast::StateTerm term = written;
    const bool valued = term_values(term);
    policy::StateTerm typed;
    using ast::StateKind, policy::TermKind;
    static_assert(same_numbers<StateKind, TermKind>({{StateKind::kRate, TermKind::kRate},
                                                     {StateKind::kByteRate, TermKind::kByteRate},
                                                     {StateKind::kCount, TermKind::kCount},
                                                     {StateKind::kDistinct, TermKind::kDistinct},
                                                     {StateKind::kShare, TermKind::kShare},
                                                     {StateKind::kSurge, TermKind::kSurge}}));
    typed.kind = static_cast<policy::TermKind>(term.kind);
    typed.span = span;
    const bool shaped = valued && term_shape(scope, term, span);
    const bool keyed = term_keys(scope, term, typed);
    if (!shaped || !keyed || !term_limit(term, typed)) return;
    typed.within = term.op == ast::Comparison::kLe;
    if (term.size)
        typed.size = std::get<Integer>(term.size->value).value;
    else if (typed.keys.empty())
        typed.size = 1;
    if (typed.value && typed.limit > policy::kMaxDistinct)
        return wrong_term(term.limit_span, fmt::format("{} distinct values are too many", typed.limit),
                          fmt::format("the limit is {}", policy::kMaxDistinct));
    terms_.push_back(std::move(typed));
}

}  // namespace weir::sema

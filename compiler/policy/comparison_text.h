// Comparisons, state terms and actions as a policy writes them: text that parses again and means the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::policy {

using Comparison = decltype(Expr::node);

// "tcp.dport in { 80, 443 }", "ip.src not in 10.0.0.0/8". Nothing where no text of the language says just that: a range
// of durations that is no number of microseconds, a literal set of tuples. And, Or and Not are not for this.
std::optional<std::string> comparison_text(const TypedPolicy& policy, const Comparison& comparison);
// "rate(ip.src) > 10/min"; `within`: `<=`, whatever the term itself has. The condition of a share is cut where it is
// long.
std::string term_text(const TypedPolicy& policy, const StateTerm& term, bool within);
// "add ip.src to blocked for 1h"
std::string change_text(const TypedPolicy& policy, const SetChange& change);

// "a \"b\" \x00": within the quotes of a string.
std::string quoted(std::string_view bytes);
// In the largest unit that says it whole: "90s". Nothing where it is no number of microseconds.
std::optional<std::string> duration_text(std::uint64_t ns);
// As few as can be: networks where a range is one, or two; else a range.
std::vector<std::string> range_texts(const IpRange& range);

}  // namespace weir::policy

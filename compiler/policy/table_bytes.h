// The kernel's memory that the tables of a policy take: allocated when it is loaded, whatever is in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::policy {

struct TableBytes {
    std::string name;  // "`blocked`", "rate(ip.src)": what the author calls it
    Span span{};
    std::uint64_t bytes = 0;
};

// Sets, state terms and throttles, in the order of the policy, and the flight recorder of one CPU. Within a few percent
// of what the kernel allocates.
std::vector<TableBytes> table_bytes(const TypedPolicy& policy);

// Of all tables together, where nobody says otherwise (`--memory`). docs/limits.md has the reason.
inline constexpr std::uint64_t kDefaultTableBytes = 1'000'000'000;

}  // namespace weir::policy

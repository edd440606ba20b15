// The walks through ClientHellos that go on in later segments (bpf/tls_walks.h), as user space counts and forgets them.
#pragma once

#include <cstdint>

#include "grammar/base/result.h"

namespace weir::runtime {

// Under this name their account is kept and shown.
constexpr const char* kTlsWalks = "tls.sni in later segments";

struct TlsWalksCount {
    std::uint64_t walks = 0;    // those that are over until they give way
    std::uint64_t evicted = 0;  // that were not over
};
// `map`: the program's weir_tls_walks.
Result<TlsWalksCount> count_tls_walks(int map);
Result<std::uint64_t> evicted_tls_walks(int map);
Status forget_tls_walks(int map);

}  // namespace weir::runtime

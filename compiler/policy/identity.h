// What state belongs to, so that the next policy goes on with it: names and types, never places in the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compiler/policy/typed_policy.h"

namespace weir::policy {

// "rule ssh_guessing: rate(ip.src) per 1m", "rule api: share(http.status in 500..599 by ip.src) in 1m". Limits, bursts,
// floors and sizes may change without a loss; kind, keys, unit or window and the meaning of a share's condition may
// not.
std::string identity(const TypedPolicy& policy, const Rule& rule, const StateTerm& term);
// "alert scan: throttle(ip.src) per 1m"
std::string identity(const Alert& alert);
// A number for it: names of one policy have different ones but for one chance in 2^64 or so, a pair.
std::uint64_t identity_print(std::string_view identity);
// "ip.src/24/56, tcp.dport"
std::string identity(const std::vector<KeyField>& keys);
// "measure sizes: packet.len by tcp.dport"
std::string identity(const Measure& measure);
// "set blocked: (ip, port)"
std::string identity(const Set& set);

}  // namespace weir::policy

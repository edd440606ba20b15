// Keys of NATS users ("nkeys"):
// https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
#pragma once

#include <string>
#include <string_view>

#include "grammar/base/result.h"

namespace weir::runtime {

// What a server's nonce is signed with: Ed25519, as base64 for URLs without padding. `seed`: "SU…", base32.
// Errors quote nothing of it.
Result<std::string> nkey_signature(std::string_view seed, std::string_view nonce);

}  // namespace weir::runtime

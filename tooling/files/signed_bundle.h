// A policy as it lies in a key-value bucket of NATS: its text, or a bundle with a release, signed or not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/base/result.h"
#include "tooling/files/bundle.h"
#include "tooling/files/signing_key.h"

namespace weir::tooling {

// What a value must be to be believed.
struct Expected {
    std::string bucket{}, key{};
    std::optional<PublicKey> signer{};  // with it, only what it has signed
};

// The bundle in `value`; of a text, with that as its only file, KEY.rules, and without a release. An error is a
// refusal: a sentence that quotes nothing. Serial and canary are for the caller to judge.
Result<Bundle> read_value(std::string_view value, const Expected& expected);

// `bundle.release` must be there. Signed where there is a key. An error where the value is too large.
Result<std::string> make_value(Bundle bundle, const SigningKey* key);

// Of what is to be in force, whatever the release: where the policy's file is the only one, its SHA-256, as `sha256sum`
// prints it; else that of the manifest without the release.
std::string content_hash(const Bundle& bundle);

// Does the host take a release of this canary? By the SHA-256 of its name: the same hosts at the same percentage, and
// those of a smaller one among those of a larger.
bool is_canary(std::string_view host, std::uint32_t canary);
std::uint32_t canary_place(std::string_view host);  // 0 to 9,999: it takes those of a canary above

}  // namespace weir::tooling

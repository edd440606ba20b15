// Tested by tests/unit/tooling/signed_bundle_test.cpp.
#include "tooling/files/signed_bundle.h"

#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "tooling/files/sha256.h"

namespace weir::tooling {
namespace {

Error refused(const std::string& why) { return {"the value is refused: " + why, {}, EINVAL}; }

// A policy is text: it has no zero byte.
bool is_archive(std::string_view value) { return value.starts_with(std::string_view("manifest\0", 9)); }

Error too_large() { return refused(fmt::format("it has more than {} MB", kMaxBundleBytes >> 20)); }

}  // namespace

Result<Bundle> read_value(std::string_view value, const Expected& expected) {
    if (value.size() > kMaxBundleBytes) return too_large();
    if (!is_archive(value)) {
        if (expected.signer) return refused("it is not signed");
        const std::string name = expected.key + ".rules";
        return Bundle{name, 0, {{name, sha256(value), std::string(value)}}, {}, {}};
    }
    auto bundle = bundle_from_tar(value);
    if (!bundle) return bundle.error();
    if (!bundle->release) return refused("its manifest names no bucket and no serial");
    const Release& release = *bundle->release;
    if (expected.signer && bundle->signature.empty()) return refused("it is not signed");
    if (expected.signer && !is_signed_by(*expected.signer, manifest_of(*bundle), bundle->signature))
        return refused("its signature is not by the key of this host");
    if (release.bucket != expected.bucket || release.key != expected.key)
        return refused(fmt::format("it was made for {}/{}", printable(release.bucket), printable(release.key)));
    return bundle;
}

Result<std::string> make_value(Bundle bundle, const SigningKey* key) {
    bundle.signature = key != nullptr ? key->sign(manifest_of(bundle)) : std::string();
    auto value = to_tar(bundle);
    if (value && value->size() > kMaxBundleBytes)
        return Error{
            fmt::format("the policy and what it reads have more than {} MB", kMaxBundleBytes >> 20), {}, EFBIG};
    return value;
}

std::string content_hash(const Bundle& bundle) {
    if (bundle.files.size() == 1 && bundle.include_folders == 0) return bundle.files.front().sha256;
    return sha256(manifest_of({bundle.policy, bundle.include_folders, bundle.files, {}, {}}));
}

std::uint32_t canary_place(std::string_view host) {
    const std::string hash = sha256(host);
    std::uint32_t first = 0;
    std::from_chars(hash.data(), hash.data() + 8, first, 16);
    return first % kEveryHost;
}

bool is_canary(std::string_view host, std::uint32_t canary) { return canary_place(host) < canary; }

}  // namespace weir::tooling

// Tested by tests/unit/tooling/bundle_test.cpp.
#include "tooling/files/sha256.h"

#include <nettle/sha2.h>

#include <cstdint>

#include <fmt/format.h>

namespace weir::tooling {

std::string sha256(std::string_view bytes) {
    sha256_ctx context;
    std::uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
    sha256_digest(&context, sizeof(digest), digest);
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace weir::tooling

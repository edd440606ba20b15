// Ed25519: who makes policies for a fleet signs them. Keys are the PEM files that `openssl genpkey -algorithm ed25519`
// and `openssl pkey -pubout` write.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "grammar/base/result.h"

namespace weir::tooling {

struct PublicKey {
    std::array<std::uint8_t, 32> bytes{};
    friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

class SigningKey {
public:
    static Result<SigningKey> generate();
    // Of a PKCS#8 file. Errors quote nothing of it.
    static Result<SigningKey> from_pem(std::string_view text);
    SigningKey(SigningKey&&) = default;
    SigningKey& operator=(SigningKey&&) = default;
    ~SigningKey();  // wipes it

    std::string sign(std::string_view text) const;  // 64 bytes
    PublicKey public_key() const;
    std::string pem() const;

private:
    SigningKey() = default;
    std::array<std::uint8_t, 32> seed_{};
};

// Of a SubjectPublicKeyInfo file.
Result<PublicKey> public_key_from_pem(std::string_view text);
std::string to_pem(const PublicKey& key);
bool is_signed_by(const PublicKey& key, std::string_view text, std::string_view signature);

}  // namespace weir::tooling

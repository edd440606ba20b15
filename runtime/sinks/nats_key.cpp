// Tested by tests/unit/sinks/nats_test.cpp with `nkey`.
#include "runtime/sinks/nats_key.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/sinks/nats_connection.h"

namespace weir::runtime {
namespace {

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const Error kNoSeed{"the seed in the credentials of NATS is not that of a user's key", "nsc generate creds", EINVAL};

// RFC 4648 without padding.
std::optional<std::vector<std::uint8_t>> from_base32(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    std::uint32_t bits = 0, count = 0;
    for (const char c : text) {
        const int value = c >= 'A' && c <= 'Z' ? c - 'A' : c >= '2' && c <= '7' ? c - '2' + 26 : -1;
        if (value < 0) return std::nullopt;
        bits = (bits << 5 | static_cast<std::uint32_t>(value)) & 0xfff;
        count += 5;
        if (count < 8) continue;
        count -= 8;
        bytes.push_back(static_cast<std::uint8_t>(bits >> count));
    }
    return bytes;
}

// XMODEM: the polynomial 0x1021, from 0.
std::uint16_t crc16(const std::uint8_t* bytes, std::size_t size) {
    std::uint32_t crc = 0;
    for (std::size_t i = 0; i < size; ++i) {
        crc ^= static_cast<std::uint32_t>(bytes[i]) << 8;
        for (int bit = 0; bit < 8; ++bit) crc = (crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u)) & 0xffff;
    }
    return static_cast<std::uint16_t>(crc);
}

std::string to_base64url(const std::uint8_t* bytes, std::size_t size) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    std::uint32_t bits = 0, count = 0;
    for (std::size_t i = 0; i < size; ++i) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (count += 8; count >= 6;) text += kDigits[bits >> (count -= 6) & 63];
    }
    if (count != 0) text += kDigits[bits << (6 - count) & 63];
    return text;
}

// Between the lines "-----BEGIN WHAT-----" and "------END".
std::string_view block(std::string_view text, std::string_view what) {
    const std::size_t at = text.find(what);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + what.size());
    const std::size_t begin = text.find_first_not_of("-\r\n ");
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin);
    return text.substr(0, text.find_first_of("\r\n "));
}

}  // namespace

Result<std::string> nkey_signature(std::string_view seed, std::string_view nonce) {
    constexpr std::size_t kPrefix = 2, kKey = 32, kSum = 2;
    constexpr std::uint8_t kSeed = 18 << 3, kUser = 20 << 3;
    const auto raw = from_base32(seed);
    if (!raw || raw->size() != kPrefix + kKey + kSum) return kNoSeed;
    const std::uint8_t* bytes = raw->data();
    const auto kind = static_cast<std::uint8_t>((bytes[0] & 7) << 5 | (bytes[1] & 0xf8) >> 3);
    const auto sum = static_cast<std::uint16_t>(bytes[kPrefix + kKey] | bytes[kPrefix + kKey + 1] << 8);
    if ((bytes[0] & 0xf8) != kSeed || kind != kUser || crc16(bytes, kPrefix + kKey) != sum) return kNoSeed;
    const std::unique_ptr<EVP_PKEY, FreeKey> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes + kPrefix, kKey));
    const std::unique_ptr<EVP_MD_CTX, FreeKey> context(EVP_MD_CTX_new());
    std::uint8_t signature[64];
    std::size_t size = sizeof(signature);
    if (!key || !context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), signature, &size, reinterpret_cast<const std::uint8_t*>(nonce.data()),
                       nonce.size()) != 1)
        return Error{"signing for NATS failed", {}, EIO};
    return to_base64url(signature, size);
}

Status take_credentials(NatsServer& server, std::string_view text) {
    server.jwt = block(text, "BEGIN NATS USER JWT");
    server.seed = block(text, "BEGIN USER NKEY SEED");
    if (server.jwt.empty() || server.seed.empty())
        return Error{"this is no file of credentials of NATS", "nsc generate creds makes one", EINVAL};
    const auto signature = nkey_signature(server.seed, "");
    if (!signature) return signature.error();
    return Done{};
}

}  // namespace weir::runtime

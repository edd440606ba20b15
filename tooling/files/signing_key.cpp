// Tested by tests/unit/tooling/signed_bundle_test.cpp.
#include "tooling/files/signing_key.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cerrno>
#include <memory>

#include "grammar/base/check.h"

namespace weir::tooling {
namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(BIO* text) const { BIO_free_all(text); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, Free>;
using TextPtr = std::unique_ptr<BIO, Free>;

const std::uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

TextPtr memory_of(std::string_view text) {
    constexpr std::size_t kMaxPem = 64 << 10;
    return text.size() > kMaxPem ? nullptr : TextPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
std::string text_of(BIO* memory) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory, &text);
    return {text, static_cast<std::size_t>(size)};
}
int no_passphrase(char*, int, int, void*) { return 0; }

KeyPtr private_key(const std::array<std::uint8_t, 32>& seed) {
    KeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    WEIR_CHECK(key != nullptr);
    return key;
}
KeyPtr public_key(const PublicKey& key) {
    return KeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
}

}  // namespace

SigningKey::~SigningKey() { OPENSSL_cleanse(seed_.data(), seed_.size()); }

Result<SigningKey> SigningKey::generate() {
    const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    SigningKey made;
    std::size_t size = made.seed_.size();
    if (!key || EVP_PKEY_get_raw_private_key(key.get(), made.seed_.data(), &size) != 1)
        return Error{"making a key failed", {}, EIO};
    return made;
}

Result<SigningKey> SigningKey::from_pem(std::string_view text) {
    const TextPtr memory = memory_of(text);
    const KeyPtr key(memory ? PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr) : nullptr);
    ERR_clear_error();
    SigningKey read;
    std::size_t size = read.seed_.size();
    if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_private_key(key.get(), read.seed_.data(), &size) != 1)
        return Error{"it is not a private key of Ed25519 without passphrase, in PEM",
                     "weir push --new-key FILE makes one; so does openssl genpkey -algorithm ed25519", EINVAL};
    return read;
}

std::string SigningKey::sign(std::string_view text) const {
    const KeyPtr key = private_key(seed_);
    const ContextPtr context(EVP_MD_CTX_new());
    std::string signature(64, '\0');
    std::size_t size = signature.size();
    const bool is_done = context != nullptr &&
                         EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                         EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(signature.data()), &size,
                                        bytes_of(text), text.size()) == 1;
    WEIR_CHECK(is_done && size == signature.size());
    return signature;
}

PublicKey SigningKey::public_key() const {
    PublicKey read;
    std::size_t size = read.bytes.size();
    WEIR_CHECK(EVP_PKEY_get_raw_public_key(private_key(seed_).get(), read.bytes.data(), &size) == 1);
    return read;
}

std::string SigningKey::pem() const {
    const TextPtr memory(BIO_new(BIO_s_mem()));
    WEIR_CHECK(memory && PEM_write_bio_PKCS8PrivateKey(memory.get(), private_key(seed_).get(), nullptr, nullptr, 0,
                                                       nullptr, nullptr) == 1);
    return text_of(memory.get());
}

Result<PublicKey> public_key_from_pem(std::string_view text) {
    const TextPtr memory = memory_of(text);
    const KeyPtr key(memory ? PEM_read_bio_PUBKEY(memory.get(), nullptr, no_passphrase, nullptr) : nullptr);
    ERR_clear_error();
    PublicKey read;
    std::size_t size = read.bytes.size();
    if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(key.get(), read.bytes.data(), &size) != 1)
        return Error{"it is not a public key of Ed25519 in PEM",
                     "weir push --new-key FILE writes one to FILE.pub; so does openssl pkey -in KEY -pubout", EINVAL};
    return read;
}

std::string to_pem(const PublicKey& key) {
    const TextPtr memory(BIO_new(BIO_s_mem()));
    const KeyPtr shown = public_key(key);
    WEIR_CHECK(memory && shown && PEM_write_bio_PUBKEY(memory.get(), shown.get()) == 1);
    return text_of(memory.get());
}

bool is_signed_by(const PublicKey& key, std::string_view text, std::string_view signature) {
    const KeyPtr shown = public_key(key);
    const ContextPtr context(EVP_MD_CTX_new());
    const bool is_good =
        shown && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, shown.get()) == 1 &&
        EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
    ERR_clear_error();
    return is_good;
}

}  // namespace weir::tooling

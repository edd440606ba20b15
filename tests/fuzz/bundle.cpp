// Any bytes as a value of a bucket of NATS: refused with a sentence, or read and written as the same bytes; a signed
// one that was changed is never accepted. The first byte says what the rest is: 0: the value; 1: names and contents of
// an archive's files, each with a zero byte behind it, the first the manifest's content, 2: and signed; 3: changes to a
// real signed value: places (three bytes) and what is there (one), 4: and the check sums of its headers are right
// again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "tooling/files/sha256.h"
#include "tooling/files/signed_bundle.h"
#include "tooling/files/tar.h"

namespace {

using namespace weir;
using namespace weir::tooling;

const SigningKey& key() {
    // RFC 8032, section 7.1, test 2.
    static const auto read = SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END "
        "PRIVATE KEY-----\n");
    WEIR_CHECK(read);
    return *read;
}
const Expected& expected() {
    static const Expected one{"policies", "edge", key().public_key()};
    return one;
}

const std::string& real_value() {
    static const std::string value = [] {
        const std::string text = "import \"parts.rules\"\nrule r { when ports then drop }\n",
                          parts = "let ports = tcp.dport == 22\n";
        Bundle bundle{"edge.rules",
                      1,
                      {{"/include/1/parts.rules", sha256(parts), parts}, {"edge.rules", sha256(text), text}},
                      Release{"policies", "edge", 7, 1'000, 60'000},
                      {}};
        const auto made = make_value(std::move(bundle), &key());
        WEIR_CHECK(made && read_value(*made, expected()));
        return *made;
    }();
    return value;
}

enum class Sums : std::uint8_t { kLeft, kRepaired };
std::string changed(std::span<const std::uint8_t> changes, Sums sums) {
    constexpr std::size_t kBlock = 512, kSum = 148, kDigits = 6, kSumBytes = 8;
    std::string value = real_value();
    for (; changes.size() >= 4; changes = changes.subspan(4)) {
        const std::size_t at = std::size_t{changes[0]} << 16 | std::size_t{changes[1]} << 8 | changes[2];
        value[at % value.size()] = static_cast<char>(changes[3]);
    }
    for (std::size_t at = 0; sums == Sums::kRepaired && at < value.size(); at += kBlock) {
        if (real_value().compare(at + 257, 5, "ustar") != 0) continue;  // no header
        value.replace(at + kSum, kSumBytes, kSumBytes, ' ');
        unsigned sum = 0;
        for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(value[at + i]);
        value.replace(at + kSum, kDigits, fmt::format("{:06o}", sum));
        value[at + kSum + kDigits] = '\0';
    }
    return value;
}

std::string archive_of(std::string_view text, const SigningKey* signer) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = text.find('\0');
        parts.emplace_back(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    if (parts.empty()) return {};
    std::vector<TarEntry> entries{{"manifest", parts[0]}};
    if (signer != nullptr) entries.push_back({"manifest.sig", signer->sign(parts[0])});
    for (std::size_t i = 1; i + 1 < parts.size(); i += 2) entries.push_back({parts[i], parts[i + 1]});
    const auto tar = to_tar(entries);
    return tar ? *tar : std::string();
}

void check(const std::string& value, const Expected& where) {
    const auto read = read_value(value, where);
    if (!read) {
        WEIR_CHECK(!read.error().message.empty());
        return;
    }
    WEIR_CHECK(!content_hash(*read).empty());
    WEIR_CHECK((*read).find((*read).policy) != nullptr);
    if (!(*read).release) {
        WEIR_CHECK(!where.signer && (*read).files.front().bytes == value);
        return;
    }
    const auto written = to_tar(*read);
    WEIR_CHECK(written && *written == value);
    WEIR_CHECK(!where.signer || is_signed_by(*where.signer, manifest_of(*read), (*read).signature));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view rest(reinterpret_cast<const char*>(bytes) + 1, size - 1);
    const std::uint8_t how = bytes[0] % 5;
    const std::string value = how == 0   ? std::string(rest)
                              : how == 1 ? archive_of(rest, nullptr)
                              : how == 2 ? archive_of(rest, &key())
                                         : changed({bytes + 1, size - 1}, how == 3 ? Sums::kLeft : Sums::kRepaired);
    check(value, expected());
    check(value, {"policies", "edge", {}});
    if (how >= 3 && value != real_value()) WEIR_CHECK(!read_value(value, expected()));
    return 0;
}

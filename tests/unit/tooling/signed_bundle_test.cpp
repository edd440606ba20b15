// What lies in a bucket of NATS is believed or refused: each way out of a bundle is one of these tests.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/unit/tooling/folder.h"
#include "tooling/files/sha256.h"
#include "tooling/files/signed_bundle.h"
#include "tooling/files/signing_key.h"
#include "tooling/files/tar.h"

using namespace weir;
using namespace weir::tooling;

namespace {

const std::string kText = "rule r { when tcp then drop }\n";

SigningKey new_key() {
    auto key = SigningKey::generate();
    REQUIRE(key);
    return std::move(*key);
}

Bundle bundle_with(std::uint64_t serial, const std::string& text = kText) {
    Bundle bundle{"edge.rules", 0, {{"edge.rules", sha256(text), text}}, {}, {}};
    bundle.release = Release{"policies", "edge", serial};
    return bundle;
}
std::string value_of(const Bundle& bundle, const SigningKey* key) {
    auto value = make_value(bundle, key);
    REQUIRE(value);
    return *value;
}
std::string fault_of(const std::string& value, const Expected& expected) {
    const auto read = read_value(value, expected);
    return read ? std::string() : read.error().message;
}
std::string tar_of(const std::vector<TarEntry>& entries) {
    auto tar = to_tar(entries);
    REQUIRE(tar);
    return *tar;
}
// As another program may write it: the type of each entry is `type`.
std::string with_type(std::string tar, std::size_t header, char type) {
    constexpr std::size_t kType = 156, kSum = 148;
    tar[header + kType] = type;
    for (std::size_t i = 0; i < 8; ++i) tar[header + kSum + i] = ' ';
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[header + i]);
    const std::string digits = fmt::format("{:06o}", sum);
    tar.replace(header + kSum, digits.size(), digits);
    tar[header + kSum + 6] = '\0';
    return tar;
}

}  // namespace

TEST_CASE("a signed value is what was signed") {
    const SigningKey key = new_key();
    Bundle bundle = bundle_with(7);
    bundle.release->canary = 1'000;
    bundle.release->confirm_within_ms = 60'000;
    const auto read = read_value(value_of(bundle, &key), {"policies", "edge", key.public_key()});
    if (!read) FAIL(read.error().message);
    CHECK((*read).release == bundle.release);
    CHECK((*read).files == bundle.files);
    CHECK(content_hash(*read) == sha256(kText));
    // A host without a key believes it, too.
    CHECK(fault_of(value_of(bundle, &key), {"policies", "edge", {}}).empty());
}

TEST_CASE("a text is a policy of one file, where no key is asked for") {
    const auto read = read_value(kText, {"policies", "edge", {}});
    REQUIRE(read);
    CHECK((*read).policy == "edge.rules");
    CHECK((*read).find("edge.rules")->bytes == kText);
    CHECK(!(*read).release);
    CHECK_THAT(fault_of(kText, {"policies", "edge", new_key().public_key()}), Catch::Contains("it is not signed"));
}

TEST_CASE("what is not signed by the host's key is refused") {
    const SigningKey key = new_key(), other = new_key();
    const Expected expected{"policies", "edge", key.public_key()};
    CHECK_THAT(fault_of(value_of(bundle_with(1), nullptr), expected), Catch::Contains("it is not signed"));
    CHECK_THAT(fault_of(value_of(bundle_with(1), &other), expected), Catch::Contains("not by the key of this host"));
    // The signature of one release under the manifest of another.
    Bundle swapped = bundle_with(2);
    swapped.signature = key.sign(manifest_of(bundle_with(1)));
    auto tar = to_tar(swapped);
    REQUIRE(tar);
    CHECK_THAT(fault_of(*tar, expected), Catch::Contains("not by the key of this host"));
    // Any bit of a signature.
    const std::string good = value_of(bundle_with(1), &key);
    const std::size_t at = good.find(key.sign(manifest_of(bundle_with(1))));
    REQUIRE(at != std::string::npos);
    for (std::size_t i = 0; i < 64; ++i) {
        std::string changed = good;
        changed[at + i] = static_cast<char>(changed[at + i] ^ 1);
        CHECK(!fault_of(changed, expected).empty());
    }
}

TEST_CASE("a value of another key or bucket is refused") {
    const SigningKey key = new_key();
    const std::string value = value_of(bundle_with(1), &key);
    CHECK_THAT(fault_of(value, {"policies", "core", key.public_key()}), Catch::Contains("made for policies/edge"));
    CHECK_THAT(fault_of(value, {"others", "edge", key.public_key()}), Catch::Contains("made for policies/edge"));
    // A bundle that is no release says for whom it is nowhere.
    const auto plain = to_tar(Bundle{"edge.rules", 0, {{"edge.rules", sha256(kText), kText}}, {}, {}});
    REQUIRE(plain);
    CHECK_THAT(fault_of(*plain, {"policies", "edge", {}}), Catch::Contains("no bucket and no serial"));
}

TEST_CASE("no byte of a signed value can be changed") {
    const SigningKey key = new_key();
    const Expected expected{"policies", "edge", key.public_key()};
    const std::string whole = value_of(bundle_with(9), &key);
    REQUIRE(fault_of(whole, expected).empty());
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x11);
        if (read_value(changed, expected)) FAIL("a change of byte " << at << " is accepted");
    }
    for (std::size_t size = 0; size < whole.size(); size += 256)
        CHECK(!fault_of(whole.substr(0, size), expected).empty());
    CHECK(!fault_of(whole + '\0', expected).empty());
    CHECK(!fault_of(whole + whole, expected).empty());
}

TEST_CASE("links, devices, folders, doubles, strangers and names that lead outside are refused") {
    const SigningKey key = new_key();
    const Expected expected{"policies", "edge", key.public_key()};
    const std::string whole = value_of(bundle_with(1), &key);
    const std::size_t last = whole.find("policy/edge.rules", 512 + 512);
    REQUIRE(last % 512 == 0);
    for (const char type : {'1', '2', '3', '4', '5', '6', 'x', 'g', 'L'}) {
        INFO("type " << type);
        CHECK_THAT(fault_of(with_type(whole, last, type), expected), Catch::Contains("no regular file"));
    }
    const auto with_file = [&](const std::string& name) {
        Bundle bundle = bundle_with(1);
        const std::string manifest = manifest_of(bundle) + fmt::format("{}  {}\n", sha256("x"), name);
        std::vector<TarEntry> entries{
            {"manifest", manifest}, {"manifest.sig", key.sign(manifest)}, {"policy/edge.rules", kText}, {name, "x"}};
        return tar_of(entries);
    };
    for (const char* name : {"policy/../../etc/cron.d/x", "/etc/passwd", "policy//x", "policy/./x", "other/x",
                             "include/9/x", "policy/edge.rules", "manifest", "manifest.sig", "policy/a\nb"})
        CHECK_THAT(fault_of(with_file(name), expected), Catch::Contains("refused"));
    // A file that the manifest does not have, and one that the archive does not have.
    const std::string manifest = manifest_of(bundle_with(1));
    CHECK_THAT(fault_of(tar_of({{"manifest", manifest},
                                {"manifest.sig", key.sign(manifest)},
                                {"policy/edge.rules", kText},
                                {"policy/x", "x"}}),
                        expected),
               Catch::Contains("not those of its manifest"));
    CHECK_THAT(fault_of(tar_of({{"manifest", manifest}, {"manifest.sig", key.sign(manifest)}}), expected),
               Catch::Contains("has no policy"));
    CHECK_THAT(
        fault_of(tar_of({{"manifest", manifest}, {"manifest.sig", "short"}, {"policy/edge.rules", kText}}), expected),
        Catch::Contains("signature cannot be read"));
}

TEST_CASE("a manifest that says something twice or in other words is refused") {
    const SigningKey key = new_key();
    const Expected expected{"policies", "edge", key.public_key()};
    const std::string manifest = manifest_of(bundle_with(5));
    const auto fault_with = [&](const std::string& from, const std::string& to) {
        std::string changed = manifest;
        changed.replace(changed.find(from), from.size(), to);
        return fault_of(
            tar_of({{"manifest", changed}, {"manifest.sig", key.sign(changed)}, {"policy/edge.rules", kText}}),
            expected);
    };
    CHECK(fault_with("serial 5", "serial 5").empty());
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{"serial 5", "serial 5\nserial 6"},
                                                          {"serial 5", "serial 05"},
                                                          {"serial 5", "serial -5"},
                                                          {"serial 5", "serial 99999999999999999999"},
                                                          {"canary 10000", "canary 10001"},
                                                          {"include 0", "include 65"},
                                                          {"bucket policies\n", ""},
                                                          {"weir bundle 2", "weir bundle 3"}})
        CHECK(!fault_with(from, to).empty());
}

TEST_CASE("a value of more than 64 MB is refused, by who makes it and who reads it") {
    const std::string large(kMaxBundleBytes + 1, '#');
    CHECK_THAT(fault_of(large, {"policies", "edge", {}}), Catch::Contains("more than 64 MB"));
    const auto made = make_value(bundle_with(1, std::string(kMaxBundleBytes - 100, '#')), nullptr);
    REQUIRE(!made);
    CHECK_THAT(made.error().message, Catch::Contains("more than 64 MB"));
}

TEST_CASE("a value of a hundred thousand files is read, or refused, as any other") {
    const SigningKey key = new_key();
    Bundle bundle = bundle_with(1);
    for (int i = 0; i < 100'000; ++i) bundle.files.push_back({fmt::format("f{:06}", i), sha256(""), ""});
    const std::string value = value_of(bundle, &key);
    const auto read = read_value(value, {"policies", "edge", key.public_key()});
    REQUIRE(read);
    CHECK((*read).files.size() == 100'001);
    CHECK(analyse_bundle(*read, {}).compiled);
}

TEST_CASE("keys are PEM files of OpenSSL; others are refused and not quoted") {
    const SigningKey key = new_key();
    const auto again = SigningKey::from_pem(key.pem());
    REQUIRE(again);
    CHECK((*again).sign("x") == key.sign("x"));
    const auto shown = public_key_from_pem(to_pem(key.public_key()));
    REQUIRE(shown);
    CHECK(*shown == key.public_key());
    CHECK(is_signed_by(*shown, "text", key.sign("text")));
    CHECK(!is_signed_by(*shown, "texT", key.sign("text")));
    CHECK(!is_signed_by(*shown, "text", ""));
    CHECK(!public_key_from_pem(key.pem()));
    CHECK(!SigningKey::from_pem(to_pem(key.public_key())));
    for (const std::string& text :
         {std::string(), std::string("root:x:0:0"), std::string(100'000, 'a'), key.pem().substr(0, 60)}) {
        const auto none = SigningKey::from_pem(text);
        REQUIRE(!none);
        CHECK(none.error().message.find("root") == std::string::npos);
        CHECK(!public_key_from_pem(text));
    }
}

TEST_CASE("a signature of RFC 8032") {
    // Section 7.1, test 2.
    const auto key = SigningKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END "
        "PRIVATE KEY-----\n");
    const auto shown = key ? (*key).sign("r") : std::string();
    std::string hex;
    for (const char c : shown.substr(0, 8)) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    CHECK(hex == "92a009a9f0d4cab8");
}

TEST_CASE("hosts of a smaller canary are among those of a larger") {
    std::size_t tenth = 0;
    for (int i = 0; i < 5'000; ++i) {
        const std::string host = fmt::format("host-{}.example", i);
        if (is_canary(host, 100)) CHECK(is_canary(host, 1'000));
        tenth += is_canary(host, 1'000) ? 1 : 0;
        CHECK(is_canary(host, kEveryHost));
        CHECK(!is_canary(host, 0));
        CHECK(is_canary(host, canary_place(host) + 1));
    }
    CHECK(tenth > 400);
    CHECK(tenth < 600);
}

TEST_CASE("the hash of what is in force does not depend on the release") {
    CHECK(content_hash(bundle_with(1)) == content_hash(bundle_with(2)));
    Bundle two = bundle_with(1);
    two.files.push_back({"parts.rules", sha256("x"), "x"});
    Bundle other = two;
    other.files.back() = {"parts.rules", sha256("y"), "y"};
    CHECK(content_hash(two) != content_hash(bundle_with(1)));
    CHECK(content_hash(two) != content_hash(other));
    other = two;
    other.release->serial = 99;
    CHECK(content_hash(two) == content_hash(other));
}

// The oracle's reading of TLS records and ClientHellos.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "compiler/packet/tls_reader.h"

using namespace weir::packet;

namespace {

std::string big(std::size_t value, std::size_t bytes) {
    std::string out;
    for (std::size_t i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i));
    return out;
}
std::string counted(const std::string& text, std::size_t bytes) { return big(text.size(), bytes) + text; }
std::string extension(std::size_t type, const std::string& data) { return big(type, 2) + counted(data, 2); }
std::string entry(const std::string& name, char type = 0) { return std::string(1, type) + counted(name, 2); }
std::string server_name(const std::string& name) { return extension(0, counted(entry(name), 2)); }
std::string protocol(const std::string& name) { return extension(16, counted(counted(name, 1), 2)); }
// Of its fields up to the extensions' length.
std::string start() {
    return big(0x0303, 2) + std::string(32, 'r') + counted("session", 1) + counted("\x13\x01", 2) + counted("z", 1);
}
std::string record(const std::string& hello) { return "\x16\x03\x01" + counted("\1" + counted(hello, 3), 2); }
std::string hello(const std::string& extensions) { return record(start() + counted(extensions, 2)); }

std::optional<TlsRecord> read(const std::string& text) {
    return read_tls({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}
std::optional<std::string> name(const std::string& text) {
    const auto tls = read(text);
    REQUIRE(tls);
    if (!tls->sni) return std::nullopt;
    return tls->sni->text();
}
LaterName later(const std::string& text, const std::vector<std::size_t>& starts) {
    return read_later_name({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, starts);
}

// Version, name, protocol and is_cut are absent, the rest is there.
void check_contradiction(const std::string& text) {
    const auto tls = read(text);
    REQUIRE(tls);
    CHECK(tls->is_client_hello);
    CHECK(!tls->is_cut);
    CHECK(!tls->version);
    CHECK(!tls->sni);
    CHECK(!tls->alpn);
    CHECK(!tls->name_may_follow);
}

}  // namespace

TEST_CASE("tls: a hello") {
    const auto tls = read(hello(extension(51, "k") + server_name("WWW.Example.com.") + protocol("h2") + protocol("x")));
    REQUIRE(tls);
    CHECK(tls->is_client_hello);
    CHECK(!tls->is_cut);
    CHECK(tls->version == 0x0303);
    REQUIRE(tls->sni);
    CHECK(tls->sni->labels == std::vector<std::string>{"www", "example", "com"});
    CHECK(tls->alpn == "h2");
    CHECK(!tls->name_may_follow);
}

TEST_CASE("tls: what starts a record") {
    CHECK(!read("\x16\x03\x01" + std::string(1, '\0')));
    CHECK(!read("\x17\x03\x03" + std::string(20, '\0')));
    CHECK(!read("\x16\x02\x03" + std::string(20, '\0')));
    const auto header = read("\x16\x03\x02" + big(100, 2));
    REQUIRE(header);
    CHECK(!header->is_client_hello);
    CHECK(!header->is_cut);
    CHECK(header->version == 0x0302);
    const auto server_hello = read("\x16\x03\x03" + counted("\2" + counted(start(), 3), 2));
    CHECK(!server_hello->is_client_hello);
    CHECK(server_hello->version == 0x0303);
    CHECK(!read("\x16\x03\x03" + big(0, 2) + "\1")->is_client_hello);  // that byte is of the next record
    CHECK(read("\x16\x03\x03" + big(1, 2) + "\1")->is_client_hello);
}

TEST_CASE("tls: a hello cut at every byte") {
    const std::string before = hello(extension(51, std::string(40, 'k')));
    const std::string whole = hello(extension(51, std::string(40, 'k')) + server_name("a.example") + protocol("h2"));
    const std::size_t name_end = before.size() + server_name("a.example").size();
    for (std::size_t bytes = 6; bytes < whole.size(); ++bytes) {
        const auto tls = read(whole.substr(0, bytes));
        REQUIRE(tls);
        CHECK(tls->is_client_hello);
        CHECK(tls->is_cut);
        CHECK(tls->version.has_value() == (bytes >= 11));
        CHECK(tls->sni.has_value() == (bytes >= name_end));
        CHECK(!tls->alpn);
        // From where its first extension is, and after that within the longer one's data.
        const std::size_t extensions = 5 + 4 + start().size() + 2;
        CHECK(tls->name_may_follow == (bytes == extensions || (bytes >= extensions + 4 && bytes <= before.size())));
    }
}

TEST_CASE("tls: names") {
    CHECK(name(hello(server_name("a.b") + server_name("c.d"))) == "a.b");
    CHECK(!name(hello(server_name(""))));
    CHECK(!name(hello(server_name("."))));
    CHECK(!name(hello(server_name("") + server_name("c.d"))));
    CHECK(name(hello(server_name("a..b"))) == "a..b");
    CHECK(name(hello(server_name(std::string(255, 'a') + "."))) == std::string(255, 'a'));
    CHECK(!name(hello(server_name(std::string(256, 'a')))));
    CHECK(name(hello(extension(0, counted(entry("other", 7) + entry("host") + entry("next"), 2)))) == "host");
    CHECK(!name(hello(extension(0, counted(entry("other", 7), 2)))));
    std::string others;
    for (int i = 0; i < 7; ++i) others += entry("other", 7);
    CHECK(name(hello(extension(0, counted(others + entry("host"), 2)))) == "host");
    CHECK(!name(hello(extension(0, counted(others + entry("other", 7) + entry("host"), 2)))));
    CHECK(!name(record(start())));  // no extensions
    CHECK(read(record(start()))->version == 0x0303);
    CHECK(!read(hello(protocol("")))->alpn);
}

TEST_CASE("tls: the first 64 extensions, the first 2,048 bytes") {
    std::string many;
    for (std::size_t i = 0; i < 63; ++i) many += extension(100 + i, "");
    CHECK(name(hello(many + server_name("a.b"))) == "a.b");
    CHECK(!name(hello(many + extension(99, "") + server_name("a.b"))));
    const std::size_t others = hello(extension(51, "") + server_name("a.b")).size();
    CHECK(name(hello(extension(51, std::string(2048 - others, 'k')) + server_name("a.b"))) == "a.b");
    CHECK(!name(hello(extension(51, std::string(2049 - others, 'k')) + server_name("a.b"))));
    CHECK(!read(hello(extension(51, std::string(3000, 'k')) + server_name("a.b")))->is_cut);
}

TEST_CASE("tls: lengths that contradict one another") {
    check_contradiction(record(start() + big(100, 2) + server_name("a.b")));            // extensions beyond the hello
    check_contradiction(record(start().substr(0, 34) + big(99, 1) + "abc"));            // session id
    check_contradiction(hello(big(51, 2) + big(9, 2) + "k" + server_name("a")));        // an extension
    check_contradiction(hello(protocol("h2") + extension(0, big(9, 2) + entry("a"))));  // a list
    check_contradiction(hello(extension(0, counted('\0' + big(9, 2) + "a", 2))));       // a name
    check_contradiction(hello(extension(16, big(9, 2) + "h2")));
    check_contradiction(hello(extension(0, "")));
    check_contradiction(record("\3"));
    check_contradiction(record(start().substr(0, 34)));
    // What is left over is no contradiction, and nothing behind a name takes it back.
    CHECK(name(record(start() + counted(server_name("a.b"), 2) + "left over")) == "a.b");
    CHECK(name(hello(extension(0, counted(entry("a.b"), 2) + "left over"))) == "a.b");
    const auto named = read(hello(server_name("a.b") + protocol("h2") + big(51, 2) + big(9, 2)));
    REQUIRE(named->sni);
    CHECK(named->alpn == "h2");
    CHECK(named->version == 0x0303);
}

TEST_CASE("tls: a hello in two records") {
    const std::string message = "\1" + counted(start() + counted(server_name("a.b") + extension(51, "k"), 2), 3);
    for (std::size_t bytes = 1; bytes < message.size(); ++bytes) {
        const std::string text =
            "\x16\x03\x01" + counted(message.substr(0, bytes), 2) + "\x16\x03\x01" + counted(message.substr(bytes), 2);
        const auto tls = read(text);
        REQUIRE(tls);
        CHECK(tls->is_client_hello);
        CHECK(tls->is_cut);
        CHECK(tls->version.has_value() == (bytes >= 6));
        CHECK(tls->sni.has_value() == (bytes >= message.size() - 5));
        CHECK(!tls->name_may_follow);  // the next record's header stands between
    }
}

TEST_CASE("tls: names in later segments") {
    const std::string before = hello(extension(51, std::string(40, 'k')));
    const std::string whole = hello(extension(51, std::string(40, 'k')) + server_name("a.example") + protocol("h2"));
    const std::size_t data = before.size() - 40;
    const std::size_t name_end = before.size() + server_name("a.example").size();
    for (std::size_t first = data; first <= before.size(); ++first)
        for (std::size_t second = first + 1; second <= whole.size(); ++second) {
            const LaterName found = later(whole.substr(0, second), {first});
            CHECK(found.sni.has_value() == (second >= name_end));
            CHECK(found.may_follow == (second <= before.size()));
            if (second > before.size() || second == whole.size()) continue;
            const LaterName third = later(whole, {first, second});
            REQUIRE(third.sni);
            CHECK(third.sni->text() == "a.example");
        }
    // Split between the extension's header and its name, the walk ends.
    for (std::size_t second = before.size() + 1; second < name_end; ++second)
        CHECK(!later(whole.substr(0, second), {data}).may_follow);
}

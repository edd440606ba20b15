// What one segment says of TLS: every reading of docs/language.md, "How weir reads TLS", at its boundaries.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <optional>

#include "tests/support/table.h"
#include "tests/support/tls_frames.h"

using namespace weir;
using namespace weir::tests;

namespace {

struct Said {
    bool tls = true, hello = true, cut = false;
    std::optional<unsigned> version = 0x0303;
    std::optional<std::string> sni{}, alpn{};
};
constexpr std::nullopt_t kNone = std::nullopt;

class Table {
public:
    void add(const std::string& about, const Bytes& payload, const Said& said) {
        add_frame(about, tls_segment(payload), said);
    }
    void add_frame(const std::string& about, const Bytes& frame, const Said& said) {
        const auto row = [&](const std::string& condition, bool holds) {
            rows_.push_back({condition, frame, holds, about});
        };
        row("tls", said.tls);
        row("tls.is_client_hello", said.hello);
        row("tls.is_cut", said.cut);
        row("tls.version >= 0", said.version.has_value());
        if (said.version) row(fmt::format("tls.version == {:#06x}", *said.version), true);
        row("len(tls.sni) <= 255", said.sni.has_value());
        row("len(tls.alpn) <= 255", said.alpn.has_value());
        if (said.sni) row(fmt::format("len(tls.sni) == {}", said.sni->size()), true);
        if (said.sni) row(fmt::format("tls.sni starts_with \"{0}\" and tls.sni ends_with \"{0}\"", *said.sni), true);
        if (said.alpn) row(fmt::format("tls.alpn == \"{}\"", *said.alpn), true);
    }
    ~Table() { check_rows(rows_); }

private:
    std::vector<Row> rows_;
};

const Said kContradicts{.version = kNone};
const Said kNothing{.tls = false, .hello = false, .version = kNone};
const Said kNameless{};
Said named(const std::string& name) { return {.sni = name}; }

}  // namespace

TEST_CASE("records of TLS, and what is none", "[inside]") {
    Table t;
    t.add("no payload", {}, kNothing);
    t.add("four bytes", hex("16030100"), kNothing);
    t.add("five bytes", hex("1603010020"), {.hello = false, .version = 0x0301});
    t.add("another record", hex("170303000501020304"), kNothing);
    t.add("SSL 2", hex("1602000005010203040506"), kNothing);
    t.add("a ServerHello", hex("160302000502000001ff"), {.hello = false, .version = 0x0302});
    t.add("an empty record before the type", hex("160301000001000001ff"), {.hello = false, .version = 0x0301});
    t.add_frame("over UDP", udp4({.destination = 443}, usual_hello("a.example")), kNothing);
    t.add_frame("padding is no payload", tcp4() + usual_hello("a.example"), kNothing);
    t.add_frame("over IPv6", tcp6({.destination = 853}, usual_hello("a.example")), {.sni = "a.example", .alpn = "h2"});
    t.add("the usual", usual_hello("www.Example.COM"), {.sni = "www.example.com", .alpn = "h2"});
    t.add("a second record behind it", usual_hello("a.example") + hex("140303000101"),
          {.sni = "a.example", .alpn = "h2"});
    t.add("TLS 1.0", client_hello({.version = 0x0301}), {.version = 0x0301});
}

TEST_CASE("a hello that is cut at every byte", "[inside]") {
    Table t;
    const Bytes hello = client_hello({.extensions = {tls_extension(5, zeros(3)), alpn({"h2"}),
                                                     server_name("ab.example"), tls_extension(51, zeros(20))},
                                      .session_id = 4,
                                      .cipher_suites = 2});
    const std::size_t alpn_end = 5 + 4 + 35 + 4 + 2 + 4 + 2 + 2 + 7 + 4 + 2 + 3, name_end = alpn_end + 9 + 10;
    for (std::size_t bytes = 5; bytes < hello.size(); ++bytes) {
        Said said{.cut = true};
        if (bytes == 5) said = {.hello = false, .version = 0x0301};
        if (bytes > 5 && bytes < 11) said.version = kNone;
        if (bytes >= alpn_end) said.alpn = "h2";
        if (bytes >= name_end) said.sni = "ab.example";
        t.add(fmt::format("{} bytes", bytes), part(hello, 0, bytes), said);
    }
    t.add("all of it", hello, {.sni = "ab.example", .alpn = "h2"});
}

TEST_CASE("a hello in two records", "[inside]") {
    Table t;
    for (const int record : {1, 3, 4, 5, 6, 40, 80}) {
        Said said{.cut = true};
        if (record < 6) said.version = kNone;
        t.add(fmt::format("a record of {}", record),
              client_hello({.extensions = {server_name("a.example")}, .record_length = record}), said);
    }
    const Hello shorter{.extensions = {server_name("a.example"), tls_extension(51, zeros(50))}};
    Hello cut = shorter;
    cut.record_length = static_cast<int>(client_hello(shorter).size()) - 5 - 20;
    t.add("the name in the first", client_hello(cut), {.cut = true, .sni = "a.example"});
}

TEST_CASE("names of servers", "[inside]") {
    Table t;
    const auto with = [&](const std::string& about, const Bytes& extension, const Said& said) {
        t.add(about, client_hello({.extensions = {extension}}), said);
    };
    with("a final dot", server_name("a.example."), named("a.example"));
    with("two final dots", server_name("a.example.."), named("a.example."));
    with("a dot", server_name("."), kNameless);
    with("two dots", server_name(".."), named("."));
    with("empty", server_name(""), kNameless);
    for (const std::size_t length : {1u, 7u, 8u, 9u, 63u, 64u, 247u, 248u, 254u, 255u})
        with("long", server_name(std::string(length, 'a')), named(std::string(length, 'a')));
    with("256", server_name(std::string(256, 'a')), kNameless);
    with("256 with a final dot", server_name(std::string(255, 'a') + "."), named(std::string(255, 'a')));
    with("257 with a final dot", server_name(std::string(256, 'a') + "."), kNameless);
    with("capitals", server_name("@AZ[`az{"), named("@az[`az{"));
    with("many labels", server_name(std::string(255, '.')), named(std::string(254, '.')));
    with("no list of names", tls_extension(0, {}), kContradicts);
    with("one byte of a list", tls_extension(0, zeros(1)), kContradicts);
    with("an empty list", tls_extension(0, zeros(2)), kNameless);
    with("another type first", server_name({{{1, "b.example"}, {0, "a.example"}}}), named("a.example"));
    with("two hosts", server_name({{{0, "a.example"}, {0, "b.example"}}}), named("a.example"));
    std::vector<std::pair<std::uint8_t, std::string>> eight(7, {9, "x"});
    eight.emplace_back(0, "a.example");
    with("the eighth entry", server_name({eight}), named("a.example"));
    eight.insert(eight.begin(), {9, ""});
    with("the ninth entry", server_name({eight}), kNameless);
    with("an entry's length is beyond the list", server_name({{{0, "a.example"}}, 10}), kContradicts);
    with("an entry's length is less", server_name({{{0, "a.example"}}, 1}), named("a"));
    with("two bytes are left in the list", server_name({{{1, "x"}, {0, ""}}, -1, 6}), kContradicts);
    with("the list is beyond its extension", server_name({{{0, "a.example"}}, -1, 13}), kContradicts);
    with("bytes behind the list", server_name({{{1, "xxxxxxxxxxxxxxx"}, {0, "a.example"}}, -1, 18}), kNameless);
    t.add("two extensions", client_hello({.extensions = {server_name("a.example"), server_name("b.example")}}),
          named("a.example"));
    t.add("two extensions, the first without a name",
          client_hello({.extensions = {server_name({{{1, "a.example"}}}), server_name("b.example")}}), kNameless);
    t.add("two extensions, the second lies",
          client_hello({.extensions = {server_name("a.example"), tls_extension(0, zeros(1))}}), named("a.example"));
}

TEST_CASE("how many extensions and bytes are looked at", "[inside]") {
    Table t;
    for (const std::size_t before : {62u, 63u, 64u}) {
        std::vector<Bytes> extensions = unknown_extensions(before);
        extensions.push_back(server_name("a.example"));
        t.add(fmt::format("{} before the name", before), client_hello({.extensions = extensions}),
              before < 64 ? named("a.example") : kNameless);
    }
    // The name ends at byte 2,047, 2,048 and 2,049 of the payload.
    const std::size_t fixed = client_hello({.extensions = {tls_extension(21, {}), server_name("a.example")}}).size();
    for (const std::size_t end : {2047u, 2048u, 2049u})
        t.add(fmt::format("the name ends at {}", end),
              client_hello({.extensions = {tls_extension(21, zeros(end - fixed)), server_name("a.example"),
                                           tls_extension(51, zeros(100))}}),
              end <= 2048 ? named("a.example") : kNameless);
    t.add("many cipher suites", client_hello({.extensions = {server_name("a.example")}, .cipher_suites = 1000}),
          kNameless);
}

TEST_CASE("lengths of a hello that contradict one another", "[inside]") {
    Table t;
    const Bytes name = server_name("a.example");
    for (const int length : {0, 2, 34})
        t.add("a short hello", client_hello({.extensions = {name}, .hello_length = length}), kContradicts);
    t.add("up to the session id's length", client_hello({.extensions = {name}, .session_id = 0, .hello_length = 35}),
          kContradicts);
    t.add("cipher suites beyond", client_hello({.extensions = {name}, .cipher_length = 2000}), kContradicts);
    t.add("no extensions", client_hello({.has_extensions = false}), kNameless);
    t.add("half a length of extensions", client_hello({.has_extensions = false, .behind = zeros(1)}), kContradicts);
    t.add("no compression methods", client_hello({.extensions = {name}, .compression = {}}), named("a.example"));
    const int list = static_cast<int>(name.size());
    t.add("extensions beyond the hello", client_hello({.extensions = {name}, .list_length = list + 1}), kContradicts);
    t.add("bytes behind the extensions", client_hello({.extensions = {name}, .behind = zeros(9)}), named("a.example"));
    for (int left = 1; left < 4; ++left)
        t.add("bytes are left in the list",
              client_hello({.extensions = {tls_extension(23, {}), zeros(3), name}, .list_length = 4 + left}),
              kContradicts);
    t.add("a longer extension before the name", client_hello({.extensions = {tls_extension(23, {}, 100), name}}),
          kContradicts);
    t.add("a longer extension behind the name", client_hello({.extensions = {name, tls_extension(23, {}, 100)}}),
          named("a.example"));
    t.add("bytes left behind the name", client_hello({.extensions = {name, zeros(3)}}), named("a.example"));
    t.add("the hello is longer than the record and the segment",
          client_hello({.extensions = {name}, .hello_length = 0xffffff}), {.cut = true, .sni = "a.example"});
    // What a length speaks of may be in a later segment.
    const Bytes beyond = client_hello({.extensions = {tls_extension(51, zeros(600), 700), name}});
    t.add("a contradiction in the first of two segments", part(beyond, 0, 200), kContradicts);
}

TEST_CASE("what is offered by ALPN", "[inside]") {
    Table t;
    const Bytes name = server_name("a.example");
    const auto with = [&](const std::string& about, const Bytes& extension, const Said& before, const Said& behind) {
        t.add(about + ", before the name", client_hello({.extensions = {extension, name}}), before);
        t.add(about + ", behind the name", client_hello({.extensions = {name, extension}}), behind);
    };
    const Said offered{.sni = "a.example", .alpn = "http/1.1"}, none = named("a.example");
    with("two", alpn({"http/1.1", "h2"}), offered, offered);
    with("an empty name first", alpn({"", "h2"}), none, none);
    with("none", alpn({}), none, none);
    with("no list", tls_extension(16, {}), kContradicts, none);
    with("a list beyond", tls_extension(16, hex("00040268")), kContradicts, none);
    with("a name beyond", tls_extension(16, hex("000203683200")), kContradicts, none);
    t.add("two extensions", client_hello({.extensions = {alpn({"h2"}), alpn({"x"}), name}}),
          {.sni = "a.example", .alpn = "h2"});
    t.add("a name of 255", client_hello({.extensions = {alpn({std::string(255, 'a')})}}),
          {.alpn = std::string(255, 'a')});
    t.add("bits like those of ALPN",
          client_hello(
              {.extensions = {tls_extension(0x0110, alpn({"x"})), tls_extension(0x1000, alpn({"y"})), alpn({"h2"})}}),
          {.alpn = "h2"});
}

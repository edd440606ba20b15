// Names that come in later segments: docs/language.md, "How weir reads TLS".
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/engines.h"
#include "tests/support/tls_frames.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// What all evaluators say of one segment after the other.
class Conversation {
public:
    // Rules: the name; a hello without one; TLS at all.
    Conversation() {
        auto created = Evaluators::create(
            "default pass\n"
            "rule named { when tls.sni == \"a.example\" and tls and tls.is_client_hello and tls.is_cut then drop }\n"
            "rule whole { when tls.sni == \"a.example\" and not tls.is_cut then drop }\n"
            "rule other { when len(tls.sni) > 0 then drop }\n"
            "rule nameless { when tls.is_client_hello then drop }\n"
            "rule some { when tls or tls.is_cut or tls.version > 0 or len(tls.alpn) > 0 then drop }\n");
        INFO(why_not(created));
        REQUIRE(created);
        evaluators_ = std::move(*created);
    }

    void begin() { evaluators_->reset(), now_ns_ = 0; }
    void after(std::uint64_t ns) { now_ns_ += ns; }
    // The rule that decides: n, w, o, h, s, or - where none does.
    char see(const Bytes& frame) {
        std::string difference;
        const Judged judged = evaluators_->judge(frame, difference, now_ns_);
        INFO(to_hex(frame));
        CHECK(difference.empty());
        INFO(difference);
        for (std::size_t rule = 0; rule < 5; ++rule)
            if (judged.has_matched(rule)) return "nwohs"[rule];
        return '-';
    }
    // The payload in segments that end at these offsets.
    std::string see_cut(const Bytes& payload, const std::vector<std::size_t>& ends, std::uint32_t seq = 7) {
        std::string seen;
        std::size_t from = 0;
        for (const std::size_t to : ends) {
            seen += see(tls_segment(part(payload, from, to), seq + static_cast<std::uint32_t>(from)));
            from = to;
        }
        return seen;
    }

private:
    std::unique_ptr<Evaluators> evaluators_;
    std::uint64_t now_ns_ = 0;
};

// The extensions begin behind 5 + 4 + 2 + 32 + 1 bytes, no session id, 2 + 2, 1 + 1, 2.
const Hello kFront{
    .extensions = {tls_extension(5, zeros(10)), tls_extension(51, zeros(40))}, .session_id = 0, .cipher_suites = 1};
constexpr std::size_t kList = 52, kName = kList + 14 + 44, kNameEnd = kName + 9 + 9;
Bytes late_name(const std::vector<Bytes>& behind = {tls_extension(45, zeros(30))}) {
    Hello hello = kFront;
    hello.extensions.push_back(server_name("a.example"));
    hello.extensions.insert(hello.extensions.end(), behind.begin(), behind.end());
    return client_hello(hello);
}

}  // namespace

TEST_CASE("a hello in two segments, cut at every byte", "[inside]") {
    Conversation c;
    const Bytes hello = late_name();
    for (std::size_t cut = 5; cut < hello.size(); ++cut) {
        c.begin();
        // A header of four bytes that is split ends the walk.
        const bool between = cut >= kList && cut <= kName && !(cut > kList && cut < kList + 4) &&
                             !(cut > kList + 14 && cut < kList + 14 + 4);
        std::string expected = cut >= kNameEnd ? "n-" : between ? "hn" : "h-";
        if (cut == 5) expected = "s-";
        INFO("cut at " << cut);
        CHECK(c.see_cut(hello, {cut, hello.size()}) == expected);
    }
    c.begin();
    CHECK(c.see_cut(hello, {hello.size()}) == "w");
}

TEST_CASE("a hello in segments of one byte", "[inside]") {
    Conversation c;
    const Bytes hello = late_name();
    std::vector<std::size_t> ends;
    for (std::size_t i = 1; i <= hello.size(); ++i) ends.push_back(i);
    CHECK(c.see_cut(hello, ends) == std::string(hello.size(), '-'));
    // Where whole headers are in a segment, bodies may come byte by byte.
    c.begin();
    ends = {kList + 4};
    for (std::size_t i = kList + 5; i <= kList + 14; ++i) ends.push_back(i);
    ends.insert(ends.end(), {kList + 18, kName, kNameEnd, hello.size()});
    CHECK(c.see_cut(hello, ends) == "h" + std::string(12, '-') + "n-");
}

TEST_CASE("segments out of order, again, and of others", "[inside]") {
    Conversation c;
    const Bytes hello = late_name();
    const std::size_t cut = kList + 30;
    const auto segment = [&](std::size_t from, std::size_t to) {
        return tls_segment(part(hello, from, to), 1 + static_cast<std::uint32_t>(from));
    };
    const Bytes first = segment(0, cut), second = segment(cut, hello.size());
    SECTION("the second first") {
        CHECK(c.see(second) == '-');
        CHECK(c.see(first) == 'h');
        CHECK(c.see(second) == 'n');
    }
    SECTION("the second again, as what was dropped is") {
        CHECK(c.see(first) == 'h');
        CHECK(c.see(second) == 'n');
        for (const std::uint64_t pause : {kSecond / 5, 20 * kSecond, 300 * kSecond - 1}) {
            c.after(pause);
            CHECK(c.see(second) == 'n');
        }
        CHECK(c.see(tls_segment(zeros(9), 1 + static_cast<std::uint32_t>(hello.size()))) == '-');
        CHECK(c.see(second) == 'n');
        c.after(300 * kSecond);
        CHECK(c.see(second) == '-');
        CHECK(c.see(first) == 'h');
        CHECK(c.see(second) == 'n');
        CHECK(c.see(segment(cut, cut + 2)) == '-');  // without the name
        CHECK(c.see(second) == '-');
    }
    SECTION("the first again") {
        CHECK(c.see(first) == 'h');
        CHECK(c.see(first) == 'h');
        CHECK(c.see(second) == 'n');
    }
    SECTION("others between, and segments without payload") {
        CHECK(c.see(first) == 'h');
        CHECK(c.see(tls_segment({}, 1 + static_cast<std::uint32_t>(cut))) == '-');
        CHECK(c.see(tls_segment(zeros(9), 99'999)) == '-');
        CHECK(c.see(tls_segment(part(hello, cut, hello.size()), 99'999)) == '-');
        CHECK(c.see(tcp4({.source = 4001, .destination = 443, .seq = 1 + cut}, part(hello, cut, 999))) == '-');
        CHECK(c.see(tcp4({.source = 443, .destination = 4000, .seq = 1 + cut}, part(hello, cut, 999))) == '-');
        CHECK(c.see(udp4({.source = 4000, .destination = 443}, part(hello, cut, 999))) == '-');
        CHECK(c.see(second) == 'n');
    }
}

TEST_CASE("other segments of a flow with a walk", "[inside]") {
    Conversation c;
    const Bytes hello = late_name();
    const std::size_t cut = kList + 30;
    const auto segment = [&](std::size_t from, std::size_t to, std::uint32_t seq = 1) {
        return tls_segment(part(hello, from, to), seq + static_cast<std::uint32_t>(from));
    };
    const Bytes first = segment(0, cut), second = segment(cut, hello.size());
    SECTION("another hello of the flow") {
        CHECK(c.see(first) == 'h');
        CHECK(c.see(tls_segment(usual_hello("b.example"), 5000)) == 'o');
        CHECK(c.see(second) == '-');
        CHECK(c.see(segment(0, cut, 70'000)) == 'h');
        CHECK(c.see(second) == '-');
        CHECK(c.see(segment(cut, hello.size(), 70'000)) == 'n');
    }
    SECTION("numbers that wrap, and SYN with payload") {
        CHECK(c.see_cut(hello, {cut, hello.size()}, 0xffffffff - 20) == "hn");
        CHECK(c.see(tls_segment(part(hello, 0, cut), 0xfffffff0, 0x02)) == 'h');
        CHECK(c.see(tls_segment(part(hello, cut, 999), 0xfffffff1 + static_cast<std::uint32_t>(cut))) == 'n');
    }
    SECTION("a segment that goes on is nothing else") {
        const Bytes within =
            client_hello({.extensions = {tls_extension(51, usual_hello("b.example")), server_name("a.example")},
                          .session_id = 0,
                          .cipher_suites = 1});
        CHECK(c.see_cut(within, {kList + 4, within.size()}) == "hn");
        const Bytes again =
            client_hello({.extensions = {tls_extension(51, usual_hello("b.example")), tls_extension(45, zeros(3))},
                          .session_id = 0,
                          .cipher_suites = 1});
        CHECK(c.see_cut(again, {kList + 4, again.size()}) == "h-");
    }
    SECTION("IPv6, and the same numbers as IPv4") {
        const auto six = [&](std::size_t from, std::size_t to) {
            return tcp6({.destination = 443, .seq = 1 + static_cast<std::uint32_t>(from), .flags = 0x18},
                        part(hello, from, to));
        };
        CHECK(c.see(six(0, cut)) == 'h');
        CHECK(c.see(second) == '-');
        CHECK(c.see(six(cut, 999)) == 'n');
    }
}

TEST_CASE("how long a walk lasts", "[inside]") {
    Conversation c;
    const Bytes hello = late_name();
    const auto part_of = [&](std::size_t from, std::size_t to) {
        return tls_segment(part(hello, from, to), 1 + static_cast<std::uint32_t>(from));
    };
    for (const std::uint64_t pause : {10 * kSecond - 1, 10 * kSecond}) {
        c.begin();
        c.after(5);
        CHECK(c.see(part_of(0, kList + 20)) == 'h');
        c.after(6 * kSecond);
        CHECK(c.see(part_of(kList + 20, kList + 30)) == '-');  // the time counts from the first segment
        c.after(pause - 6 * kSecond);
        CHECK(c.see(part_of(kList + 30, 999)) == (pause < 10 * kSecond ? 'n' : '-'));
    }
    // A hello that is seen again begins again.
    c.begin();
    CHECK(c.see(part_of(0, kList + 20)) == 'h');
    c.after(9 * kSecond);
    CHECK(c.see(part_of(0, kList + 20)) == 'h');
    c.after(9 * kSecond);
    CHECK(c.see(part_of(kList + 20, 999)) == 'n');
}

TEST_CASE("how far a walk goes", "[inside]") {
    Conversation c;
    SECTION("64 extensions of all segments") {
        for (const std::size_t before : {62u, 63u, 64u}) {
            std::vector<Bytes> extensions = unknown_extensions(before);
            extensions.push_back(server_name("a.example"));
            const Bytes hello = client_hello({.extensions = extensions, .session_id = 0, .cipher_suites = 1});
            c.begin();
            CHECK(c.see_cut(hello, {kList + 4 * 10, kList + 4 * 20, hello.size()}) == (before < 64 ? "h-n" : "h--"));
            c.begin();  // the name's extension alone
            CHECK(c.see_cut(hello, {hello.size() - 18, hello.size()}) == (before < 64 ? "hn" : "h-"));
        }
    }
    SECTION("2,048 bytes of all segments") {
        for (const std::size_t end : {2047u, 2048u, 2049u}) {
            const Bytes hello = client_hello({.extensions = {tls_extension(21, zeros(end - kList - 4 - 18)),
                                                             server_name("a.example"), tls_extension(45, zeros(99))},
                                              .session_id = 0,
                                              .cipher_suites = 1});
            for (const std::size_t cut : {std::size_t{60}, std::size_t{1400}, end - 18}) {
                c.begin();
                CHECK(c.see_cut(hello, {cut, hello.size()}) == (end <= 2048 ? "hn" : "h-"));
            }
        }
    }
    SECTION("a segment with the last of these bytes ends it") {
        const Bytes hello = client_hello({.extensions = {tls_extension(21, zeros(2500)), server_name("a.example")},
                                          .session_id = 0,
                                          .cipher_suites = 1});
        // What follows then may be a hello of its own.
        const Bytes other = usual_hello("b.example");
        const auto seen = [&](std::size_t bytes) {
            c.begin();
            const char first = c.see(tls_segment(part(hello, 0, 1000), 1));
            const char second = c.see(tls_segment(part(hello, 1000, bytes), 1001));
            return std::string{first, second, c.see(tls_segment(other, static_cast<std::uint32_t>(1 + bytes)))};
        };
        CHECK(seen(2047) == "h--");
        CHECK(seen(2048) == "h-o");
    }
    SECTION("no second record") {
        Hello hello = kFront;
        hello.extensions.push_back(server_name("a.example"));
        hello.record_length = static_cast<int>(client_hello(hello).size()) - 5 - 1;
        const Bytes bytes = client_hello(hello);
        CHECK(c.see_cut(bytes, {kName, bytes.size()}) == "h-");
    }
}

TEST_CASE("lengths that contradict one another in later segments", "[inside]") {
    Conversation c;
    const auto seen = [&](const Bytes& extension) {
        Hello hello = kFront;
        hello.extensions = {tls_extension(5, zeros(10)), extension, server_name("a.example"),
                            tls_extension(45, zeros(9))};
        const Bytes bytes = client_hello(hello);
        c.begin();
        return c.see_cut(bytes, {kList + 14, bytes.size()});
    };
    CHECK(seen(tls_extension(51, zeros(4))) == "hn");
    CHECK(seen(tls_extension(51, zeros(4), 400)) == "h-");
    CHECK(seen(server_name({{{0, "b.example"}}, 10})) == "h-");
    CHECK(seen(server_name({{{1, "b.example"}}})) == "h-");
    CHECK(seen(tls_extension(0, {})) == "h-");
    CHECK(seen(server_name("b.example")) == "ho");
    CHECK(seen(tls_extension(16, {})) == "hn");  // of others only their lengths are looked at
    CHECK(seen(alpn({"h2"})) == "hn");
}

// What is in the hello may look like a head of HTTP where a segment begins. The packet that brings the name is none.
TEST_CASE("a later segment of a hello that begins as a head of HTTP does", "[inside]") {
    Hello hello = kFront;
    hello.extensions = {tls_extension(5, zeros(10) + text("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")),
                        server_name("a.example")};
    const Bytes payload = client_hello(hello);
    const std::size_t head = kList + 4 + 10;
    REQUIRE(part(payload, head, head + 4) == text("GET "));
    for (const char* rules :
         {"rule name { when tls.sni == \"a.example\" and not http then drop }",
          "rule both { when http and tls then pass }\nrule tls { when tls then drop }",
          "rule no { when not tls then pass }\nrule both { when not http then drop }",
          "rule http { when http.host == \"b.example\" then pass }\nrule tls { when tls.is_cut then drop }",
          "rule http { when http.is_cut or http.target == \"/\" then pass }\nrule tls { when tls then drop }"}) {
        INFO(rules);
        auto created = Evaluators::create(std::string("default pass\n") + rules);
        INFO(why_not(created));
        REQUIRE(created);
        std::string difference;
        (*created)->judge(tls_segment(part(payload, 0, head), 7), difference);
        const Judged judged = (*created)->judge(
            tls_segment(part(payload, head, payload.size()), 7 + static_cast<std::uint32_t>(head)), difference);
        CHECK(difference == "");
        CHECK(judged.verdict == static_cast<std::uint32_t>(policy::VerdictKind::kDrop));
    }
}

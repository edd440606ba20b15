// IPv6 extension headers and fragments of both versions, as docs/language.md reads them.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::uint8_t kHeaders[] = {0, 43, 44, 51, 60, 135, 139, 140};

std::vector<Row> rows;
void add(const std::string& about, const Bytes& frame, const std::vector<std::string>& yes,
         const std::vector<std::string>& no) {
    for (const std::string& condition : yes) rows.push_back({condition, frame, true, about});
    for (const std::string& condition : no) rows.push_back({condition, frame, false, about});
}
void check() {
    check_rows(rows);
    rows.clear();
}

// A chain of headers, the first's number apart, then what follows.
struct Chain {
    std::uint8_t first;
    Bytes bytes;
};
Chain chain(const std::vector<std::uint8_t>& headers, std::uint8_t last) {
    Chain made{headers.empty() ? last : headers.front(), {}};
    for (std::size_t i = 0; i < headers.size(); ++i) {
        const std::uint8_t next = i + 1 < headers.size() ? headers[i + 1] : last;
        if (headers[i] == 44)
            made.bytes = made.bytes + fragment(next, 0);
        else if (headers[i] == 51)
            made.bytes = made.bytes + authentication(next, 12 + 4 * (i % 4));
        else
            made.bytes = made.bytes + extension(next, 1 + i % 3);
    }
    return made;
}

}  // namespace

TEST_CASE("0 to 10 extension headers of each kind", "[malformed]") {
    for (const std::uint8_t kind : kHeaders) {
        for (std::size_t count = 0; count <= 10; ++count) {
            const Chain headers = chain(std::vector<std::uint8_t>(count, kind), 17);
            const Bytes frame = in6(headers.first, headers.bytes + udp({}, text("abc")));
            const std::string about = fmt::format("{} headers of {}", count, kind);
            if (count <= 8)
                add(about, frame,
                    {"udp", "udp.dport == 53", "ip.proto == 17", "payload == \"abc\"",
                     count == 0 ? "ip6" : "ip.has_options"},
                    {"malformed", "ip.is_fragment"});
            else
                add(about, frame, {"malformed", "ip6", "ip.has_options", "ip.ttl == 64"},
                    {"udp", "ip.proto >= 0", "payload.len >= 0"});
        }
    }
    check();
}

TEST_CASE("mixed extension headers", "[malformed]") {
    std::vector<std::uint8_t> all(std::begin(kHeaders), std::end(kHeaders));
    for (std::size_t turn = 0; turn < all.size(); ++turn) {
        std::rotate(all.begin(), all.begin() + 1, all.end());
        const Chain headers = chain(all, 6);
        const Bytes frame = in6(headers.first, headers.bytes + tcp({}, text("abc")));
        add("all eight", frame,
            {"tcp.dport == 80", "ip.id == 0x01020304", "payload starts_with \"abc\"", "ip.proto == 6"}, {"malformed"});
        // The datagram ends within the chain, byte by byte; then within TCP.
        for (std::size_t bytes = 0; bytes < headers.bytes.size() + 20; ++bytes) {
            const Bytes shorter = in6(headers.first, cut(headers.bytes + tcp({}), bytes));
            const bool in_chain = bytes < headers.bytes.size();
            add(fmt::format("all eight, {} bytes", bytes), shorter,
                {"malformed", "ip6", "ip.has_options", in_chain ? "ip" : "ip.proto == 6"},
                {"tcp", "payload.len >= 0", in_chain ? "ip.proto >= 0" : "udp"});
        }
    }
    check();
}

TEST_CASE("extension headers that announce more than there is", "[malformed]") {
    for (const std::uint8_t kind : kHeaders) {
        if (kind == 44 || kind == 51) continue;
        add("255 units", in6(kind, Bytes{17, 255} + zeros(6) + udp({}) + zeros(100)), {"malformed", "ip.has_options"},
            {"udp", "ip.proto >= 0"});
        add("2048 bytes that are there", in6(kind, extension(17, 256) + udp({})), {"udp", "payload.len == 0"},
            {"malformed"});
        add("7 bytes", in6(kind, cut(extension(17), 7)), {"malformed"}, {"ip.proto >= 0"});
    }
    // AH counts in units of 4 bytes, less 2.
    for (unsigned raw = 0; raw < 12; ++raw) {
        const std::size_t bytes = (raw + 2) * 4;
        const Bytes header = Bytes{17, static_cast<std::uint8_t>(raw)} + zeros(bytes - 2);
        add(fmt::format("AH of {} bytes", bytes), in6(51, header + udp({.destination = 99})),
            {"udp.dport == 99", "ip.proto == 17"}, {"malformed"});
        add(fmt::format("AH of {} bytes, cut", bytes), in6(51, cut(header, bytes - 1)), {"malformed"},
            {"ip.proto >= 0"});
    }
    add("AH in IPv4 is not walked", in4(51, authentication(17, 12) + udp({})), {"ip.proto == 51", "payload.len == 20"},
        {"udp", "malformed"});
    add("ESP ends the walk", in6(60, extension(50) + zeros(30)),
        {"ip.proto == 50", "payload.len == 30", "ip.has_options"}, {"malformed"});
    add("No Next Header ends it", in6(60, extension(59) + zeros(30)), {"ip.proto == 59", "payload.len == 30"},
        {"malformed"});
    add("No Next Header at once", in6(59, {}), {"ip.proto == 59", "payload.len == 0"}, {"malformed", "ip.has_options"});
    add("a jumbogram's length of 0", eth(0x86dd) + ip6({.length = 0, .next = 0}, extension(17) + udp({})),
        {"malformed", "ip.has_options", "ip.len == 40"}, {"udp"});
    // Eight headers of 2048 bytes: as far into a frame as a header may begin. Only the host takes such a frame.
    const Chain far = {60, extension(60, 256) + extension(60, 256) + extension(60, 256) + extension(60, 256) +
                               extension(60, 256) + extension(60, 256) + extension(60, 256) + extension(6, 256)};
    add("16 KB of headers", in6(60, far.bytes + tcp({}, text("far"))),
        {"tcp.dport == 80", "payload == \"far\"", "payload contains \"ar\""}, {"malformed"});
    check();
}

TEST_CASE("IPv6 fragments", "[malformed]") {
    const Bytes body = udp({}, zeros(16));
    for (const unsigned offset : {0u, 8u, 16u, 1480u, 65528u}) {
        for (const unsigned more : {0u, 1u}) {
            for (const unsigned reserved : {0u, 6u}) {
                const auto word = static_cast<std::uint16_t>(offset | reserved | more);
                const std::string about = fmt::format("fragment word {:04x}", word);
                std::vector<std::string> yes{"ip.has_options", fmt::format("ip.frag_offset == {}", offset),
                                             "ip.id == 0x01020304", "ip.proto == 17"};
                std::vector<std::string> no{"malformed"};
                (more != 0 ? yes : no).push_back("ip.mf");
                (more != 0 || offset != 0 ? yes : no).push_back("ip.is_fragment");
                for (const char* later : {"udp", "udp.len == 24", "payload.len == 16"})
                    (offset == 0 ? yes : no).push_back(later);
                add(about, in6(44, fragment(17, word) + body), yes, no);
                add(about + " in the middle", in6(0, extension(44) + fragment(60, word) + extension(17) + body),
                    offset == 0 ? yes : std::vector<std::string>{"ip.is_fragment", "ip.proto == 60"}, no);
                // Nothing is read behind it, so nothing there can be at fault.
                if (offset != 0)
                    add(about + ", cut behind", in6(44, fragment(60, word)), {"ip.proto == 60", "ip.is_fragment"},
                        {"malformed", "payload.len >= 0"});
                if (offset != 0)
                    add(about + ", TCP's first bytes behind", in6(44, fragment(6, word) + zeros(3)),
                        {"ip.proto == 6", "ip.is_fragment"}, {"malformed", "tcp"});
            }
        }
    }
    add("a second Fragment header counts, the last one says",
        in6(44, fragment(44, 1, 5) + fragment(17, 0, 6) + udp({.length = 8})), {"ip.id == 6", "udp"},
        {"ip.is_fragment", "ip.mf", "malformed"});
    add("the first-fragment exception is the last header's",
        in6(44, fragment(44, 1) + fragment(17, 0) + udp({.length = 99})), {"malformed", "ip.proto == 17"},
        {"udp", "ip.mf"});
    add("a fault behind a Fragment header", in6(44, fragment(60, 1) + zeros(3)),
        {"malformed", "ip.mf", "ip.is_fragment", "ip.id == 0x01020304"}, {"ip.proto >= 0", "payload.len >= 0"});
    add("a cut Fragment header", in6(44, cut(fragment(17, 1), 7)),
        {"malformed", "ip.has_options", "ip.frag_offset == 0"},
        {"ip.mf", "ip.id >= 0", "ip.is_fragment", "ip.proto >= 0"});
    add("the ninth header is a Fragment header",
        in6(60, chain(std::vector<std::uint8_t>(8, 60), 44).bytes + fragment(17, 8)),
        {"malformed", "ip.frag_offset == 0"}, {"ip.is_fragment", "ip.id >= 0", "ip.proto >= 0"});
    add("the eighth is, with an offset", in6(60, chain(std::vector<std::uint8_t>(7, 60), 44).bytes + fragment(17, 8)),
        {"ip.frag_offset == 8", "ip.proto == 17"}, {"malformed"});
    add("the eighth is, with an offset and a header behind",
        in6(60, chain(std::vector<std::uint8_t>(7, 60), 44).bytes + fragment(60, 8)),
        {"ip.frag_offset == 8", "ip.proto == 60"}, {"malformed"});
    check();
}

TEST_CASE("IPv4 fragments", "[malformed]") {
    for (const unsigned offset : {0u, 1u, 185u, 8191u}) {
        for (unsigned flags = 0; flags < 8; ++flags) {
            const auto word = static_cast<std::uint16_t>(flags << 13 | offset);
            for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}, std::size_t{24}}) {
                const Bytes frame =
                    eth(0x0800) + ip4({.fragment = word, .protocol = 17}, cut(udp({.length = 24}, zeros(16)), bytes));
                std::vector<std::string> yes{fmt::format("ip.frag_offset == {}", offset * 8), "ip.proto == 17",
                                             "ip.id == 0x1234"},
                    no{"ip6"};
                ((flags & 1) != 0 ? yes : no).push_back("ip.mf");
                ((flags & 2) != 0 ? yes : no).push_back("ip.df");
                ((flags & 1) != 0 || offset != 0 ? yes : no).push_back("ip.is_fragment");
                const bool whole = bytes == 24, first = offset == 0;
                (first && !whole ? yes : no).push_back("malformed");
                for (const char* later : {"udp", "payload.len == 16"}) (first && whole ? yes : no).push_back(later);
                add(fmt::format("fragment word {:04x}, {} bytes", word, bytes), frame, yes, no);
            }
        }
    }
    check();
}

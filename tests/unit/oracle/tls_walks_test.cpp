// Names of hellos that come in later segments.
#include <catch2/catch.hpp>

#include "compiler/oracle/tls_walks.h"
#include "compiler/packet/frame_builder.h"
#include "compiler/packet/message_builder.h"

using namespace weir;
using packet::FieldId;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

struct Segment {
    std::string payload;
    std::uint32_t seq = 1;
    std::uint64_t time_ns = 0;
    std::uint16_t source_port = 4000;
    std::uint8_t flags = 0;
};

// The name that a segment brings, or nothing.
std::optional<std::string> name_of(oracle::TlsWalks& walks, const Segment& segment) {
    packet::TestPacket sent;
    sent.source = *parse_ip("10.0.0.1");
    sent.destination = *parse_ip("10.0.0.2");
    sent.source_port = segment.source_port;
    sent.destination_port = 443;
    sent.seq = segment.seq;
    sent.tcp_flags = segment.flags;
    sent.payload = segment.payload;
    packet::Packet read(packet::build_frame(sent));
    walks.read(read, segment.time_ns);
    if (!read.value(FieldId::kTlsSni)) return std::nullopt;
    CHECK(std::get<bool>(*read.value(FieldId::kTls)));
    CHECK(std::get<bool>(*read.value(FieldId::kTlsIsClientHello)));
    return std::get<packet::DomainName>(*read.value(FieldId::kTlsSni)).text();
}

// A hello whose name stands behind an extension of 100 bytes; that extension's data begin at kData.
constexpr std::size_t kData = 5 + 4 + 2 + 32 + 1 + 4 + 2 + 2 + 4, kNameExtension = kData + 100;
std::string hello() {
    const auto counted = [](std::size_t bytes, const std::string& text) {
        std::string length;
        while (bytes-- > 0) length += static_cast<char>(text.size() >> (8 * bytes));
        return length + text;
    };
    const std::string name =
        std::string(2, '\0') + counted(2, counted(2, std::string(1, '\0') + counted(2, "a.example")));
    const std::string extensions = std::string("\0\x33", 2) + counted(2, std::string(100, 'k')) + name;
    const std::string body = "\3\3" + std::string(32, 'r') + std::string(1, '\0') + counted(2, "\x13\x01") +
                             counted(1, std::string(1, '\0')) + counted(2, extensions);
    return "\x16\3\1" + counted(2, "\1" + counted(3, body));
}

}  // namespace

TEST_CASE("a name in the second segment, at every place where they part") {
    const std::string whole = hello();
    for (std::size_t first = 10; first < whole.size(); ++first) {
        oracle::TlsWalks walks;
        CHECK(!name_of(walks, {whole.substr(0, first)}));
        const auto name =
            name_of(walks, {whole.substr(first), static_cast<std::uint32_t>(1 + first), 10 * kSecond - 1});
        const bool between = first == kData - 4 || (first >= kData && first <= kNameExtension);
        CHECK(name.has_value() == between);
        if (name) CHECK(*name == "a.example");
        CHECK(walks.size() == (between ? 1 : 0));  // the segment may be sent again
    }
}

TEST_CASE("three segments, and what lies between them") {
    const std::string whole = hello();
    const auto part = [&](std::size_t begin, std::size_t end) {
        return Segment{whole.substr(begin, end - begin), static_cast<std::uint32_t>(begin - 0x10)};  // it wraps
    };
    oracle::TlsWalks walks;
    CHECK(!name_of(walks, part(0, kData + 3)));
    CHECK(!name_of(walks, {"elsewhere", 7, 0, 4001}));       // another connection
    CHECK(!name_of(walks, {"", part(kData + 3, 0).seq}));    // no payload
    CHECK(!name_of(walks, part(kData + 50, whole.size())));  // out of order
    CHECK(!name_of(walks, part(kData + 3, kData + 50)));
    CHECK(walks.size() == 1);
    CHECK(name_of(walks, part(kData + 50, whole.size())) == "a.example");
    Segment again = part(kData + 50, whole.size());
    again.time_ns = 300 * kSecond - 1;
    CHECK(name_of(walks, again) == "a.example");
    again.time_ns += 300 * kSecond;
    CHECK(!name_of(walks, again));
}

TEST_CASE("what ends a walk, and what begins it again") {
    const std::string whole = hello();
    const Segment first{whole.substr(0, kData + 9)};
    Segment second{whole.substr(kData + 9), kData + 10};
    oracle::TlsWalks walks;
    name_of(walks, first);
    second.time_ns = 10 * kSecond;
    CHECK(!name_of(walks, second));
    second.time_ns = 0;
    CHECK(!name_of(walks, second));  // the walk has ended

    name_of(walks, {first.payload, 5000});
    name_of(walks, first);
    CHECK(name_of(walks, second) == "a.example");

    name_of(walks, first);
    CHECK(name_of(walks, {whole, 9000}) == "a.example");  // a whole one, read without a walk
    CHECK(!name_of(walks, second));

    Segment opening = first;
    opening.flags = 2;  // SYN counts one
    opening.seq = 0;
    name_of(walks, opening);
    CHECK(name_of(walks, second) == "a.example");

    // What goes on with a hello is none, even if it looks like one.
    const std::string in_key = whole.substr(0, kData) + hello().substr(0, 60) + whole.substr(kData + 60);
    packet::TestPacket sent;
    sent.source = *parse_ip("10.0.0.1");
    sent.destination = *parse_ip("10.0.0.2");
    name_of(walks, {in_key.substr(0, kData)});
    sent.source_port = 4000, sent.destination_port = 443, sent.seq = kData + 1;
    sent.payload = in_key.substr(kData, 60);
    packet::Packet looks_like(packet::build_frame(sent));
    CHECK(looks_like.value(FieldId::kTls));
    walks.read(looks_like, 0);
    CHECK(!looks_like.value(FieldId::kTls));
    CHECK(name_of(walks, {in_key.substr(kData + 60), kData + 61}) == "a.example");
}

TEST_CASE("the walk that is idle for the longest time is evicted") {
    const std::string whole = hello();
    oracle::TlsWalks walks;
    for (std::uint32_t i = 0; i <= oracle::TlsWalks::kMaxWalks; ++i)
        name_of(walks, {whole.substr(0, kData), 1, i + 1, static_cast<std::uint16_t>(i)});
    CHECK(walks.size() == oracle::TlsWalks::kMaxWalks);
    CHECK(!name_of(walks, {whole.substr(kData), kData + 1, 20000, 0}));
    CHECK(name_of(walks, {whole.substr(kData), kData + 1, 20000, 1}));
}

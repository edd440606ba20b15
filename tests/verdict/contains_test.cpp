// `payload contains` by one pass for many literals, and literal by literal.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

Row row(std::string condition, const Bytes& frame, bool expected) {
    return {std::move(condition), frame, expected, {}};
}

// `literals`, each at places where words, the first 512 bytes, payload and frame begin and end.
std::vector<Row> search_rows(const std::vector<std::string>& literals) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < literals.size(); ++i) {
        const std::string& literal = literals[i];
        const std::string other = literals[(i + 1) % literals.size()];
        std::vector<std::string> payloads{literal, other + literal, literal.substr(1), literal + literal.substr(1)};
        for (const std::size_t end : {std::size_t{65}, std::size_t{511}, std::size_t{512}, std::size_t{513}}) {
            payloads.push_back(std::string(end - literal.size(), '.') + literal);
            payloads.push_back(std::string(end - literal.size(), '.') + literal + other + "....");
        }
        for (const std::string& payload : payloads)
            rows.push_back(row("payload contains hex\"" + to_hex(text(literal)) + "\"", udp4({}, text(payload)),
                               payload.substr(0, 512).find(literal) != std::string::npos));
    }
    return rows;
}

std::string in_capitals(std::string text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}
// Every second letter is the other one.
std::string mixed(std::string text) {
    for (std::size_t i = 0; i < text.size(); i += 2)
        if ((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z') text[i] ^= 0x20;
    return text;
}

// Each literal with `contains nocase` and, every second one, with `contains`; and what comes near it.
std::vector<Row> nocase_rows(const std::vector<std::string>& literals) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < literals.size(); ++i) {
        const std::string& literal = literals[i];
        std::string folded = literal;  // each byte with bit 0x20: only letters are the same so
        for (char& c : folded) c ^= 0x20;
        std::vector<std::string> payloads{literal, in_capitals(literal), mixed(literal), folded, literal.substr(1)};
        for (const std::size_t end : {std::size_t{65}, std::size_t{512}, std::size_t{513}})
            payloads.push_back(std::string(end - literal.size(), '.') + mixed(literal) + "..");
        for (const std::string& payload : payloads) {
            const std::string looked_at = payload.substr(0, 512), bytes = "hex\"" + to_hex(text(mixed(literal))) + "\"";
            rows.push_back(row("payload contains nocase " + bytes, udp4({}, text(payload)),
                               in_capitals(looked_at).find(in_capitals(literal)) != std::string::npos));
            if (i % 2 == 0)
                rows.push_back(row("payload contains " + bytes, udp4({}, text(payload)),
                                   looked_at.find(mixed(literal)) != std::string::npos));
        }
    }
    return rows;
}

}  // namespace

// Searches of one pair: more than one bucket holds, and of one byte, which has no pair.
TEST_CASE("payload contains, many literals in one pass", "[operators]") {
    std::vector<std::string> literals;
    for (int i = 0; i < 36; ++i) literals.push_back(fmt::format("/cgi-bin/x{:02}", i));
    for (std::size_t bytes = 1; bytes <= 16; ++bytes) literals.push_back(std::string(bytes, 'a'));
    for (const char* more : {"b", "ab", "ba", "..", ". ", "\xff\xfe\xfd", "GET /", "0123456789abcdef0123456789abcdef"})
        literals.push_back(more);
    check_rows(search_rows(literals));
}

TEST_CASE("payload contains, more literals than one pass answers for", "[operators]") {
    std::vector<Row> rows;
    for (int i = 0; i < 50; ++i) {
        const std::string a = fmt::format("/a/{:02}/", i), b = fmt::format("<b{:02}>", i), c = fmt::format("c{}c", i);
        const std::string condition =
            fmt::format("payload contains \"{}\" or payload contains \"{}\" or payload contains \"{}\"", a, b, c);
        for (const std::string& payload : {a, "xx" + b, b + a, "yyyyyyy" + c + "z"})
            rows.push_back(row(condition, udp4({}, text(payload)), true));
        for (const std::string& payload : {a.substr(1), b.substr(0, 4), std::string()})
            rows.push_back(row(condition, udp4({}, text(payload)), false));
    }
    check_rows(rows);
}

TEST_CASE("payload contains, one literal by itself", "[operators]") {
    for (const char* literal : {"a", "..", "ab", "aab", "/etc/passwd", "\xff\xfe", ".a"})
        check_rows(search_rows({literal, literal}));
}

TEST_CASE("payload contains nocase, many literals of both kinds in one pass", "[operators]") {
    std::vector<std::string> literals;
    for (int i = 0; i < 20; ++i) literals.push_back(fmt::format("/cgi-bin/x{:02}", i));
    for (std::size_t bytes = 1; bytes <= 12; ++bytes) literals.push_back(std::string(bytes, 'a'));
    for (const char* more : {"b", "ab", "@[", "`{", "\x01!", "\xc4\xe4", "09", "\r\n", "user-agent: x"})
        literals.push_back(more);
    check_rows(nocase_rows(literals));
    check_rows(nocase_rows({literals.begin(), literals.begin() + 2}));
}

TEST_CASE("payload contains nocase, more literals than one pass answers for", "[operators]") {
    std::vector<Row> rows;
    for (int i = 0; i < 50; ++i) {
        const std::string a = fmt::format("/a/{:02}/", i), b = fmt::format("<B{:02}>", i), c = fmt::format("c{}C", i);
        const std::string condition = fmt::format(
            "payload contains nocase \"{}\" or payload contains \"{}\" or payload contains nocase \"{}\"", a, b, c);
        for (const std::string& payload : {a, in_capitals(a), "xx" + b, mixed(c) + b, "yyyyyyy" + in_capitals(c) + "z"})
            rows.push_back(row(condition, udp4({}, text(payload)), true));
        for (const std::string& payload : {a.substr(1), fmt::format("<b{:02}>", i), b.substr(0, 4), std::string()})
            rows.push_back(row(condition, udp4({}, text(payload)), false));
    }
    check_rows(rows);
}

TEST_CASE("payload contains nocase, one literal by itself", "[operators]") {
    for (const char* literal : {"a", "..", "ab", "aab", "/etc/passwd", "\xff\xfe", "@A[", "z1"})
        check_rows(nocase_rows({literal}));
}

TEST_CASE("starts_with nocase, ends_with nocase", "[operators]") {
    std::vector<Row> rows;
    for (const std::string literal : {"get ", "Z", "@a[", "0", ""}) {
        for (const std::string& payload :
             {std::string("GET /"), std::string("get /"), std::string("a gEt "), std::string("z"), std::string("Z"),
              std::string("@A["), std::string("`a{"), std::string("\x10"), std::string("0"), std::string()}) {
            const std::string bytes = "hex\"" + to_hex(text(mixed(literal))) + "\"";
            const std::string have = in_capitals(payload), want = in_capitals(literal);
            rows.push_back(row("payload starts_with nocase " + bytes, udp4({}, text(payload)), have.starts_with(want)));
            rows.push_back(row("payload ends_with nocase " + bytes, udp4({}, text(payload)), have.ends_with(want)));
        }
    }
    rows.push_back(row("payload contains nocase \"\"", udp4(), true));
    rows.push_back(row("payload contains nocase \"\"", arp(), false));
    check_rows(rows);
}

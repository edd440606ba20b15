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

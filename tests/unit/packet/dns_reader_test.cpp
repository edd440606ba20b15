// The oracle's reading of DNS messages.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "compiler/packet/dns_reader.h"

using namespace weir::packet;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes message(const std::string& question, std::uint16_t flags = 0x0100, std::uint8_t questions = 1) {
    Bytes bytes = {
        0x12, 0x34, static_cast<std::uint8_t>(flags >> 8), static_cast<std::uint8_t>(flags), 0, questions, 0, 7, 0, 0,
        0,    0};
    bytes.insert(bytes.end(), question.begin(), question.end());
    return bytes;
}

std::string type_aaaa() { return {0, 28, 0, 1}; }
std::string root() { return std::string(1, '\0'); }
std::string label(std::size_t bytes, char letter = 'x') {
    return std::string(1, static_cast<char>(bytes)) + std::string(bytes, letter);
}

}  // namespace

TEST_CASE("dns: a question and its header") {
    const auto read = read_dns(message("\3WwW\7eXample\3com" + root() + type_aaaa(), 0x8583));
    REQUIRE(read);
    CHECK(read->qname.labels == std::vector<std::string>{"www", "example", "com"});
    CHECK(read->qname.text() == "www.example.com");
    CHECK(read->qtype == 28);
    CHECK(read->is_response);
    CHECK(read->rcode == 3);
    CHECK(read->answers == 7);
    const auto query = read_dns(message("\1a" + root() + type_aaaa(), 0x2805));
    REQUIRE(query);  // whatever the opcode
    CHECK(!query->is_response);
    CHECK(query->rcode == 5);  // of queries as well
}

TEST_CASE("dns: the root, and bytes that are no letters") {
    const auto of_root = read_dns(message(root() + type_aaaa()));
    REQUIRE(of_root);
    CHECK(of_root->qname.labels.empty());
    CHECK(of_root->qname.text().empty());
    const auto odd = read_dns(message(std::string("\3a.B\4\xC4\0_Z", 9) + root() + type_aaaa()));
    REQUIRE(odd);
    CHECK(odd->qname.labels == std::vector<std::string>{"a.b", std::string("\xC4\0_z", 4)});
}

TEST_CASE("dns: cut at every byte it is none") {
    const Bytes whole = message("\3www\7example\3com" + root() + type_aaaa());
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) CHECK(!read_dns(std::span(whole).first(bytes)));
    CHECK(read_dns(whole));
    CHECK(!read_dns(message("\3www" + root() + type_aaaa(), 0x0100, 0)));   // no question
    CHECK(read_dns(message("\3www" + root() + type_aaaa(), 0x0100, 200)));  // the first one counts
}

TEST_CASE("dns: names of 255 bytes, no pointers") {
    const std::string three = label(63) + label(63) + label(63);
    const auto longest = read_dns(message(three + label(61) + root() + type_aaaa()));
    REQUIRE(longest);
    CHECK(longest->qname.text().size() == 253);
    CHECK(!read_dns(message(three + label(62) + root() + type_aaaa())));
    std::string many;
    for (int i = 0; i < 127; ++i) many += label(1);
    const auto most = read_dns(message(many + root() + type_aaaa()));
    REQUIRE(most);
    CHECK(most->qname.labels.size() == 127);
    for (const int first : {0x40, 0x80, 0xc0, 0xff}) {
        CHECK(!read_dns(
            message(std::string(1, static_cast<char>(first)) + "\x0c" + type_aaaa() + std::string(300, 'x'))));
        CHECK(!read_dns(message("\3www" + std::string(1, static_cast<char>(first)) + "\x0c" + type_aaaa())));
    }
}

// The oracle's reading of HTTP heads.
#include <catch2/catch.hpp>

#include <string>

#include <fmt/format.h>

#include "compiler/packet/http_reader.h"

using namespace weir::packet;

namespace {

std::optional<HttpHead> read(const std::string& text) {
    return read_http({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}
HttpHead head(const std::string& text) {
    const auto read_head = read(text);
    REQUIRE(read_head);
    return *read_head;
}
std::optional<std::string> host(const std::string& value) {
    const auto name = head("GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n").host;
    if (!name) return std::nullopt;
    return name->text();
}

}  // namespace

TEST_CASE("http: a request") {
    const HttpHead request =
        head("GET /a?b=c?d HTTP/1.1\r\nhOST:\t Example.COM:8080 \r\nUser-agent: curl/8 x\t\r\n\r\nHost: body");
    CHECK(request.method == "GET");
    CHECK(request.target == "/a?b=c?d");
    CHECK(request.path == "/a");
    REQUIRE(request.host);
    CHECK(request.host->labels == std::vector<std::string>{"example", "com"});
    CHECK(request.user_agent == "curl/8 x");
    CHECK(!request.status);
    CHECK(!request.is_cut);
}

TEST_CASE("http: what starts a head") {
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}) {
        CHECK(head(fmt::format("{} ", method)).method == method);
        CHECK(!read(method));
        CHECK(!read(fmt::format("{}\t/", method)));
        CHECK(!read(fmt::format(" {} /", method)));
    }
    CHECK(!read(""));
    CHECK(!read("get / HTTP/1.1\r\n"));
    CHECK(!read("GETS / HTTP/1.1\r\n"));
    CHECK(!read("PRI * HTTP/2.0\r\n"));
    CHECK(read("HTTP/1.0"));
    CHECK(read("HTTP/1.9abc"));
    CHECK(!read("HTTP/1."));
    CHECK(!read("HTTP/1.x 200"));
    CHECK(!read("HTTP/2 200"));
}

TEST_CASE("http: where a target ends") {
    CHECK(head("GET /a\rb \n\n").target == "/a");
    CHECK(head("GET /a\nHost: b\n\n").target == "/a");
    CHECK(head("GET /a\nHost: b\n\n").host->text() == "b");
    CHECK(head("GET  /a\n\n").target->empty());
    CHECK(head("GET ").target->empty());
    CHECK(head("CONNECT example.com:443 HTTP/1.1\n\n").path == "example.com:443");
    CHECK(head("GET http://e.com/x?y HTTP/1.1\n\n").path == "http://e.com/x");
    CHECK(head("GET /unfinished").target == "/unfinished");
    CHECK(head("GET /unfinished").is_cut);
    const std::string longest(512, 'a');
    CHECK(head("GET " + longest + " HTTP/1.1\n\n").target == longest);
    CHECK(!head("GET " + longest + " HTTP/1.1\n\n").is_cut);
    CHECK(head("GET " + longest + "b HTTP/1.1\nHost: h\n\n").target == longest);
    CHECK(head("GET " + longest + "b HTTP/1.1\nHost: h\n\n").is_cut);
    CHECK(head("GET " + longest + "b HTTP/1.1\nHost: h\n\n").host->text() == "h");
    CHECK(head("GET /a" + std::string("\0b", 2) + " \n\n").target == std::string("/a\0b", 4));
}

TEST_CASE("http: host and its port") {
    CHECK(host(" example.com") == "example.com");
    CHECK(host("EXAMPLE.com.") == "example.com");
    CHECK(host("example.com.:80") == "example.com");
    CHECK(host("example.com..") == "example.com.");
    CHECK(host("") == "");
    CHECK(host(".") == "");
    CHECK(host(":80") == "");
    CHECK(host("a:") == "a");
    CHECK(host("a:65535") == "a");
    CHECK(host("a:1234567") == "a");  // any number of digits
    CHECK(!host("[2001:db8::1"));
    CHECK(!host("a:80x"));
    CHECK(!host("a:80."));
    CHECK(!host("a:b:80"));
    CHECK(host("[2001:DB8::1]") == "[2001:db8::1]");
    CHECK(host("[2001:db8::1]:443") == "[2001:db8::1]");
    CHECK(!host("[2001:db8::1]:x"));
    CHECK(host("a b") == "a b");
    CHECK(host(std::string(255, 'a') + ".:1") == std::string(255, 'a'));
    CHECK(!host(std::string(256, 'a')));
}

TEST_CASE("http: header lines") {
    CHECK(head("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").host->text() == "a");
    CHECK(head("GET / HTTP/1.1\r\nHost:\r\n folded\r\n\r\n").host->text().empty());
    CHECK(!head("GET / HTTP/1.1\r\nHost : a\r\n\r\n").host);
    CHECK(!head("GET / HTTP/1.1\r\n Host: a\r\n\r\n").host);
    CHECK(!head("GET / HTTP/1.1\r\nXHost: a\r\n\r\n").host);
    CHECK(!head("GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n").host);
    CHECK(!head("GET / HTTP/1.1\r\nHost: a").host);  // does not end
    CHECK(head("GET / HTTP/1.1\nHost: a\n").host->text() == "a");
    CHECK(head("GET / HTTP/1.1\nHost: a\n").is_cut);
    CHECK(head("GET / HTTP/1.1\r\nUser-Agent:\r\n\r\n").user_agent == "");
    CHECK(head("GET / HTTP/1.1\r\nUser-Agent: a\r\r\n\n").user_agent == "a\r");
    // A line has to end within 1,024 bytes; a later one of that name then does not count either.
    const std::string before = "GET / HTTP/1.1\nX: ";
    const std::string line = "\nHost: a\n";
    CHECK(head(before + std::string(1024 - before.size() - line.size(), 'x') + line + "\n").host);
    CHECK(!head(before + std::string(1025 - before.size() - line.size(), 'x') + line + "\n").host);
}

TEST_CASE("http: where a head ends") {
    CHECK(!head("GET / HTTP/1.1\n\n").is_cut);
    CHECK(!head("GET / HTTP/1.1\r\n\r\n").is_cut);
    CHECK(head("GET / HTTP/1.1\r\n\r").is_cut);
    CHECK(head("GET / HTTP/1.1\r\n").is_cut);
    CHECK(head("GET / HTTP/1.1\r\n\r\r\n").is_cut);
    CHECK(!head("HTTP/1.1 200 OK\n\nGET /").is_cut);
    CHECK(head("HTTP/1.1 200 OK\nA: b").is_cut);
    const std::string before = "GET / HTTP/1.1\nX: ";
    CHECK(!head(before + std::string(1022 - before.size(), 'x') + "\n\n").is_cut);
    CHECK(head(before + std::string(1023 - before.size(), 'x') + "\n\n").is_cut);
}

TEST_CASE("http: status") {
    CHECK(head("HTTP/1.1 200 OK\r\n").status == 200);
    CHECK(head("HTTP/1.1 503").status == 503);
    CHECK(head("HTTP/1.1 099\r").status == 99);
    CHECK(head("HTTP/1.1 404\n").status == 404);
    CHECK(!head("HTTP/1.1 4040").status);
    CHECK(!head("HTTP/1.1 40").status);
    CHECK(!head("HTTP/1.1 40x ").status);
    CHECK(!head("HTTP/1.1  404 ").status);
    CHECK(!head("HTTP/1.11 404 ").status);
    CHECK(!head("HTTP/1.1 200 OK\r\nHost: a\r\n\r\n").host);
    CHECK(!head("HTTP/1.1 200 OK\r\n\r\n").method);
    CHECK(!head("GET /").status);
}

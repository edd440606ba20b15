#include "runtime/sinks/http_client.h"

#include <catch2/catch.hpp>

#include <dlfcn.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "tests/support/http_peer.h"

using namespace weir::runtime;
using weir::test::HttpPeer;

// In the C library's place: no name server answers for this one.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    if (node != nullptr && std::strcmp(node, "unanswered.example") == 0) {
        sleep(4);
        return EAI_AGAIN;
    }
    const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}

namespace {

HttpReply post(const std::string& url, std::uint32_t timeout_ms = 30'000, std::size_t max_reply_bytes = 1000) {
    HttpRequest request;
    request.url = url;
    request.body = "[1]";
    request.headers = {"Content-Type: application/json", "X-Secret: s3cr3t"};
    request.timeout_ms = timeout_ms;
    request.max_reply_bytes = max_reply_bytes;
    return HttpClient().post(request, -1);
}

}  // namespace

TEST_CASE("Retry-After is seconds or a date, and bounded") {
    CHECK(parse_retry_after(" 7\r\n", 0) == 7000);
    CHECK(parse_retry_after("0", 0) == 0);
    CHECK(parse_retry_after("99999999999999999999999", 0) == kMaxRetryAfter_ms);
    CHECK(parse_retry_after("86400", 0) == kMaxRetryAfter_ms);
    CHECK(parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT", 946684799 - 30) == 30'000);
    CHECK(parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT", 946684799 + 30) == 0);
    for (const char* text : {"", "soon", "-1", "1.5", "7 s"}) CHECK_FALSE(parse_retry_after(text, 0));
}

TEST_CASE("The origin of a URL has no secrets") {
    CHECK(origin_of("https://user:key@soc.example:8443/hook?token=1#x") == "https://soc.example:8443");
    CHECK(origin_of("http://[2001:db8::1]:80/a@b") == "http://[2001:db8::1]:80");
    CHECK(origin_of("https://soc.example?key=a/b@c") == "https://soc.example");
    CHECK(origin_of("https://a\x1b[2J/") == "https://a\\x1b[2J");
}

TEST_CASE("An answer has status and body, and the request what was asked for") {
    HttpPeer peer;
    const HttpReply reply = post(peer.url("/ok"));
    CHECK(reply.status == 200);
    CHECK(reply.body == "{}");
    CHECK(reply.is_whole);
    CHECK(reply.failure.empty());
    const auto requests = peer.requests();
    REQUIRE(requests.size() == 1);
    CHECK(requests[0]["body"] == "[1]");
    CHECK(requests[0]["headers"]["X-Secret"] == "s3cr3t");
    CHECK(requests[0]["headers"]["Content-Type"] == "application/json");
    CHECK_FALSE(requests[0]["headers"].contains("Expect"));
}

TEST_CASE("Peers that do not answer well are a status or a sentence, without secrets") {
    HttpPeer peer;
    for (const char* path : {"/dead", "/garbage", "/hangup", "/heads"}) {
        const HttpReply reply = post(peer.url(path) + "?s3cr3t", std::string(path) == "/dead" ? 300 : 30'000);
        INFO(path);
        CHECK_FALSE(reply.is_whole);
        CHECK_FALSE(reply.failure.empty());
        CHECK(reply.failure.find("s3cr3t") == std::string::npos);
    }
    CHECK(post(peer.url("/dead"), 300).status == 0);
    const HttpReply redirected = post(peer.url("/redirect"));
    CHECK(redirected.status == 302);
    CHECK(peer.requests().back()["path"] == "/redirect");
}

TEST_CASE("A reply without an end is cut, by bytes or by time; its status counts") {
    HttpPeer peer;
    const HttpReply endless = post(peer.url("/endless"), 30'000, 1000);
    CHECK(endless.status == 200);
    CHECK(endless.body.size() == 1000);
    CHECK_FALSE(endless.is_whole);
    CHECK(endless.failure == "the reply is too long");
    const HttpReply slow = post(peer.url("/trickle"), 400);
    CHECK(slow.status == 200);
    CHECK_FALSE(slow.is_whole);
    CHECK(slow.failure == "no complete answer in time");
}

TEST_CASE("An answer that was only announced is none") {
    HttpPeer peer;
    for (const char* path : {"/interim/100", "/interim/101", "/interim/103"}) {
        const HttpReply reply = post(peer.url(path));
        INFO(path);
        CHECK(reply.status == 0);
        CHECK_FALSE(reply.is_whole);
        CHECK_FALSE(reply.failure.empty());
    }
}

TEST_CASE("A time-out holds for the name as well") {
    const std::uint64_t begin_ns = monotonic_ns();
    const HttpReply reply = post("http://unanswered.example/", 100);
    CHECK(reply.status == 0);
    CHECK(reply.failure == "no complete answer in time");
    CHECK(monotonic_ns() - begin_ns < 3'000'000'000);
}

TEST_CASE("Only HTTP is spoken, and nobody listens is a failure") {
    CHECK(post("file:///etc/passwd").status == 0);
    CHECK(post("file:///etc/passwd").body.empty());
    CHECK(post("ftp://127.0.0.1/x").failure == "neither http:// nor https://");
    std::string gone;
    {
        HttpPeer peer;
        gone = peer.url("/ok");
    }
    const HttpReply reply = post(gone);
    CHECK(reply.status == 0);
    CHECK_FALSE(reply.failure.empty());
}

TEST_CASE("No variable of the environment names a proxy") {
    HttpPeer peer;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    const HttpReply reply = post(peer.url("/ok"));
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    CHECK(reply.status == 200);
}

TEST_CASE("A certificate is one of a known authority, and for the name that was asked for") {
    HttpPeer right("localhost"), wrong("elsewhere.example");
    CHECK(post(right.url("/ok")).status == 0);  // nobody knows its authority
    setenv("SSL_CERT_FILE", right.authority_file().c_str(), 1);
    CHECK(post(right.url("/ok")).status == 200);
    setenv("SSL_CERT_FILE", wrong.authority_file().c_str(), 1);
    const HttpReply refused = post(wrong.url("/ok"));
    unsetenv("SSL_CERT_FILE");
    CHECK(refused.status == 0);
    CHECK(refused.failure.find("elsewhere") == std::string::npos);
    CHECK_FALSE(refused.failure.empty());
    CHECK(wrong.requests().empty());
}

TEST_CASE("Whoever waits for an answer is woken") {
    HttpPeer peer;
    const UniqueFd wake(eventfd(1, EFD_CLOEXEC));
    HttpRequest request;
    request.url = peer.url("/dead");
    request.timeout_ms = 3'600'000;
    HttpClient client;
    const HttpReply reply = client.post(request, wake.get());
    CHECK(reply.is_stopped);
    CHECK(reply.status == 0);
    request.url = peer.url("/ok");
    CHECK(client.post(request, wake.get()).status == 200);  // an answer that comes soon still counts
}

#include "service/http/guard.h"

#include <catch2/catch.hpp>

using namespace weir::service::http;

namespace {

const std::string kToken(40, 't');

DoorSettings settings_at(const char* address, const std::string& token = {}) {
    DoorSettings settings;
    settings.addresses.push_back(*parse_listen_address(address));
    settings.token = token;
    settings.names = {"edge.example"};
    return settings;
}

struct Try {
    const char* method = "GET";
    std::string path = "/metrics";
    std::vector<std::pair<std::string, std::string>> headers{{"host", "127.0.0.1:9464"}};
    Reach reach = Reach::kLoopback;

    Try with(const char* name, const std::string& value) const {
        Try more = *this;
        more.headers.emplace_back(name, value);
        return more;
    }
    unsigned status(const DoorSettings& settings) const {
        Request request;
        request.method = method;
        request.path = path;
        request.headers = headers;
        request.reach = reach;
        const auto answer = refused(request, find_route(method, path), settings);
        return answer ? answer->status : 200;
    }
};

}  // namespace

TEST_CASE("a name that somebody else points here is not ours") {
    const DoorSettings here = settings_at("127.0.0.1:9464"), six = settings_at("[::1]:9464"),
                       any = settings_at("0.0.0.0:9464");
    for (const char* host :
         {"127.0.0.1:9464", "127.0.0.1", "localhost:9464", "LocalHost", "edge.example:1", "EDGE.example"})
        CHECK(is_ours(host, here));
    for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9464", "192.0.2.1",
                             "[::1]:9464", "edge.example.", "[", "[evil.example]"})
        CHECK_FALSE(is_ours(host, here));
    CHECK(is_ours("[::1]:9464", six));
    CHECK(is_ours("192.0.2.7:9464", any));
    CHECK_FALSE(is_ours("evil.example:9464", any));

    Try rebound;
    rebound.headers = {{"host", "evil.example:9464"}};
    CHECK(rebound.status(here) == 403);
    rebound.headers = {};
    CHECK(rebound.status(here) == 403);
    rebound.reach = Reach::kUnix;
    CHECK(rebound.status(here) == 200);
    CHECK(Try().with("host", "127.0.0.1:9464").status(here) == 400);
}

TEST_CASE("pages of other sites are refused") {
    const DoorSettings here = settings_at("127.0.0.1:9464");
    CHECK(Try().with("origin", "http://127.0.0.1:9464").status(here) == 200);
    for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:9465", "file://"})
        CHECK(Try().with("origin", origin).status(here) == 403);
    CHECK(Try().with("sec-fetch-site", "same-origin").status(here) == 200);
    CHECK(Try().with("sec-fetch-site", "none").status(here) == 200);
    CHECK(Try().with("sec-fetch-site", "cross-site").status(here) == 403);
    CHECK(Try().with("sec-fetch-site", "same-site").status(here) == 403);
    Try link;
    link.path = "/";
    CHECK(link.with("sec-fetch-site", "cross-site").status(here) == 200);  // a link to the page
}

TEST_CASE("a token is asked for where there is one") {
    const DoorSettings none = settings_at("127.0.0.1:9464"), one = settings_at("127.0.0.1:9464", kToken);
    CHECK(Try().status(none) == 200);
    CHECK(Try().status(one) == 401);
    CHECK(Try().with("authorization", "Bearer " + kToken).status(one) == 200);
    CHECK(Try().with("authorization", "bearer " + kToken).status(one) == 200);
    const std::vector<std::string> all_wrong{"Bearer ", "Bearer " + kToken + "x", "Bearer " + kToken.substr(1),
                                             "Basic " + kToken};
    for (const std::string& wrong : all_wrong) CHECK(Try().with("authorization", wrong).status(one) == 401);
    CHECK(Try().with("authorization", "Bearer x").with("authorization", "Bearer " + kToken).status(one) == 400);
    Try open;
    for (const char* path : {"/healthz", "/"}) {
        open.path = path;
        CHECK(open.status(one) == 200);
    }
    CHECK(is_token(kToken, kToken));
    CHECK_FALSE(is_token("", kToken));
}

TEST_CASE("paths, methods and bodies") {
    const DoorSettings here = settings_at("127.0.0.1:9464");
    Try one;
    one.path = "/nowhere";
    CHECK(one.status(here) == 404);
    one = Try();
    one.method = "POST";
    CHECK(one.status(here) == 405);
    CHECK(Try().with("content-length", "0").status(here) == 200);
    CHECK(Try().with("content-length", "1").status(here) == 413);
    CHECK(Try().with("content-length", "x").status(here) == 400);
    CHECK(Try().with("transfer-encoding", "chunked").status(here) == 413);
}

TEST_CASE("a request that can be read in two ways is refused") {
    const DoorSettings here = settings_at("127.0.0.1:9464", kToken);
    Try put{"PUT", "/api/v1/sets/s"};
    put = put.with("authorization", "Bearer " + kToken).with("content-type", "application/json");
    CHECK(put.with("content-length", "2").status(here) == 200);
    CHECK(put.with("transfer-encoding", "chunked").status(here) == 200);
    CHECK(put.with("transfer-encoding", "Chunked").status(here) == 200);
    CHECK(put.with("content-length", "2").with("transfer-encoding", "chunked").status(here) == 400);
    CHECK(put.with("transfer-encoding", "chunked").with("transfer-encoding", "chunked").status(here) == 400);
    for (const char* encoding : {"", "identity", "gzip, chunked", "xchunked", "chunked, identity", "chunked;q=1"})
        CHECK(put.with("transfer-encoding", encoding).status(here) == 400);
    for (const char* name : {"content-length ", "transfer-encoding\t", "", "x y", "x\x7f", "x\xc3\xa9"})
        CHECK(put.with("content-length", "2").with(name, "2").status(here) == 400);
    for (const char* length : {"", "-1", "+2", "0x2", "2, 2", "2 ", "18446744073709551616"})
        CHECK(put.with("content-length", length).status(here) == 400);
}

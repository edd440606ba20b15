#include "service/http/request.h"

#include <catch2/catch.hpp>

using namespace weir::service::http;

TEST_CASE("percent signs are decoded, or refused") {
    CHECK(percent_decoded("blocked") == "blocked");
    CHECK(percent_decoded("a%2fb%2E%20") == "a/b. ");
    CHECK(percent_decoded("") == "");
    for (const char* bad : {"%", "%2", "%zz", "a%0", "%00", "x%00y"}) CHECK_FALSE(percent_decoded(bad));
}

TEST_CASE("headers and parameters by name") {
    Request request;
    request.headers = {{"host", "a"}, {"host", "b"}};
    request.query = {{"top", "3"}};
    CHECK(header(request, "host") == "a");
    CHECK(count_headers(request, "host") == 2);
    CHECK_FALSE(header(request, "origin"));
    CHECK(parameter(request, "top") == "3");
    CHECK_FALSE(parameter(request, "bottom"));
}

TEST_CASE("a refusal is JSON whatever it says") {
    const Answer answer = refusal(403, "a \"quoted\"\n\x01\xff word", "help");
    CHECK(answer.status == 403);
    CHECK(answer.type == "application/json");
    CHECK(answer.body.find('\x01') == std::string::npos);
    CHECK(answer.body.ends_with("\"help\":\"help\"}\n"));
}

#include "service/http/api.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::service::http;

namespace {

Asked asked(const char* method, const char* path, std::vector<std::pair<std::string, std::string>> query = {},
            std::string body = {}) {
    Asked one;
    one.found = find_route(method, path);
    REQUIRE(one.found.route != nullptr);
    one.request.method = method;
    one.request.path = path;
    one.request.query = std::move(query);
    one.request.body = std::move(body);
    return one;
}

std::string line(const Asked& one) {
    const auto question = question_of(one);
    const auto* refused = std::get_if<Answer>(&question);
    return refused != nullptr ? std::to_string(refused->status) : std::get<Question>(question).line;
}

}  // namespace

TEST_CASE("requests are commands of the control socket") {
    CHECK(line(asked("GET", "/api/v1/policy")) == R"({"command":"policy"})");
    CHECK(line(asked("GET", "/api/v1/flows")) == R"({"command":"flows","top":20})");
    CHECK(line(asked("GET", "/api/v1/flows", {{"top", "3"}})) == R"({"command":"flows","top":3})");
    CHECK(line(asked("GET", "/api/v1/sets/bad%22name")) ==
          R"({"command":"set","action":"list","set":"bad\"name","most":10000})");
    CHECK(line(asked("POST", "/api/v1/confirm")) == R"({"command":"confirm"})");
    CHECK(line(asked("POST", "/api/v1/rollback")) == R"({"command":"rollback"})");
    CHECK(line(asked("POST", "/api/v1/promote", {{"cancel", "1"}})) == R"({"command":"promote","cancel":true})");
    CHECK(line(asked("PUT", "/api/v1/sets/s", {}, R"({"values":["192.0.2.1"],"for":"10m"})")) ==
          R"({"command":"set","action":"add","set":"s","values":["192.0.2.1"],"for_ns":600000000000})");
    CHECK(line(asked("PUT", "/api/v1/sets/s", {}, R"({"values":[],"for":"0"})")) ==
          R"({"command":"set","action":"add","set":"s","values":[],"for_ns":0})");
    CHECK(line(asked("DELETE", "/api/v1/sets/s", {}, R"({"values":["192.0.2.1"]})")) ==
          R"({"command":"set","action":"remove","set":"s","values":["192.0.2.1"]})");
}

TEST_CASE("a policy's text goes in a file in memory, as somebody else's") {
    auto question = question_of(asked("POST", "/api/v1/reload", {{"confirm_within", "60s"}, {"name", "edge"}}, "rule"));
    auto& one = std::get<Question>(question);
    CHECK(one.channel == ChannelOf::kPolicy);
    CHECK(
        one.line ==
        R"({"command":"reload","file":"/<api>/edge.rules","confirm_within_ms":60000,"format":"json","from":"text","attached":true})");
    struct stat facts{};
    REQUIRE(fstat(one.attached.get(), &facts) == 0);
    CHECK(facts.st_size == 4);
    CHECK(line(asked("POST", "/api/v1/test", {}, "x")) ==
          R"({"command":"judge","what":"test","file":"/<api>/policy.rules","from":"text","attached":true})");
}

TEST_CASE("what is badly written is 422, and says so") {
    CHECK(line(asked("GET", "/api/v1/flows", {{"top", "-1"}})) == "422");
    CHECK(line(asked("GET", "/api/v1/flows", {{"top", "10001"}})) == "422");
    CHECK(line(asked("GET", "/api/v1/flows", {{"bottom", "1"}})) == "422");
    CHECK(line(asked("GET", "/api/v1/flows", {{"top", "1"}, {"top", "2"}})) == "422");
    CHECK(line(asked("GET", "/api/v1/policy", {{"top", "1"}})) == "422");
    CHECK(line(asked("POST", "/api/v1/reload", {{"confirm_within", "60"}})) == "422");
    CHECK(line(asked("POST", "/api/v1/reload", {{"shadow", "yes"}})) == "422");
    for (const char* name : {"", "../etc", "a/b", "a b", "a.rules"})
        CHECK(line(asked("POST", "/api/v1/reload", {{"name", name}})) == "422");
    CHECK(line(asked("POST", "/api/v1/promote", {{"cancel", "1"}, {"if_disagreements_under", "1"}})) == "422");
    for (const char* body : {"", "[]", "{}", R"({"values":"a"})", R"({"values":[1]})", R"({"values":[],"x":1})",
                             R"({"values":[],"for":600})", R"({"values":[],"for":"soon"})", "{\"values\":[\"\xff\"]}"})
        CHECK(line(asked("PUT", "/api/v1/sets/s", {}, body)) == "422");
    CHECK(line(asked("DELETE", "/api/v1/sets/s", {}, R"({"values":[],"for":"1m"})")) == "422");
    CHECK(line(asked("PUT", "/api/v1/sets/s", {}, R"({"values":[")" + std::string(65'500, 'x') + "\"]}")) == "413");
}

TEST_CASE("answers of the engine as HTTP") {
    const auto of_managing = [](const char* said) { return answer_of(said, Right::kManage); };
    CHECK(of_managing(R"({"ok":true,"status":0,"policy":"edge","generation":2})").body ==
          "{\"policy\":\"edge\",\"generation\":2}\n");
    const Answer warned =
        of_managing(R"({"ok":true,"status":0,"diagnostics":"{\"code\":\"W401\"}\nweir: words\n","policy":"edge"})");
    CHECK(warned.body == "{\"diagnostics\":[{\"code\":\"W401\"}],\"policy\":\"edge\"}\n");
    const auto status = [&](const char* said) { return of_managing(said).status; };
    CHECK(status(R"({"ok":false,"status":1,"error":"the policy is refused"})") == 422);
    CHECK(status(R"({"ok":false,"status":2,"error":"`file` must be"})") == 422);
    CHECK(status(R"({"ok":false,"status":3,"error":"no candidate runs"})") == 409);
    CHECK(status(R"({"ok":false,"status":3,"error":"the engine is starting"})") == 503);
    CHECK(status(R"({"ok":false,"status":2,"error":"the policy has no set `x`"})") == 404);
    CHECK(status("nonsense") == 503);
    // What only reads is handed on as it is.
    CHECK(answer_of(R"({"ok":true,"status":0,"entries":[{"value":"a"}],"more":true})", Right::kRead).body ==
          "{\"entries\":[{\"value\":\"a\"}],\"more\":true}\n");
    CHECK(answer_of(R"({"ok":false,"status":2,"error":"the policy has no set `x`"})", Right::kRead).status == 404);
    const Answer failed =
        of_managing(R"({"ok":true,"status":0,"exit":1,"diagnostics":"","result":{"tests":[],"passed":0,"failed":1}})");
    CHECK(failed.status == 422);
    CHECK(failed.body == "{\"diagnostics\":[],\"tests\":[],\"passed\":0,\"failed\":1}\n");
}

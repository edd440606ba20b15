#include "service/http/openapi.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "service/http/routes.h"

using namespace weir::service::http;
using Json = nlohmann::json;

namespace {

// Each "$ref" below `value` names something that is there.
void check_references(const Json& document, const Json& value) {
    if (value.is_object() && value.contains("$ref")) {
        const std::string name = value["$ref"];
        REQUIRE(name.starts_with("#/"));
        CHECK(document.contains(Json::json_pointer(name.substr(1))));
    }
    if (value.is_structured())
        for (const Json& one : value) check_references(document, one);
}

}  // namespace

TEST_CASE("the description has each route, and no other") {
    const Json document = Json::parse(openapi_document());
    CHECK(document["openapi"] == "3.1.0");
    CHECK(document["info"]["title"].is_string());
    CHECK(document["info"]["version"].is_string());
    std::set<std::string> described, there, ids;
    for (const auto& [path, methods] : document["paths"].items())
        for (const auto& [method, operation] : methods.items()) {
            described.insert(method + " " + path);
            CHECK(ids.insert(operation["operationId"]).second);
            CHECK(operation["responses"].contains("200"));
            CHECK(operation["responses"].contains("default"));
            for (const auto& [status, response] : operation["responses"].items()) {
                CHECK(response["description"].is_string());
                CHECK(response["content"].size() == 1);
            }
            for (const Json& parameter : operation.value("parameters", Json::array())) {
                CHECK((parameter["in"] == "query" || parameter["required"] == true));
                CHECK(parameter.contains("schema"));
            }
        }
    for (const Route& route : routes()) {
        if (route.operation == Operation::kPage) continue;
        std::string method = route.method;
        for (char& c : method) c = static_cast<char>(c | 0x20);
        there.insert(method + " " + std::string(route.path));
        const Json& operation = document["paths"][std::string(route.path)][method];
        CHECK(operation.contains("requestBody") == (route.body_type != nullptr));
        const Json security = operation.value("security", Json());
        const Json token = Json::array({Json{{"token", Json::array()}}});
        if (route.right == Right::kManage) CHECK(security == token);
        if (route.right == Right::kOpen) CHECK(security == Json::array());
        if (route.right == Right::kRead) CHECK(security.size() == 2);
    }
    CHECK(described == there);
    check_references(document, document);
    CHECK(document["components"]["securitySchemes"]["token"]["scheme"] == "bearer");
}

// Tested by tests/unit/service/openapi_test.cpp.
#include "service/http/openapi.h"

#include <array>
#include <string_view>
#include <utility>

#include "service/fields.h"
#include "service/http/routes.h"

namespace weir::service::http {
namespace {

// What the answers and bodies look like. What `weir ... --format json` prints is described in docs/cli.md.
constexpr std::pair<const char*, const char*> kSchemas[] = {
    {"Error",
     R"({"type":"object","required":["error","help"],"properties":{"error":{"type":"string"},"help":{"type":"string"},
         "diagnostics":{"type":"array","items":{"$ref":"#/components/schemas/Diagnostic"}},
         "values":{"type":"array","items":{"type":"object","properties":{"index":{"type":"integer"},"error":{"type":"string"}}}}}})"},
    {"Diagnostic",
     R"({"type":"object","required":["code","severity","message"],"properties":{"code":{"type":"string"},
         "severity":{"enum":["error","warning"]},"message":{"type":"string"},"file":{"type":"string"},
         "line":{"type":"integer"},"column":{"type":"integer"}}})"},
    {"Status",
     R"({"type":"object","description":"as weir status --format json","required":["name","policy","generation","interfaces","rules","sinks","sets"],
         "properties":{"name":{"type":"string"},"policy":{"type":"string"},"generation":{"type":"integer"},
         "interfaces":{"type":"array","items":{"type":"object"}},"rules":{"type":"array","items":{"type":"object"}},
         "sinks":{"type":"array","items":{"type":"object"}},"sets":{"type":"array","items":{"type":"object"}}}})"},
    {"Policy",
     R"({"type":"object","required":["policy","file","sha256","text"],"properties":{"policy":{"type":"string"},
         "file":{"type":"string"},"sha256":{"type":"string","pattern":"^[0-9a-f]{64}$"},"text":{"type":"string"}}})"},
    {"Flows",
     R"({"type":"object","required":["flows","top"],"properties":{"flows":{"type":"integer"},"top":{"type":"array",
         "items":{"type":"object","properties":{"protocol":{"type":"string"},"client":{"type":"string"},
         "server":{"type":"string"},"state":{"type":"string"},"packets":{"type":"integer"},"bytes":{"type":"integer"}}}}}})"},
    {"Set",
     R"({"type":"object","required":["entries"],"properties":{"entries":{"type":"array","items":{"type":"object",
         "required":["value"],"properties":{"value":{"type":"string"},"expires_in_ns":{"type":"integer"}}}},
         "more":{"type":"boolean","description":"true: the set has others; weir set list has all"}}})"},
    {"Added",
     R"({"type":"object","required":["added","refused"],"properties":{"added":{"type":"integer"},"refused":{"type":"integer"}}})"},
    {"Removed", R"({"type":"object","required":["removed"],"properties":{"removed":{"type":"integer"}}})"},
    {"SetValues",
     R"({"type":"object","required":["values"],"properties":{"values":{"type":"array","items":{"type":"string"}},
         "for":{"type":"string","description":"10m; 0: for good; missing: as the set says"}}})"},
    {"Changed",
     R"({"type":"object","required":["policy","generation","file"],"properties":{"policy":{"type":"string"},
         "generation":{"type":"integer"},"file":{"type":"string"}}})"},
    {"Reloaded",
     R"({"type":"object","description":"as weir reload --format json","required":["policy","generation","rules","compile_ms"],
         "properties":{"policy":{"type":"string"},"generation":{"type":"integer"},"rules":{"type":"integer"},
         "compile_ms":{"type":"number"},"diagnostics":{"type":"array","items":{"$ref":"#/components/schemas/Diagnostic"}}}})"},
    {"Checked",
     R"({"type":"object","required":["policy","rules","diagnostics"],"properties":{"policy":{"type":"string"},
         "rules":{"type":"integer"},"diagnostics":{"type":"array","items":{"$ref":"#/components/schemas/Diagnostic"}}}})"},
    {"Tested",
     R"({"type":"object","required":["tests","passed","failed"],"properties":{"passed":{"type":"integer"},
         "failed":{"type":"integer"},"tests":{"type":"array","items":{"type":"object","required":["test","ok"],
         "properties":{"test":{"type":"string"},"ok":{"type":"boolean"},"file":{"type":"string"},"line":{"type":"integer"}}}}}})"},
    {"Compared",
     R"({"type":"object","required":["changes"],"properties":{"changes":{"type":"string"},"classes":{"type":"array",
         "items":{"type":"object"}}}})"},
};

bool is_schema(std::string_view name) {
    for (const auto& [schema, text] : kSchemas)
        if (name == schema) return true;
    return false;
}

Json reference(std::string_view schema) { return {{"$ref", "#/components/schemas/" + std::string(schema)}}; }

Json content(std::string_view answers) {
    if (is_schema(answers)) return {{"application/json", {{"schema", reference(answers)}}}};
    return {{std::string(answers), {{"schema", {{"type", "string"}}}}}};
}

Json parameters_of(const Route& route) {
    Json rows = Json::array();
    if (route.path.find("{name}") != std::string_view::npos)
        rows.push_back({{"name", "name"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
    for (const Parameter& one : route.parameters) {
        Json schema = {{"type", "string"}};
        if (one.type == ParameterType::kWhole) schema = {{"type", "integer"}, {"minimum", 0}};
        if (one.type == ParameterType::kFlag) schema = {{"enum", {"0", "1"}}};
        if (one.type == ParameterType::kDuration) schema = {{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h)$"}};
        rows.push_back({{"name", one.name}, {"in", "query"}, {"description", one.description}, {"schema", schema}});
    }
    return rows;
}

Json operation(const Route& route) {
    Json out;
    std::string id = route.method;
    for (const char c : route.path) id += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    out["operationId"] = id;
    out["summary"] = route.summary;
    if (route.right == Right::kOpen) out["security"] = Json::array();
    if (route.right == Right::kRead) out["security"] = {Json::object(), {{"token", Json::array()}}};
    if (route.right == Right::kManage) out["security"] = Json::array({{{"token", Json::array()}}});
    if (Json rows = parameters_of(route); !rows.empty()) out["parameters"] = std::move(rows);
    if (route.body_type != nullptr) {
        const bool is_json = std::string_view(route.body_type) == "application/json";
        const Json schema = is_json ? reference("SetValues") : Json{{"type", "string"}};
        out["requestBody"] = {{"required", true}, {"content", {{route.body_type, {{"schema", schema}}}}}};
    }
    out["responses"]["200"] = {{"description", route.summary}, {"content", content(route.answers)}};
    out["responses"]["default"] = {{"description", "refused"}, {"content", content("Error")}};
    return out;
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

}  // namespace

std::string openapi_document() {
    Json document;
    document["openapi"] = "3.1.0";
    document["info"] = {
        {"title", "weir"}, {"version", "1"}, {"summary", "a running engine: what it does, and its policy"}};
    document["paths"] = Json::object();
    for (const Route& route : routes())
        if (route.operation != Operation::kPage)
            document["paths"][std::string(route.path)][lower(route.method)] = operation(route);
    for (const auto& [name, text] : kSchemas) document["components"]["schemas"][name] = Json::parse(text);
    document["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
    return document.dump() + "\n";
}

}  // namespace weir::service::http

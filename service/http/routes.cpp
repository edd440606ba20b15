// Tested by tests/unit/service/routes_test.cpp.
#include "service/http/routes.h"

#include <optional>
#include <utility>

#include "service/http/page_files.h"
#include "service/http/request.h"

namespace weir::service::http {
namespace {

constexpr const char* kText = "text/plain";
constexpr const char* kJson = "application/json";
const Parameter kName{"name", ParameterType::kWord, "the policy's name: letters, digits, _ and -; default policy"};

std::vector<Route> managing() {
    using enum Right;
    using enum Operation;
    return {
        {"PUT", "/api/v1/sets/{name}", kManage, kAddToSet, "adds values to a set", "Added", kMostBodyBytes, kJson},
        {"DELETE", "/api/v1/sets/{name}", kManage, kRemoveFromSet, "removes values from a set", "Removed",
         kMostBodyBytes, kJson},
        {"POST", "/api/v1/check", kManage, kCheck, "checks a policy", "Checked", kMostPolicyBytes, kText, {kName}},
        {"POST",
         "/api/v1/test",
         kManage,
         kTest,
         "runs a policy's own tests",
         "Tested",
         kMostPolicyBytes,
         kText,
         {kName}},
        {"POST",
         "/api/v1/diff",
         kManage,
         kDiff,
         "which packets a policy would judge otherwise than the one in force",
         "Compared",
         kMostPolicyBytes,
         kText,
         {kName}},
        {"POST",
         "/api/v1/reload",
         kManage,
         kReload,
         "puts a policy in force",
         "Reloaded",
         kMostPolicyBytes,
         kText,
         {kName,
          {"confirm_within", ParameterType::kDuration, "unconfirmed in that time, the kernel goes back: 60s"},
          {"shadow", ParameterType::kFlag, "1: beside the policy in force, enforcing nothing"},
          {"dry_run", ParameterType::kFlag, "1: only says what would change"}}},
        {"POST", "/api/v1/confirm", kManage, kConfirm, "confirms the policy in force", "Changed"},
        {"POST", "/api/v1/rollback", kManage, kRollback, "goes back to the policy before", "Changed"},
        {"POST",
         "/api/v1/promote",
         kManage,
         kPromote,
         "puts the candidate in force",
         "Changed",
         0,
         nullptr,
         {{"if_disagreements_under", ParameterType::kWhole, "only if fewer packets are judged otherwise"},
          {"cancel", ParameterType::kFlag, "1: ends the comparison instead"}}},
    };
}

std::vector<Route> make_table() {
    using enum Right;
    using enum Operation;
    std::vector<Route> rows{
        {"GET", "/healthz", kOpen, kHealth, "whether the engine is there", "text/plain"},
        {"GET", "/metrics", kRead, kMetrics, "metrics for Prometheus", "text/plain"},
        {"GET", "/api/v1/status", kRead, kStatus, "what weir status --format json says", "Status"},
        {"GET", "/api/v1/openapi.json", kRead, kOpenApi, "this description", "application/json"},
        {"GET", "/api/v1/events", kRead, kEvents, "events as they come: server-sent events, each a line of EVE",
         "text/event-stream"},
        {"GET", "/api/v1/policy", kRead, kPolicy, "the text of the policy in force", "Policy"},
        {"GET",
         "/api/v1/flows",
         kRead,
         kFlows,
         "the flows with most bytes",
         "Flows",
         0,
         nullptr,
         {{"top", ParameterType::kWhole, "so many, 10000 at most; default 20"}}},
        {"GET", "/api/v1/sets/{name}", kRead, kListSet, "the entries of a set", "Set"},
    };
    for (Route& route : managing()) rows.push_back(std::move(route));
    for (const PageFile& file : page_files())
        rows.push_back({"GET", file.path, kOpen, kPage, "a file of the page", file.type.data()});
    return rows;
}

// Whether `path` is one of `pattern`'s; then `name` gets what stands for "{name}".
bool fits(std::string_view pattern, std::string_view path, std::string& name) {
    const std::size_t brace = pattern.find("{name}");
    if (brace == std::string_view::npos) return pattern == path;
    if (!path.starts_with(pattern.substr(0, brace))) return false;
    const std::string_view rest = path.substr(brace);
    if (rest.empty() || rest.find('/') != std::string_view::npos) return false;
    const auto decoded = percent_decoded(rest);
    if (decoded) name = *decoded;
    return decoded.has_value();
}

}  // namespace

std::span<const Route> routes() {
    static const std::vector<Route> rows = make_table();
    return rows;
}

Found find_route(std::string_view method, std::string_view path) {
    Found found;
    for (const Route& route : routes()) {
        std::string name;
        if (!fits(route.path, path, name)) continue;
        const std::string_view offered = route.method;
        found.allow += (found.allow.empty() ? "" : ", ") + std::string(offered);
        if (offered == "GET") found.allow += ", HEAD";
        if (method != offered && !(method == "HEAD" && offered == "GET")) continue;
        found.route = &route;
        found.name = std::move(name);
    }
    return found;
}

}  // namespace weir::service::http

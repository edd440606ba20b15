#include "service/http/routes.h"

#include <catch2/catch.hpp>
#include <set>

using namespace weir::service::http;

TEST_CASE("each route is found by its method and path, and by no other") {
    std::set<std::string> seen;
    for (const Route& route : routes()) {
        CHECK(seen.insert(std::string(route.method) + " " + std::string(route.path)).second);
        std::string path(route.path);
        const std::size_t brace = path.find("{name}");
        if (brace != std::string::npos) path.replace(brace, 6, "a%2Fname");
        const Found found = find_route(route.method, path);
        REQUIRE(found.route == &route);
        CHECK(found.name == (brace == std::string::npos ? "" : "a/name"));
        CHECK(find_route("PATCH", path).route == nullptr);
        CHECK(find_route("PATCH", path).allow.find(route.method) != std::string::npos);
        CHECK(find_route(route.method, path + "/").route == nullptr);
        CHECK((route.body_bytes != 0) == (route.body_type != nullptr));
    }
    CHECK(find_route("GET", "/nowhere").allow.empty());
    CHECK(find_route("GET", "").allow.empty());
    CHECK(find_route("GET", "/HEALTHZ").allow.empty());
    CHECK(find_route("HEAD", "/healthz").route != nullptr);
    CHECK(find_route("get", "/healthz").route == nullptr);
}

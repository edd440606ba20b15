// What the door serves: one row a route. The server, the checks and the OpenAPI document (openapi.h) read the same
// table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::service::http {

// kOpen: no token, even where there is one. kRead: with the token where there is one. kManage: with the token alone.
enum class Right : std::uint8_t { kOpen, kRead, kManage };

enum class Operation : std::uint8_t {
    kHealth,
    kMetrics,
    kStatus,
    kOpenApi,
    kEvents,
    kPolicy,
    kFlows,
    kListSet,
    kAddToSet,
    kRemoveFromSet,
    kCheck,
    kTest,
    kDiff,
    kReload,
    kConfirm,
    kRollback,
    kPromote,
    kPage,
};

// How a parameter's text is read.
enum class ParameterType : std::uint8_t { kWhole, kDuration, kFlag, kWord };
struct Parameter {
    const char* name;
    ParameterType type;
    const char* description;
};
inline constexpr std::size_t kMostPolicyBytes = 16 << 20;  // the parser takes no more
inline constexpr std::size_t kMostBodyBytes = 64 << 10;    // of others

struct Route {
    const char* method;
    std::string_view path;  // "{name}" stands for one part, that of a set
    Right right;
    Operation operation;
    const char* summary;
    const char* answers;              // its schema's name, or a content type
    std::size_t body_bytes = 0;       // at most; 0: it takes none
    const char* body_type = nullptr;  // null: it takes none
    std::vector<Parameter> parameters{};
};

std::span<const Route> routes();

struct Found {
    const Route* route = nullptr;  // null: there is none, or not with this method
    std::string name{};            // what stands for "{name}", decoded
    std::string allow{};           // methods of this path; empty: there is no such path
};
// HEAD is found where GET is.
Found find_route(std::string_view method, std::string_view path);

}  // namespace weir::service::http

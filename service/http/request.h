// A request and its answer, as plain values: what the routes and the checks look at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/http/listen_address.h"

namespace weir::service::http {

struct Request {
    std::string method{};
    std::string path{};  // as it came, percent signs and all
    std::vector<std::pair<std::string, std::string>> query{};
    std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
    std::string body{};
    Reach reach = Reach::kLoopback;  // of the address that it came to
};

// The header of that lower-case name; nothing where it is missing. Where it came twice, the first.
std::optional<std::string_view> header(const Request& request, std::string_view name);
std::size_t count_headers(const Request& request, std::string_view name);
std::optional<std::string_view> parameter(const Request& request, std::string_view name);

struct Answer {
    unsigned status = 200;
    std::string type = "application/json";
    std::string body{};
    std::vector<std::pair<std::string, std::string>> headers{};
};

// {"error":"sentence","help":"..."}
Answer refusal(unsigned status, std::string_view error, std::string_view help = {});

// With %xx as the byte that it stands for; nothing where it is badly written, or stands for a NUL.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace weir::service::http

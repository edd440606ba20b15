// Tested by tests/unit/service/guard_test.cpp.
#include "service/http/guard.h"

#include <arpa/inet.h>
#include <nettle/memops.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "tooling/files/sha256.h"

namespace weir::service::http {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

// "[::1]:9464" is "::1".
std::string without_port(std::string_view host) {
    if (host.starts_with('[')) {
        const std::size_t end = host.find(']');
        return end == std::string_view::npos ? std::string() : std::string(host.substr(1, end - 1));
    }
    return lower(host.substr(0, host.find(':')));
}

bool is_address(const std::string& host) {
    unsigned char bytes[sizeof(in6_addr)];
    return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// Two programs could read such a request differently: where one ends and the next begins, or who asks.
std::optional<Answer> ambiguous(const Request& request) {
    for (const char* name : {"host", "authorization", "content-length", "transfer-encoding"})
        if (count_headers(request, name) > 1) return refusal(400, "a header that may come once came twice");
    const auto encoding = header(request, "transfer-encoding");
    if (encoding && header(request, "content-length"))
        return refusal(400, "a body has either Content-Length or Transfer-Encoding");
    if (encoding && lower(*encoding) != "chunked") return refusal(400, "the only Transfer-Encoding is chunked");
    constexpr auto is_odd = [](unsigned char c) { return c <= ' ' || c >= 0x7f; };
    for (const auto& [name, value] : request.headers)
        if (name.empty() || std::any_of(name.begin(), name.end(), is_odd))
            return refusal(400, "the name of a header has a character that no name has");
    return std::nullopt;
}

// A page of another site asks in its reader's name.
std::optional<Answer> from_elsewhere(const Request& request, const Found& found, const DoorSettings& settings) {
    const auto host = header(request, "host");
    if (request.reach != Reach::kUnix && (!host || !is_ours(*host, settings)))
        return refusal(403, "the header Host names another server",
                       "an address that weir listens at, localhost, or a name of --listen-name");
    if (const auto origin = header(request, "origin")) {
        const std::string own = host ? lower(*host) : std::string();
        if (lower(*origin) != "http://" + own && lower(*origin) != "https://" + own)
            return refusal(403, "a page of another site may not ask this one");
    }
    const auto site = header(request, "sec-fetch-site");
    const bool is_of_page = found.route != nullptr && found.route->right == Right::kOpen;
    if (site && *site != "same-origin" && *site != "none" && !is_of_page)
        return refusal(403, "a page of another site may not ask this one");
    return std::nullopt;
}

std::optional<Answer> without_right(const Request& request, const Route& route, const DoorSettings& settings) {
    if (route.right == Right::kOpen) return std::nullopt;
    if (settings.token.empty()) {
        if (route.right == Right::kRead) return std::nullopt;
        return refusal(403, "this engine is only to be read: it was started without a token",
                       "weir run --listen ADDRESS --api-token-file FILE");
    }
    const std::string_view given = header(request, "authorization").value_or("");
    constexpr std::string_view kScheme = "bearer ";
    if (lower(given.substr(0, kScheme.size())) == kScheme && is_token(given.substr(kScheme.size()), settings.token))
        return std::nullopt;
    Answer answer = refusal(401, given.empty() ? "a token is needed" : "the token is not the one of this engine",
                            "Authorization: Bearer TOKEN");
    answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"weir\"");
    return answer;
}

std::optional<Answer> bad_body(const Request& request, const Route& route) {
    const auto length = content_length(request);
    if (header(request, "content-length") && !length) return refusal(400, "the header Content-Length is not a number");
    const bool has_body = header(request, "transfer-encoding").has_value() || length.value_or(0) != 0;
    if (length.value_or(0) > route.body_bytes)
        return refusal(413, route.body_bytes == 0 ? std::string("this request takes no body")
                                                  : fmt::format("the body has more than {} bytes", route.body_bytes));
    if (route.body_type == nullptr)
        return has_body ? std::optional(refusal(413, "this request takes no body")) : std::nullopt;
    const std::string type = lower(header(request, "content-type").value_or(""));
    if (type.substr(0, type.find(';')) == route.body_type) return std::nullopt;
    return refusal(415, fmt::format("the body must be {}", route.body_type),
                   fmt::format("Content-Type: {}", route.body_type));
}

}  // namespace

std::optional<Answer> refused(const Request& request, const Found& found, const DoorSettings& settings) {
    if (auto answer = ambiguous(request)) return answer;
    if (auto answer = from_elsewhere(request, found, settings)) return answer;
    if (found.allow.empty()) return refusal(404, "there is nothing here", "/api/v1/openapi.json says what there is");
    if (found.route == nullptr) {
        Answer answer = refusal(405, "this method is not for this path", "Allow: " + found.allow);
        answer.headers.emplace_back("Allow", found.allow);
        return answer;
    }
    if (auto answer = without_right(request, *found.route, settings)) return answer;
    return bad_body(request, *found.route);
}

bool is_ours(std::string_view host, const DoorSettings& settings) {
    const std::string name = without_port(host);
    if (name == "localhost" || std::find(settings.names.begin(), settings.names.end(), name) != settings.names.end())
        return true;
    return std::any_of(settings.addresses.begin(), settings.addresses.end(), [&](const ListenAddress& address) {
        return address.reach != Reach::kUnix && (address.host == name || (address.is_any && is_address(name)));
    });
}

bool is_token(std::string_view given, const std::string& token) {
    const std::string theirs = tooling::sha256(given), ours = tooling::sha256(token);
    return nettle_memeql_sec(theirs.data(), ours.data(), ours.size()) == 1;
}

std::optional<std::uint64_t> content_length(const Request& request) {
    const auto text = header(request, "content-length");
    std::uint64_t length = 0;
    if (!text) return std::nullopt;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), length);
    if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
    return length;
}

}  // namespace weir::service::http

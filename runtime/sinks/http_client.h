// POSTs over HTTP/1.1 and HTTPS, for sinks, on the thread that calls. Whoever answers is trusted in nothing: replies
// are bounded in bytes and time, redirects are not followed, certificates are verified, and no environment variable
// names a proxy. SSL_CERT_FILE names another file of certificate authorities than the system's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::runtime {

struct HttpRequest {
    std::string url{};                   // http:// or https://
    std::vector<std::string> headers{};  // "Name: value"
    std::string_view body{};
    std::uint32_t connect_timeout_ms = 5'000;
    std::uint32_t timeout_ms = 10'000;  // for all of it
    std::size_t max_reply_bytes = 64 << 10;
};

struct HttpReply {
    int status = 0;           // 0: no answer came
    std::string body{};       // what came of it
    bool is_whole = false;    // the body came to its end, within its bounds
    bool is_sent = false;     // of the request, its head at least
    bool is_stopped = false;  // wake_fd was readable, and no answer came soon after
    std::string failure{};  // what went wrong, where it is not whole: "connecting failed: …"; no part of URL or header
    std::optional<std::uint32_t> retry_after_ms{};  // as the answer has it, kMaxRetryAfter_ms at most
};

inline constexpr std::uint32_t kMaxRetryAfter_ms = 600'000;
// Once the engine stops: time for an answer that is on its way. The worker has a second in all.
inline constexpr std::uint32_t kLastAnswer_ms = 500;

// `seconds`, or a date as HTTP writes it (RFC 9110, 10.2.3); nothing where it is neither. `now_s`: since 1970.
std::optional<std::uint32_t> parse_retry_after(std::string_view text, std::int64_t now_s);

// "https://soc.example:8443", without user, path and query, which may hold secrets; control characters escaped.
std::string origin_of(std::string_view url);

inline constexpr const char* kHttpPackage = "libcurl4-openssl-dev";

class HttpClient {
public:
    HttpClient();
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;
    ~HttpClient();

    // Returns soon after `wake_fd` becomes readable; -1: there is none. Keeps the connection for the next one.
    HttpReply post(const HttpRequest& request, int wake_fd);

private:
    struct Handles;
    std::unique_ptr<Handles> handles_;
};

}  // namespace weir::runtime

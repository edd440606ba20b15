// Tested by tests/unit/runtime/http_client_test.cpp.
#include "runtime/sinks/http_client.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "grammar/base/printable.h"

#ifdef WEIR_HAS_CURL
#include <curl/curl.h>

#include "runtime/handles.h"
#include "runtime/kernel.h"
#endif

namespace weir::runtime {

std::optional<std::uint32_t> parse_retry_after(std::string_view text, std::int64_t now_s) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    std::int64_t seconds = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (end != text.data() + text.size() || text.empty() || text.front() == '-') {
        const std::string date(text);
        tm parts{};
        const char* rest = strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        if (rest == nullptr || *rest != '\0') return std::nullopt;
        seconds = timegm(&parts) - now_s;
    } else if (wrong != std::errc()) {
        seconds = kMaxRetryAfter_ms;  // more than 64 bits of seconds
    }
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, kMaxRetryAfter_ms / 1000) * 1000);
}

std::string origin_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
    std::string_view host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
    if (const std::size_t user = host.rfind('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
    return printable(std::string(url.substr(0, begin)) + std::string(host));
}

#ifdef WEIR_HAS_CURL

namespace {

constexpr std::size_t kMaxHeadBytes = 64 << 10;

using Easy = std::unique_ptr<CURL, Closer<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Closer<curl_multi_cleanup>>;
using List = std::unique_ptr<curl_slist, Closer<curl_slist_free_all>>;

// What comes in of one answer.
struct Incoming {
    HttpReply reply{};
    std::size_t max_bytes = 0;
    std::size_t head_bytes = 0;
    bool is_too_long = false;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* to) {
    auto& incoming = *static_cast<Incoming*>(to);
    const std::size_t room = incoming.max_bytes - incoming.reply.body.size();
    incoming.reply.body.append(bytes, std::min(room, count));
    incoming.is_too_long = count > room;
    return incoming.is_too_long ? 0 : count;  // 0: ends the transfer
}

bool begins_with(std::string_view line, std::string_view small) {
    return line.size() >= small.size() && std::equal(small.begin(), small.end(), line.begin(), [](char want, char has) {
               return want == (has >= 'A' && has <= 'Z' ? static_cast<char>(has + 32) : has);
           });
}

std::size_t take_head(char* bytes, std::size_t, std::size_t count, void* to) {
    auto& incoming = *static_cast<Incoming*>(to);
    const std::string_view line(bytes, count);
    incoming.head_bytes += count;
    incoming.is_too_long = incoming.head_bytes > kMaxHeadBytes;
    constexpr std::string_view kRetryAfter = "retry-after:";
    if (begins_with(line, kRetryAfter))
        incoming.reply.retry_after_ms =
            parse_retry_after(line.substr(kRetryAfter.size()), static_cast<std::int64_t>(std::time(nullptr)));
    return incoming.is_too_long ? 0 : count;
}

// Sentences of ours where curl's would name the URL; curl's own for names and certificates, which it says well.
std::string failure_of(CURLcode code, const char* said, const Incoming& incoming) {
    if (incoming.is_too_long) return "the reply is too long";
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return "no complete answer in time";
        case CURLE_UNSUPPORTED_PROTOCOL: return "neither http:// nor https://";
        case CURLE_URL_MALFORMAT: return "this is no URL";
        default: break;
    }
    return printable(*said != '\0' ? said : curl_easy_strerror(code));
}

void set_bounds(CURL* easy, const HttpRequest& request, Incoming& incoming, char* said) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // A name that is being looked up is left to its thread, at a time-out, too: else it would be waited for.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (const char* authorities = std::getenv("SSL_CERT_FILE"); authorities != nullptr && *authorities != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, said);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &incoming);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &incoming);
}

// Until the transfer ends, or `wake_fd` says that there is no more time. Nothing in the second case.
std::optional<CURLcode> transfer(CURLM* multi, int wake_fd) {
    std::uint64_t last_ns = 0;  // 0: nobody is in a hurry
    for (;;) {
        int running = 0;
        if (curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
        int left = 0;
        if (const CURLMsg* message = curl_multi_info_read(multi, &left); message != nullptr)
            return message->data.result;
        if (running == 0) return CURLE_FAILED_INIT;
        int timeout_ms = 1000;
        if (last_ns != 0) {
            const std::uint64_t now_ns = monotonic_ns();
            if (now_ns >= last_ns) return std::nullopt;
            timeout_ms = static_cast<int>((last_ns - now_ns) / 1'000'000) + 1;
        }
        curl_waitfd woken{wake_fd, CURL_WAIT_POLLIN, 0};
        const bool is_awaited = wake_fd >= 0 && last_ns == 0;
        curl_multi_poll(multi, &woken, is_awaited ? 1 : 0, timeout_ms, nullptr);
        if (is_awaited && woken.revents != 0) last_ns = monotonic_ns() + std::uint64_t{kLastAnswer_ms} * 1'000'000;
    }
}

}  // namespace

struct HttpClient::Handles {
    Multi multi{};
    Easy easy{};
};

HttpClient::HttpClient() : handles_(std::make_unique<Handles>()) {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, whichever thread is first
    if (started != CURLE_OK) return;
    handles_->multi.reset(curl_multi_init());
    handles_->easy.reset(curl_easy_init());
}

HttpReply HttpClient::post(const HttpRequest& request, int wake_fd) {
    Incoming incoming;
    CURL* easy = handles_->easy.get();
    CURLM* multi = handles_->multi.get();
    if (easy == nullptr || multi == nullptr) {
        incoming.reply.failure = "libcurl does not start";
        return incoming.reply;
    }
    incoming.max_bytes = request.max_reply_bytes;
    char said[CURL_ERROR_SIZE] = {};
    curl_easy_reset(easy);
    set_bounds(easy, request, incoming, said);
    List headers(curl_slist_append(nullptr, "Expect:"));  // no round trip before the body
    for (const std::string& header : request.headers) {
        curl_slist* longer = curl_slist_append(headers.get(), header.c_str());
        if (longer != nullptr && !headers) headers.reset(longer);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data() == nullptr ? "" : request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_multi_add_handle(multi, easy);
    const std::optional<CURLcode> ended = transfer(multi, wake_fd);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    long sent_bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    curl_multi_remove_handle(multi, easy);
    curl_easy_reset(easy);  // it keeps nothing of this request
    HttpReply& reply = incoming.reply;
    const bool is_answer = status >= 200;  // 1xx: one was to come
    reply.status = is_answer ? static_cast<int>(status) : 0;
    reply.is_sent = sent_bytes != 0;
    reply.is_stopped = !ended;
    reply.is_whole = ended == CURLE_OK && is_answer;
    if (!ended)
        reply.failure = "stopped";
    else if (ended != CURLE_OK)
        reply.failure = failure_of(*ended, said, incoming);
    else if (!is_answer)
        reply.failure = "the answer is not that of HTTP/1.1";
    return std::move(incoming.reply);
}

#else

struct HttpClient::Handles {};
HttpClient::HttpClient() = default;
HttpReply HttpClient::post(const HttpRequest&, int) {
    HttpReply reply;
    reply.failure = std::string("weir was built without libcurl: Debian's ") + kHttpPackage + " brings it";
    return reply;
}

#endif

HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

}  // namespace weir::runtime

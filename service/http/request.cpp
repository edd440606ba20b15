// Tested by tests/unit/service/http_request_test.cpp.
#include "service/http/request.h"

#include <algorithm>

#include "service/fields.h"

namespace weir::service::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string_view> first(const Pairs& pairs, std::string_view name) {
    const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const auto& one) { return one.first == name; });
    if (found == pairs.end()) return std::nullopt;
    return found->second;
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<std::string_view> header(const Request& request, std::string_view name) {
    return first(request.headers, name);
}

std::size_t count_headers(const Request& request, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(request.headers.begin(), request.headers.end(),
                                                  [&](const auto& one) { return one.first == name; }));
}

std::optional<std::string_view> parameter(const Request& request, std::string_view name) {
    return first(request.query, name);
}

Answer refusal(unsigned status, std::string_view error, std::string_view help) {
    Answer answer;
    answer.status = status;
    {
        FieldWriter fields(answer.body);
        fields("error", std::string(error));
        fields("help", std::string(help));
    }
    answer.body += '\n';
    return answer;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = digit_of(text[i + 1]), low = digit_of(text[i + 2]);
        if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
        out += static_cast<char>(16 * high + low);
        i += 2;
    }
    return out;
}

}  // namespace weir::service::http

// Tested by tests/unit/tooling/lsp_text_test.cpp.
#include "tooling/lsp/uri.h"

#include <optional>

namespace weir::tooling::lsp {
namespace {

constexpr std::string_view kScheme = "file://";

std::optional<int> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~' || c == '/';
}

}  // namespace

std::string path_of(std::string_view uri) {
    if (!uri.starts_with(kScheme)) return std::string(uri);
    uri.remove_prefix(kScheme.size());
    const std::size_t slash = uri.find('/');  // behind a host: `localhost`, or nothing
    uri.remove_prefix(slash == std::string_view::npos ? uri.size() : slash);
    std::string path;
    for (std::size_t i = 0; i < uri.size(); ++i) {
        const auto high = uri[i] == '%' && i + 2 < uri.size() ? hex_digit(uri[i + 1]) : std::nullopt;
        const auto low = high ? hex_digit(uri[i + 2]) : std::nullopt;
        const int byte = high && low ? *high * 16 + *low : 0;
        if (byte != 0) {  // a path has no zero byte
            path += static_cast<char>(byte);
            i += 2;
        } else {
            path += uri[i];
        }
    }
    return path;
}

std::string uri_of(std::string_view path) {
    if (!path.starts_with('/')) return std::string(path);
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string uri(kScheme);
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_plain(c))
            uri += c;
        else
            uri.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
    return uri;
}

}  // namespace weir::tooling::lsp

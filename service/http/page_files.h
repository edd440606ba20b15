// The files of the page at `/`, as built into dist/ and embedded in the program (docs/page.md).
#pragma once

#include <span>
#include <string_view>

namespace weir::service::http {

struct PageFile {
    std::string_view path;   // of the request: "/", "/assets/page.js"
    std::string_view type;   // the header Content-Type
    std::string_view etag;   // the header ETag, with its quotes: of the bytes
    std::string_view bytes;  // of the program's own memory
};

// All of them, sorted by path; the first is "/".
std::span<const PageFile> page_files();

// The header Content-Security-Policy for each of these files: own files only, no inline script or style, and no text
// that becomes HTML (Trusted Types).
inline constexpr std::string_view kPageSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace weir::service::http

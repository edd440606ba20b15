// `file:` URIs (RFC 8089) and the paths that they name.
#pragma once

#include <string>
#include <string_view>

namespace weir::tooling::lsp {

// Of another scheme (`untitled:`): the URI itself, which is no path of a file.
std::string path_of(std::string_view uri);
std::string uri_of(std::string_view path);

}  // namespace weir::tooling::lsp

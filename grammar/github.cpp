// Tested by tests/unit/grammar/sarif_test.cpp.
#include "grammar/github.h"

#include <fmt/format.h>

namespace weir {
namespace {

// %, CR and LF are escaped, in properties also `:` and `,`.
enum class Place : std::uint8_t { kText, kProperty };
std::string escaped(std::string_view text, Place place) {
    std::string out;
    for (const char c : text) {
        if (c == '%' || c == '\r' || c == '\n' || (place == Place::kProperty && (c == ':' || c == ',')))
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out;
}

}  // namespace

std::string github_line(const GithubAnnotation& one) {
    return fmt::format("::{} file={},line={},col={},endLine={},endColumn={},title={}::{}\n", one.level,
                       escaped(one.file, Place::kProperty), one.begin.line, one.begin.column, one.end.line,
                       one.end.column, escaped(one.title, Place::kProperty), escaped(one.text, Place::kText));
}

}  // namespace weir

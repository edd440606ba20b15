// Tested by tests/unit/grammar/sarif_test.cpp.
#include "grammar/github.h"

#include <fmt/format.h>

#include "grammar/base/printable.h"

namespace weir {
namespace {

// % is escaped, and line ends, which would begin another command; in properties also `:` and `,`.
enum class Place : std::uint8_t { kText, kProperty };
std::string escaped(std::string_view text, Place place) {
    std::string out;
    for (;;) {
        const std::size_t end = text.find('\n');
        for (const char c : printable(text.substr(0, end))) {
            if (c == '%' || (place == Place::kProperty && (c == ':' || c == ',')))
                out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
            else
                out += c;
        }
        if (end == std::string_view::npos) return out;
        out += "%0A";
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::string github_line(const GithubAnnotation& one) {
    return fmt::format("::{} file={},line={},col={},endLine={},endColumn={},title={}::{}\n", one.level,
                       escaped(one.file, Place::kProperty), one.begin.line, one.begin.column, one.end.line,
                       one.end.column, escaped(one.title, Place::kProperty), escaped(one.text, Place::kText));
}

}  // namespace weir

// Tested by tests/house/house_test.py.
#include "grammar/source.h"

#include <algorithm>

#include "grammar/base/utf8.h"

namespace weir {

std::uint32_t Sources::add(std::string name, std::string text) {
    const std::string_view read = without_byte_order_mark(text);
    if (read.size() != text.size()) text = std::string(read);
    File file{std::move(name), std::move(text), {0}};
    for (std::size_t i = 0; i < file.text.size(); ++i)
        if (file.text[i] == '\n') file.line_starts.push_back(static_cast<std::uint32_t>(i + 1));
    files_.push_back(std::move(file));
    return static_cast<std::uint32_t>(files_.size() - 1);
}

std::string_view Sources::text(Span span) const {
    const std::string& whole = files_[span.file].text;
    const std::size_t begin = std::min<std::size_t>(span.begin, whole.size());
    const std::size_t end = std::clamp<std::size_t>(span.end, begin, whole.size());
    return std::string_view(whole).substr(begin, end - begin);
}

Position Sources::position(std::uint32_t file, std::uint32_t offset) const {
    const std::vector<std::uint32_t>& starts = files_[file].line_starts;
    const auto after = std::upper_bound(starts.begin(), starts.end(), offset);
    const auto line = static_cast<std::uint32_t>(after - starts.begin());
    return {line, offset - starts[line - 1] + 1};
}

std::string_view Sources::line(std::uint32_t file, std::uint32_t offset) const {
    const File& f = files_[file];
    const std::uint32_t number = position(file, offset).line;
    const std::size_t begin = f.line_starts[number - 1];
    std::size_t end = number < f.line_starts.size() ? f.line_starts[number] : f.text.size();
    while (end > begin && (f.text[end - 1] == '\n' || f.text[end - 1] == '\r')) --end;
    return std::string_view(f.text).substr(begin, end - begin);
}

}  // namespace weir

// The text of a document and the places in it as the protocol counts them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace weir::tooling::lsp {

using Json = nlohmann::json;

// Both from 0; `character` counts UTF-16 units. Lines end with LF, CRLF or CR.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t character = 0;

    friend auto operator<=>(const Place&, const Place&) = default;
};
struct Range {
    Place begin{};
    Place end{};

    friend bool operator==(const Range&, const Range&) = default;
};

Json json_of(Place place);
Json json_of(Range range);

class Text {
public:
    Text() : Text(std::string()) {}
    // A byte order mark at the start is left out, as Sources does.
    explicit Text(std::string text);

    const std::string& all() const { return text_; }
    // A place behind the end of a line or of the text is that end; one within a character is its start.
    Place place(std::size_t offset) const;
    std::uint32_t offset(Place place) const;
    Range range(std::size_t begin, std::size_t end) const { return {place(begin), place(end)}; }
    Range whole() const { return range(0, text_.size()); }
    void replace(Range range, std::string_view with);

private:
    void find_lines();
    // Without its line end.
    std::string_view line(std::uint32_t number) const;

    std::string text_;
    std::vector<std::uint32_t> starts_;
};

}  // namespace weir::tooling::lsp

// Source text and places in it. Everyone may point at text; nobody else owns it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// A half-open range of bytes [begin, end) in one file of a `Sources`.
struct Span {
    std::uint32_t file = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;

    friend bool operator==(const Span&, const Span&) = default;
};

// Lines and columns start at 1; columns count bytes, as editors and SARIF readers of ASCII expect.
struct Position {
    std::uint32_t line = 1;
    std::uint32_t column = 1;
};

// The texts of one compilation. Files are only ever added, so a Span stays valid as long as its Sources.
class Sources {
public:
    // Takes a file's name as people should read it and its whole text. Returns its number. A byte order mark at the
    // start is left out: places count what editors show.
    std::uint32_t add(std::string name, std::string text);

    std::size_t size() const { return files_.size(); }
    const std::string& name(std::uint32_t file) const { return files_[file].name; }
    const std::string& text(std::uint32_t file) const { return files_[file].text; }
    std::string_view text(Span span) const;

    Position position(std::uint32_t file, std::uint32_t offset) const;
    // The line that holds `offset`, without its line end.
    std::string_view line(std::uint32_t file, std::uint32_t offset) const;

private:
    struct File {
        std::string name;
        std::string text;
        std::vector<std::uint32_t> line_starts;
    };
    std::vector<File> files_;
};

}  // namespace weir

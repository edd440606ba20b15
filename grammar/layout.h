// Lines of a formatted text before alignment: the columns of adjacent lines of one kind are aligned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/printable.h"

namespace weir {

inline constexpr std::size_t kMaxColumns = 120;  // as in the project's own sources

// Neighbouring lines of the same run are aligned cell by cell.
enum class Run : std::uint8_t { kNone, kDefinition, kDefault, kSink, kRule, kAlert, kStep };

class Layout {
public:
    // Starts a line at `indent` columns.
    void line(std::size_t indent);
    // A blank line, unless this is the start of the text, a block was just opened, or there is one already.
    void blank();
    void put(std::string_view text, std::size_t spaces_before);
    // Starts the next column of the line's run.
    void next_cell() { lines_.back().cells.emplace_back(); }
    // A comment at the end of the line.
    void trail(std::string_view comment) { lines_.back().comment = comment; }
    // The line ends with the sign that opens a block.
    void opens_block() { opened_ = true; }

    bool empty() const { return lines_.empty(); }
    std::size_t size() const { return lines_.size(); }
    std::size_t column() const;
    // The run of line `index`. A line that other lines continue should be in no run.
    void set_run(std::size_t index, Run run);
    // The first words of the cells of line `index`. Alerts are aligned in all columns only if these words are equal.
    void set_shape(std::size_t index, std::string shape) { lines_[index].shape = std::move(shape); }

    // All lines, aligned.
    std::string text();

private:
    struct Line {
        std::size_t indent = 0;
        Run run = Run::kNone;
        std::vector<std::string> cells{};
        std::string shape{};
        std::string comment{};
    };
    static std::size_t width(const Line& line);
    void align_run(std::size_t begin, std::size_t end);
    void align_cell(std::size_t begin, std::size_t end, std::size_t cell);
    void align_steps(std::size_t begin, std::size_t end);
    void align_comments();

    std::vector<Line> lines_;
    bool opened_ = false;
};

}  // namespace weir

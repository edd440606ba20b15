// Tested by tests/unit/grammar/format_test.cpp with `formatted`.
#include "grammar/layout.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::size_t kMaxStepColumns = 72;    // longer packets do not move the `=>` of other steps
constexpr std::size_t kMaxCommentColumn = 90;  // longer lines do not move the comments of other lines

std::size_t gap(Run run, std::size_t cell) { return run == Run::kAlert && cell > 1 ? 2 : 1; }

}  // namespace

void Layout::line(std::size_t indent) {
    lines_.push_back({.indent = indent, .cells = {""}});
    opened_ = false;
}

void Layout::blank() {
    if (lines_.empty() || opened_ || lines_.back().cells.empty()) return;
    lines_.emplace_back();
}

void Layout::put(std::string_view text, std::size_t spaces_before) {
    std::string& cell = lines_.back().cells.back();
    if (!cell.empty()) cell.append(spaces_before, ' ');
    cell += text;
}

std::size_t Layout::width(const Line& line) {
    std::size_t width = line.indent;
    for (std::size_t i = 0; i < line.cells.size(); ++i) width += columns(line.cells[i]) + (i ? gap(line.run, i) : 0);
    return width;
}

std::size_t Layout::column() const { return width(lines_.back()); }

void Layout::set_run(std::size_t index, Run run) { lines_[index].run = run; }

// Pads cell `cell` of the lines to one width.
void Layout::align_cell(std::size_t begin, std::size_t end, std::size_t cell) {
    std::size_t widest = 0;
    for (std::size_t i = begin; i < end; ++i) widest = std::max(widest, columns(lines_[i].cells[cell]));
    for (std::size_t i = begin; i < end; ++i) {
        std::string& text = lines_[i].cells[cell];
        text.append(widest - columns(text), ' ');
    }
}

void Layout::align_steps(std::size_t begin, std::size_t end) {
    std::size_t widest = 0;
    for (std::size_t i = begin; i < end; ++i) {
        if (lines_[i].cells.size() < 2) continue;  // a comment, a blank line, `after`
        if (const std::size_t width = columns(lines_[i].cells[0]); width <= kMaxStepColumns)
            widest = std::max(widest, width);
    }
    for (std::size_t i = begin; i < end; ++i) {
        if (lines_[i].cells.size() < 2) continue;
        std::string& packet = lines_[i].cells[0];
        if (const std::size_t width = columns(packet); width < widest) packet.append(widest - width, ' ');
    }
}

// Lines [begin, end) are of one run. A column that would make a line too long is not aligned, nor are those after it.
void Layout::align_run(std::size_t begin, std::size_t end) {
    const Run run = lines_[begin].run;
    if (run == Run::kStep) return align_steps(begin, end);
    std::size_t cells = lines_[begin].cells.size();
    bool same_shape = true;
    for (std::size_t i = begin; i < end; ++i) {
        cells = std::min(cells, lines_[i].cells.size());
        same_shape = same_shape && lines_[i].shape == lines_[begin].shape;
    }
    if (!same_shape) cells = std::min<std::size_t>(cells, 3);
    for (std::size_t cell = 0; cell + 1 < cells; ++cell) {
        const std::vector<Line> before(lines_.begin() + static_cast<std::ptrdiff_t>(begin),
                                       lines_.begin() + static_cast<std::ptrdiff_t>(end));
        align_cell(begin, end, cell);
        for (std::size_t i = begin; i < end; ++i) {
            if (width(lines_[i]) <= kMaxColumns || width(before[i - begin]) > kMaxColumns) continue;
            std::copy(before.begin(), before.end(), lines_.begin() + static_cast<std::ptrdiff_t>(begin));
            return;
        }
    }
}

void Layout::align_comments() {
    for (std::size_t begin = 0, end = 0; begin < lines_.size(); begin = std::max(end, begin + 1)) {
        std::size_t widest = 0;
        for (end = begin; end < lines_.size() && !lines_[end].comment.empty(); ++end)
            if (const std::size_t w = width(lines_[end]); w <= kMaxCommentColumn) widest = std::max(widest, w);
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t w = width(lines_[i]);
            lines_[i].comment.insert(0, std::max(widest, w) - w + 2, ' ');
        }
    }
}

std::string Layout::text() {
    for (std::size_t begin = 0, end = 0; begin < lines_.size(); begin = end) {
        for (end = begin + 1; end < lines_.size() && lines_[end].run == lines_[begin].run;) ++end;
        if (lines_[begin].run != Run::kNone) align_run(begin, end);
    }
    align_comments();
    std::string all;
    for (const Line& line : lines_) {
        all.append(line.cells.empty() ? 0 : line.indent, ' ');
        for (std::size_t i = 0; i < line.cells.size(); ++i) {
            if (i != 0) all.append(gap(line.run, i), ' ');
            all += line.cells[i];
        }
        while (!all.empty() && all.back() == ' ' && line.comment.empty()) all.pop_back();
        all += line.comment;
        all += '\n';
    }
    return all;
}

}  // namespace weir

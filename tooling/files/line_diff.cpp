// Tested by tests/unit/tooling/line_diff_test.cpp.
#include "tooling/files/line_diff.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace weir::tooling {
namespace {

using Lines = std::vector<std::string_view>;  // each with its line end

constexpr std::size_t kContext = 3;
constexpr std::ptrdiff_t kMostEdits = 2'000;  // the search keeps the square of it as numbers: 32 MB

Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

// Lines [before, before + removed) become [after, after + added).
struct Change {
    std::size_t before = 0, removed = 0, after = 0, added = 0;
};

// E. Myers, "An O(ND) difference algorithm and its variations" (1986), the greedy form. Nothing where there are more
// than kMostEdits.
class Search {
public:
    Search(const Lines& a, const Lines& b, std::size_t begin, std::size_t a_end, std::size_t b_end)
        : a_(a), b_(b), begin_(begin), n_(sized(a_end - begin)), m_(sized(b_end - begin)) {}

    std::optional<std::vector<Change>> run() {
        std::vector<std::ptrdiff_t> furthest(static_cast<std::size_t>(2 * kMostEdits + 3), 0);  // by diagonal
        for (std::ptrdiff_t d = 0; d <= kMostEdits; ++d) {
            for (std::ptrdiff_t k = -d; k <= d; k += 2) {
                const bool down = k == -d || (k != d && furthest[at(k - 1)] < furthest[at(k + 1)]);
                std::ptrdiff_t x = down ? furthest[at(k + 1)] : furthest[at(k - 1)] + 1;
                while (x < n_ && x - k < m_ && x - k >= 0 && line(a_, x) == line(b_, x - k)) ++x;
                furthest[at(k)] = x;
                if (x >= n_ && x - k >= m_) return path(d);
            }
            rows_.emplace_back(furthest.begin() + (kMiddle - d), furthest.begin() + (kMiddle + d + 1));
        }
        return std::nullopt;
    }

private:
    static constexpr std::ptrdiff_t kMiddle = kMostEdits + 1;
    static std::ptrdiff_t sized(std::size_t size) { return static_cast<std::ptrdiff_t>(size); }
    static std::size_t at(std::ptrdiff_t k) { return static_cast<std::size_t>(kMiddle + k); }
    std::string_view line(const Lines& lines, std::ptrdiff_t i) const {
        return lines[begin_ + static_cast<std::size_t>(i)];
    }

    // Back from the end, an edit a row.
    std::vector<Change> path(std::ptrdiff_t d) const {
        std::vector<Change> changes;
        std::ptrdiff_t x = n_, y = m_;
        for (; d > 0; --d) {
            const std::vector<std::ptrdiff_t>& row = rows_[static_cast<std::size_t>(d - 1)];  // of -(d - 1) to d - 1
            const auto reached = [&](std::ptrdiff_t k) { return row[static_cast<std::size_t>(k + d - 1)]; };
            const std::ptrdiff_t k = x - y;
            const bool down = k == -d || (k != d && reached(k - 1) < reached(k + 1));
            x = down ? reached(k + 1) : reached(k - 1);
            y = x - (down ? k + 1 : k - 1);
            const auto before = begin_ + static_cast<std::size_t>(x), after = begin_ + static_cast<std::size_t>(y);
            changes.push_back({before, down ? 0u : 1u, after, down ? 1u : 0u});
        }
        std::reverse(changes.begin(), changes.end());
        return changes;
    }

    const Lines &a_, &b_;
    std::size_t begin_;
    std::ptrdiff_t n_, m_;
    std::vector<std::vector<std::ptrdiff_t>> rows_{};  // by number of edits
};

std::vector<Change> joined(const std::vector<Change>& single) {
    std::vector<Change> changes;
    for (const Change& one : single) {
        Change* last = changes.empty() ? nullptr : &changes.back();
        if (last != nullptr && last->before + last->removed == one.before && last->after + last->added == one.after) {
            last->removed += one.removed;
            last->added += one.added;
        } else {
            changes.push_back(one);
        }
    }
    return changes;
}

std::vector<Change> changes_between(const Lines& a, const Lines& b) {
    std::size_t begin = 0, a_end = a.size(), b_end = b.size();
    while (begin < a_end && begin < b_end && a[begin] == b[begin]) ++begin;
    while (a_end > begin && b_end > begin && a[a_end - 1] == b[b_end - 1]) --a_end, --b_end;
    if (begin == a_end && begin == b_end) return {};
    if (auto found = Search(a, b, begin, a_end, b_end).run()) return joined(*found);
    return {{begin, a_end - begin, begin, b_end - begin}};
}

std::string printed(char mark, std::string_view line) {
    std::string out = mark + std::string(line);
    if (!line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
    return out;
}

// "4,2": from line 4, two lines. Of no line: the one before it.
std::string range(std::size_t first, std::size_t count) {
    if (count == 1) return std::to_string(first + 1);
    return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

}  // namespace

std::string unified_diff(std::string_view name, std::string_view before, std::string_view after) {
    const Lines a = lines_of(before), b = lines_of(after);
    const std::vector<Change> changes = changes_between(a, b);
    if (changes.empty()) return {};
    std::string out = fmt::format("--- {}\n+++ {}\n", name, name);
    for (std::size_t i = 0; i < changes.size();) {
        std::size_t last = i;  // changes that are near one another are one hunk
        while (last + 1 < changes.size() &&
               changes[last + 1].before - (changes[last].before + changes[last].removed) <= 2 * kContext)
            ++last;
        const std::size_t lead = std::min(changes[i].before, kContext);
        const std::size_t a_begin = changes[i].before - lead, b_begin = changes[i].after - lead;
        const std::size_t a_stop = changes[last].before + changes[last].removed;
        const std::size_t tail = std::min(kContext, a.size() - a_stop);
        const std::size_t b_stop = changes[last].after + changes[last].added;
        out += fmt::format("@@ -{} +{} @@\n", range(a_begin, a_stop + tail - a_begin),
                           range(b_begin, b_stop + tail - b_begin));
        std::size_t at = a_begin;
        for (; i <= last; ++i) {
            const Change& change = changes[i];
            while (at < change.before) out += printed(' ', a[at++]);
            while (at < change.before + change.removed) out += printed('-', a[at++]);
            for (std::size_t j = 0; j < change.added; ++j) out += printed('+', b[change.after + j]);
        }
        while (at < a_stop + tail) out += printed(' ', a[at++]);
    }
    return out;
}

std::uint32_t first_changed_line(std::string_view before, std::string_view after) {
    if (before == after) return 0;
    const auto [at, other] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
    return 1 + static_cast<std::uint32_t>(std::count(before.begin(), at, '\n'));
}

}  // namespace weir::tooling

// Events of a batch as text that is sent together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "runtime/sinks/batch.h"
#include "runtime/sinks/eve_line.h"
#include "runtime/sinks/text_buffer.h"

namespace weir::runtime {

// Their text, and where each ends. Memory is kept.
struct Lines {
    TextBuffer text{};
    std::vector<std::size_t> ends{};

    std::size_t count() const { return ends.size(); }
    std::string_view line(std::size_t i) const {
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        return text.text().substr(begin, ends[i] - begin);
    }
    void clear() {
        text.clear();
        ends.clear();
    }
    // What was appended to `text` since the last one is a line.
    void end_line() { ends.push_back(text.size()); }
    // Event i of the batch as EVE, with its newline.
    void add_eve(Batch& batch, std::size_t i) {
        if (const PackedEvent* event = batch.event(i); event != nullptr) {
            append_eve_line(text, *event);
        } else {
            text.append(batch.line(i));
            text.append('\n');
        }
        end_line();
    }
    // Without the last one.
    void drop_last() {
        ends.pop_back();
        text.cut(ends.empty() ? 0 : ends.back());
    }
    // Those that end within the first `bytes`.
    std::size_t within(std::size_t bytes) const {
        return static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), bytes) - ends.begin());
    }
};

}  // namespace weir::runtime

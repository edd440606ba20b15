// Lines of Prometheus's text format. Seen by the metrics alone.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "service/http/metrics.h"

namespace weir::service::http {

// Appends `name="value"`, and a comma before it where `labels` has others. The value is escaped, and has U+FFFD for
// each byte that is no UTF-8.
void append_label(std::string& labels, std::string_view name, std::string_view value);

// The series of one metric. The comments of the metric come before the first one.
class Series {
public:
    Series(std::string& out, const MetricRow& row);

    // `values`: of the row's labels, in their order.
    void add(std::initializer_list<std::string_view> values, std::uint64_t value);
    void add(std::initializer_list<std::string_view> values, double value);
    // The same in two steps, for a line with more labels or of a part of a histogram.
    std::string labels(std::initializer_list<std::string_view> values) const;
    void add_line(std::string_view suffix, std::string_view labels, std::uint64_t value);
    void add_line(std::string_view suffix, std::string_view labels, double value);

private:
    static constexpr std::size_t kMostLabels = 5;

    void append_labels(std::string& to, std::initializer_list<std::string_view> values) const;
    void begin_line();

    std::string& out_;
    const MetricRow& row_;
    std::array<std::string_view, kMostLabels> names_{};
    std::size_t name_count_ = 0;
    bool is_begun_ = false;
};

}  // namespace weir::service::http

// Tested by tests/unit/service/metrics_test.cpp.
#include "service/http/series.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "grammar/base/utf8.h"

namespace weir::service::http {
namespace {

void append_escaped(std::string& to, std::string_view text) {
    const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
    if (std::all_of(text.begin(), text.end(), is_plain)) {
        to += text;
        return;
    }
    while (!text.empty()) {
        const std::size_t length = first_character(text).bytes;
        if (length == 0) {
            to += "\xef\xbf\xbd";
        } else if (text.front() == '\n') {
            to += "\\n";
        } else {
            if (text.front() == '"' || text.front() == '\\') to += '\\';
            to += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

void append_number(std::string& to, std::uint64_t value) {
    const fmt::format_int digits(value);
    to.append(digits.data(), digits.size());
}
void append_number(std::string& to, double value) { fmt::format_to(std::back_inserter(to), "{}", value); }

std::string_view word(MetricType type) {
    switch (type) {
        case MetricType::kCounter: return "counter";
        case MetricType::kGauge: return "gauge";
        case MetricType::kHistogram: return "histogram";
    }
    return "untyped";
}

}  // namespace

void append_label(std::string& labels, std::string_view name, std::string_view value) {
    if (!labels.empty()) labels += ',';
    labels += name;
    labels += "=\"";
    append_escaped(labels, value);
    labels += '"';
}

Series::Series(std::string& out, const MetricRow& row) : out_(out), row_(row) {
    for (std::string_view rest = row.labels; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        WEIR_CHECK(name_count_ < kMostLabels);
        names_[name_count_++] = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

void Series::append_labels(std::string& to, std::initializer_list<std::string_view> values) const {
    WEIR_CHECK(values.size() == name_count_);
    for (std::size_t i = 0; i < name_count_; ++i) {
        if (i != 0) to += ',';
        to += names_[i];
        to += "=\"";
        append_escaped(to, values.begin()[i]);
        to += '"';
    }
}

void Series::begin_line() {
    if (!is_begun_)
        fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", row_.name, row_.help, row_.name,
                       word(row_.type));
    is_begun_ = true;
    out_ += row_.name;
}

void Series::add(std::initializer_list<std::string_view> values, std::uint64_t value) {
    begin_line();
    if (name_count_ != 0) {
        out_ += '{';
        append_labels(out_, values);
        out_ += '}';
    }
    out_ += ' ';
    append_number(out_, value);
    out_ += '\n';
}

void Series::add(std::initializer_list<std::string_view> values, double value) { add_line("", labels(values), value); }

std::string Series::labels(std::initializer_list<std::string_view> values) const {
    std::string text;
    append_labels(text, values);
    return text;
}

namespace {

template <typename Number>
void append_rest(std::string& out, std::string_view suffix, std::string_view labels, Number value) {
    out += suffix;
    if (!labels.empty()) ((out += '{') += labels) += '}';
    out += ' ';
    append_number(out, value);
    out += '\n';
}

}  // namespace

void Series::add_line(std::string_view suffix, std::string_view labels, std::uint64_t value) {
    begin_line();
    append_rest(out_, suffix, labels, value);
}

void Series::add_line(std::string_view suffix, std::string_view labels, double value) {
    begin_line();
    append_rest(out_, suffix, labels, value);
}

}  // namespace weir::service::http

#include "tests/unit/service/exposition.h"

#include <cctype>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>
#include <sstream>

#include "grammar/base/utf8.h"

namespace weir::test {
namespace {

bool is_name(const std::string& text, const std::string& more) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) != 0) return false;
    for (const char c : text)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && more.find(c) == std::string::npos)
            return false;
    return true;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto character = first_character(text);
        if (character.bytes == 0) return false;
        text.remove_prefix(character.bytes);
    }
    return true;
}

class Line {
public:
    explicit Line(const std::string& text) : text_(text) {}

    bool take(const std::string& word) {
        if (text_.compare(at_, word.size(), word) != 0) return false;
        at_ += word.size();
        return true;
    }
    std::string until(const std::string& ends) {
        const std::size_t end = std::min(text_.find_first_of(ends, at_), text_.size());
        const std::string part = text_.substr(at_, end - at_);
        at_ = end;
        return part;
    }
    // What stands between quotes; nothing where they do not close, or an escape is none.
    std::optional<std::string> quoted() {
        std::string value;
        if (!take("\"")) return std::nullopt;
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '"') return ++at_, value;
            if (c != '\\') {
                value += c;
                continue;
            }
            const char escaped = ++at_ < text_.size() ? text_[at_] : '\0';
            if (escaped != '\\' && escaped != '"' && escaped != 'n') return std::nullopt;
            value += escaped == 'n' ? '\n' : escaped;
        }
        return std::nullopt;
    }
    std::string rest() const { return text_.substr(at_); }

private:
    const std::string& text_;
    std::size_t at_ = 0;
};

std::optional<double> number(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    return *end == '\0' ? std::optional(value) : std::nullopt;
}

std::string read_sample(const std::string& text, Sample& sample) {
    Line line(text);
    sample.name = line.until("{ ");
    if (!is_name(sample.name, ":")) return "no name of a metric";
    if (line.take("{")) {
        do {
            const std::string name = line.until("=");
            if (!is_name(name, "")) return "no name of a label";
            if (!line.take("=")) return "a label without a value";
            const auto value = line.quoted();
            if (!value) return "a value that is not quoted or escaped well";
            if (!is_utf8(*value)) return "a value that is no UTF-8";
            if (!sample.labels.emplace(name, *value).second) return "a label twice";
        } while (line.take(","));
        if (!line.take("}")) return "labels without an end";
    }
    if (!line.take(" ")) return "no space before the value";
    const auto value = number(line.rest());
    if (!value) return "a value that is no number";
    sample.value = *value;
    return {};
}

// Of one histogram, in the order: buckets, _sum, _count.
struct Histogram {
    double bound = -std::numeric_limits<double>::infinity(), values = 0;
    bool has_sum = false, has_count = false;
};

std::string check_histogram(const Family& family) {
    std::map<std::map<std::string, std::string>, Histogram> all;
    for (const Sample& sample : family.samples) {
        auto labels = sample.labels;
        const std::string part = sample.name.substr(family.name.size());
        if (part == "_bucket") {
            const std::string le = labels.contains("le") ? labels.at("le") : "";
            labels.erase("le");
            Histogram& one = all[labels];
            const auto bound = le == "+Inf" ? std::numeric_limits<double>::infinity() : number(le).value_or(-1);
            if (one.has_sum || bound <= one.bound) return "buckets that do not rise";
            if (sample.value < one.values) return "buckets that are not cumulative";
            one.bound = bound, one.values = sample.value;
        } else if (part == "_sum") {
            Histogram& one = all[labels];
            if (one.bound != std::numeric_limits<double>::infinity()) return "no bucket +Inf";
            one.has_sum = true;
        } else if (part == "_count") {
            Histogram& one = all[labels];
            if (sample.value != one.values) return "a count that is not the last bucket";
            one.has_count = true;
        } else {
            return "a part that no histogram has: " + sample.name;
        }
    }
    for (const auto& [labels, one] : all)
        if (!one.has_sum || !one.has_count) return "a histogram without sum or count";
    return {};
}

std::string check_family(const Family& family) {
    if (family.samples.empty()) return "no sample";
    if (family.help.empty()) return "no help";
    const bool is_counter = family.type == "counter";
    if (is_counter != family.name.ends_with("_total")) return "_total is for counters, and for each of them";
    if (family.type == "histogram") return check_histogram(family);
    if (!is_counter && family.type != "gauge") return "no type: " + family.type;
    std::set<std::map<std::string, std::string>> seen;
    for (const Sample& sample : family.samples) {
        if (sample.name != family.name) return "a sample of another metric: " + sample.name;
        if (!seen.insert(sample.labels).second) return "a series twice";
        if (is_counter && sample.value < 0) return "a counter below 0";
    }
    return {};
}

}  // namespace

const Family* Exposition::find(const std::string& name) const {
    for (const Family& family : families)
        if (family.name == name) return &family;
    return nullptr;
}

double Exposition::value(const std::string& name, const std::map<std::string, std::string>& labels) const {
    for (const Family& family : families)
        for (const Sample& sample : family.samples)
            if (sample.name == name && sample.labels == labels) return sample.value;
    return -1;
}

Exposition read_exposition(const std::string& text) {
    Exposition read;
    std::set<std::string> names;
    const auto at_fault = [&](const std::string& what, const std::string& where) {
        read.fault = what + ": " + where;
        return read;
    };
    if (text.empty() || text.back() != '\n') return at_fault("the last line has no end", "");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        Line words(line);
        if (words.take("# HELP ")) {
            Family family;
            family.name = words.until(" ");
            if (!is_name(family.name, "") || !words.take(" ")) return at_fault("no name", line);
            if (!names.insert(family.name).second) return at_fault("a family twice", line);
            family.help = words.rest();
            const std::string type = "# TYPE " + family.name + " ";
            std::string next;
            if (!std::getline(lines, next) || !next.starts_with(type)) return at_fault("no type after its help", line);
            family.type = next.substr(type.size());
            read.families.push_back(std::move(family));
            continue;
        }
        if (read.families.empty()) return at_fault("a sample before its family", line);
        Sample sample;
        if (const std::string wrong = read_sample(line, sample); !wrong.empty()) return at_fault(wrong, line);
        if (!sample.name.starts_with(read.families.back().name)) return at_fault("a sample of no family", line);
        read.families.back().samples.push_back(std::move(sample));
    }
    for (const Family& family : read.families)
        if (const std::string wrong = check_family(family); !wrong.empty()) return at_fault(wrong, family.name);
    return read;
}

}  // namespace weir::test

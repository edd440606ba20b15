// A strict reader of Prometheus's text format, for tests: it wants more than Prometheus does.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

struct Sample {
    std::string name;                           // with _bucket, _sum, _count
    std::map<std::string, std::string> labels;  // unescaped
    double value = 0;
};
struct Family {
    std::string name, type, help;
    std::vector<Sample> samples;
};

struct Exposition {
    std::vector<Family> families;
    std::string fault;  // the first thing that is wrong; empty: nothing is

    const Family* find(const std::string& name) const;
    // The value of the sample with exactly these labels; -1: there is none.
    double value(const std::string& name, const std::map<std::string, std::string>& labels) const;
};

// Also at fault: a family twice or without samples, a series twice, a counter without _total, text that is no UTF-8, a
// histogram whose buckets do not rise or do not end with its count.
Exposition read_exposition(const std::string& text);

}  // namespace weir::test

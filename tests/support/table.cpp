#include "tests/support/table.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <map>

namespace weir::tests {
namespace {

constexpr std::size_t kConditionsAPolicy = 120;

// Each condition is an observed rule, so that all are tried on each packet, whatever else matches.
void check_part(const std::vector<Row>& rows, const std::vector<std::string>& conditions, const std::string& preamble,
                const FileTexts& files) {
    std::string policy = preamble + "\n";
    std::map<std::string, std::size_t> numbers;
    for (const std::string& condition : conditions) {
        policy += fmt::format("rule r{} {{ observe when {} then drop }}\n", numbers.size(), condition);
        numbers.emplace(condition, numbers.size());
    }
    auto created = Evaluators::create(policy, files);
    INFO(policy << "\n" << why_not(created));
    REQUIRE(created);
    auto& engines = *created;
    std::map<Bytes, Judged> judged;
    for (const Row& row : rows) {
        const auto number = numbers.find(row.condition);
        if (number == numbers.end()) continue;
        std::string difference;
        if (!judged.contains(row.frame)) judged.emplace(row.frame, engines->judge(row.frame, difference));
        const bool holds = judged.at(row.frame).has_matched(number->second);
        if (difference.empty() && holds == row.expected) continue;
        if (!difference.empty())
            FAIL_CHECK("engines differ on " << row.about << " " << to_hex(row.frame) << "\n" << difference << policy);
        if (holds != row.expected)
            FAIL_CHECK("`" << row.condition << "` is " << (holds ? "true" : "false") << " for " << row.about << " "
                           << to_hex(row.frame));
    }
    CHECK(!rows.empty());
}

}  // namespace

void check_rows(const std::vector<Row>& rows, const std::string& preamble, const FileTexts& files) {
    std::vector<std::string> conditions;
    std::map<std::string, bool> seen;
    for (const Row& row : rows) {
        if (seen.emplace(row.condition, true).second) conditions.push_back(row.condition);
        if (conditions.size() < kConditionsAPolicy) continue;
        check_part(rows, conditions, preamble, files);
        conditions.clear();
    }
    if (!conditions.empty()) check_part(rows, conditions, preamble, files);
}

}  // namespace weir::tests

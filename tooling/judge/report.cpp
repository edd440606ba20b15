// Tested by tests/unit/tooling/report_test.cpp and tests/cli/answers_test.py.
#include "tooling/judge/report.h"

#include <map>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "tooling/files/output_file.h"

namespace weir::tooling {

std::string json_line(const TestResult& result) {
    nlohmann::ordered_json line{{"test", result.name},
                                {"file", result.file},
                                {"line", result.line},
                                {"ok", !result.failure},
                                {"engine", result.engine}};
    if (result.failure) {
        line["step"] = result.failure->step;
        line["expected"] = result.failure->expected;
        line["got"] = result.failure->got;
    }
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string json_line(std::uint64_t number, const Judged& judged, const policy::TypedPolicy& policy) {
    nlohmann::ordered_json line;
    line["packet"] = number;
    line["verdict"] = verdict_name(judged.verdict);
    if (judged.by == Judged::By::kRule)
        line["rule"] = policy.rules[judged.rule].name;
    else if (judged.by == Judged::By::kMalformed)
        line["rule"] = "malformed";
    else
        line["rule"] = nullptr;
    line["matched"] = nlohmann::ordered_json::array();
    for (const std::uint32_t rule : judged.matched) line["matched"].push_back(policy.rules[rule].name);
    line["alerts"] = nlohmann::ordered_json::array();
    for (const std::uint32_t alert : judged.alerts) line["alerts"].push_back(policy.alerts[alert].name);
    return line.dump() + "\n";
}

namespace {

struct Suite {
    pugi::xml_node node{};
    std::size_t tests = 0, failures = 0;
    double seconds = 0;
};

// XML 1.0 has no place for control bytes, however they are escaped.
std::string xml_text(const std::string& text) {
    std::string safe;
    for (const char c : text) safe += static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t' ? c : '?';
    return safe;
}

}  // namespace

Status write_junit(const std::string& path, const std::vector<TestResult>& results) {
    pugi::xml_document document;
    pugi::xml_node root = document.append_child("testsuites");
    std::map<std::string, Suite> suites;
    for (const TestResult& result : results) {
        Suite& suite = suites[result.file];
        if (!suite.node) {
            suite.node = root.append_child("testsuite");
            suite.node.append_attribute("name") = result.file.c_str();
        }
        ++suite.tests;
        suite.seconds += result.seconds;
        pugi::xml_node test = suite.node.append_child("testcase");
        test.append_attribute("name") = xml_text(result.name).c_str();
        test.append_attribute("classname") = result.file.c_str();
        test.append_attribute("file") = result.file.c_str();
        test.append_attribute("line") = result.line;
        test.append_attribute("time") = fmt::format("{:.6f}", result.seconds).c_str();
        if (!result.failure) continue;
        ++suite.failures;
        pugi::xml_node failure = test.append_child("failure");
        const std::string message = fmt::format("step {} (line {}): expected {}, got {}", result.failure->step,
                                                result.failure->line, result.failure->expected, result.failure->got);
        failure.append_attribute("message") = xml_text(message).c_str();
        failure.append_attribute("type") = "verdict";
    }
    for (auto& [file, suite] : suites) {
        suite.node.append_attribute("tests") = static_cast<unsigned>(suite.tests);
        suite.node.append_attribute("failures") = static_cast<unsigned>(suite.failures);
        suite.node.append_attribute("time") = fmt::format("{:.6f}", suite.seconds).c_str();
    }
    std::ostringstream text;
    document.save(text, "  ");
    return write_whole(path, text.str());
}

}  // namespace weir::tooling

// Tested by tests/unit/tooling/report_test.cpp and tests/cli/answers_test.py.
#include "tooling/judge/report.h"

#include <map>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "grammar/base/names.h"
#include "grammar/base/printable.h"
#include "grammar/github.h"
#include "grammar/source_order.h"
#include "tooling/files/output_file.h"

namespace weir::tooling {

std::string place_of(const TestFailure& failure) {
    if (failure.packet == 0) return fmt::format("step {}", failure.step);
    return fmt::format("step {}, packet {}", failure.step, failure.packet);
}

std::string json_line(const TestResult& result) {
    nlohmann::ordered_json line{{"test", result.name},
                                {"file", result.file},
                                {"line", result.line},
                                {"ok", !result.failure},
                                {"engine", result.engine}};
    if (result.failure) {
        line["step"] = result.failure->step;
        if (result.failure->packet != 0) line["packet"] = result.failure->packet;
        line["expected"] = result.failure->expected;
        line["got"] = result.failure->got;
    }
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string json_line(std::uint64_t number, packet::Direction direction, const Judged& judged,
                      const policy::TypedPolicy& policy) {
    nlohmann::ordered_json line;
    line["packet"] = number;
    line["direction"] = packet::direction_name(direction);
    line["verdict"] = verdict_name(judged.verdict);
    if (const std::string& to = redirected_to(judged, policy); !to.empty()) line["to"] = to;
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
    for (const Judged::Escalated& one : judged.escalated) {
        const policy::Alert& alert = policy.alerts[one.alert];
        const policy::Escalation& escalation = alert.escalations[one.number];
        line["escalated"].push_back({{"alert", alert.name},
                                     {"sink", policy.sinks[static_cast<std::size_t>(escalation.sink)].name},
                                     {"events", escalation.count}});
    }
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

namespace {

// "step 2 (line 8): expected drop, got pass"
std::string sentence(const TestFailure& failure) {
    return fmt::format("{} (line {}): expected {}, got {}", place_of(failure), failure.line, failure.expected,
                       failure.got);
}

// The document under construction: a suite a file, in the order of the first test of each.
class Junit {
public:
    void add(const TestResult& result) {
        pugi::xml_node test = case_of(result.file, result.name, result.line);
        test.append_attribute("time") = fmt::format("{:.6f}", result.seconds).c_str();
        Suite& suite = suites_[result.file];
        suite.seconds += result.seconds;
        if (!result.failure) return;
        ++suite.failures;
        pugi::xml_node failure = test.append_child("failure");
        failure.append_attribute("message") = printable(sentence(*result.failure)).c_str();
        failure.append_attribute("type") = "verdict";
    }
    void add(const PolicyFailure& refused) {
        pugi::xml_node error = case_of(refused.file, "policy", refused.line).append_child("error");
        error.append_attribute("message") = printable(refused.message).c_str();
        error.append_attribute("type") = "policy";
        ++suites_[refused.file].errors;
    }
    std::string text() {
        for (auto& [file, suite] : suites_) {
            suite.node.append_attribute("tests") = static_cast<unsigned>(suite.tests);
            suite.node.append_attribute("failures") = static_cast<unsigned>(suite.failures);
            suite.node.append_attribute("errors") = static_cast<unsigned>(suite.errors);
            suite.node.append_attribute("time") = fmt::format("{:.6f}", suite.seconds).c_str();
        }
        std::ostringstream out;
        document_.save(out, "  ");
        return out.str();
    }

private:
    struct Suite {
        pugi::xml_node node{};
        std::size_t tests = 0, failures = 0, errors = 0;
        double seconds = 0;
    };

    pugi::xml_node case_of(const std::string& file, const std::string& name, std::uint32_t line) {
        Suite& suite = suites_[file];
        if (!suite.node) {
            suite.node = root_.append_child("testsuite");
            suite.node.append_attribute("name") = printable(file).c_str();
        }
        ++suite.tests;
        pugi::xml_node test = suite.node.append_child("testcase");
        test.append_attribute("name") = printable(name).c_str();
        test.append_attribute("classname") = printable(file).c_str();
        test.append_attribute("file") = printable(file).c_str();
        test.append_attribute("line") = line;
        return test;
    }

    pugi::xml_document document_{};
    pugi::xml_node root_ = document_.append_child("testsuites");
    std::map<std::string, Suite> suites_{};
};

}  // namespace

PolicyFailure failure_of(const LoadedPolicy& loaded, const std::string& path) {
    if (loaded.unreadable) return {path, 1, loaded.unreadable->message};
    for (const Diagnostic* d : in_source_order(loaded.diagnostics))
        if (code_severity(d->code) == Severity::kError || loaded.diagnostics.errors() == 0)
            return {loaded.sources.name(d->span.file), loaded.sources.position(d->span.file, d->span.begin).line,
                    fmt::format("{}: {}", code_name(d->code), d->message)};
    return {path, 1, "refused"};
}

std::string github_annotation(const TestResult& result) {
    const std::string text = fmt::format("test \"{}\": {}", result.name, sentence(*result.failure));
    const Position place{result.failure->line, 1};
    return weir::github_line({"error", result.file, place, place, "test failed", text});
}

SarifFinding sarif_finding(const TestResult& result) {
    return {"test-failed", "a test of the policy fails",
            fmt::format("test \"{}\": {}", result.name, sentence(*result.failure)), result.file, result.failure->line};
}

Status write_junit(const std::string& path, const std::vector<TestResult>& results,
                   const std::vector<PolicyFailure>& refused) {
    Junit junit;
    for (const TestResult& result : results) junit.add(result);
    for (const PolicyFailure& one : refused) junit.add(one);
    return write_whole(path, junit.text());
}

}  // namespace weir::tooling

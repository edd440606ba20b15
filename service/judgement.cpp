// Tested by tests/unit/service/worker_test.cpp with `judge`.
#include "service/judgement.h"

#include <utility>

#include <fmt/format.h>

#include "service/fields.h"
#include "tooling/judge/own_tests.h"

namespace weir::service {
namespace {

std::string of_check(const tooling::LoadedPolicy& loaded) {
    std::string text;
    {
        FieldWriter fields(text);
        fields("policy", loaded.compiled->policy.name);
        fields("rules", std::uint64_t{loaded.compiled->policy.rules.size()});
    }
    return text;
}

// Those that failed first: they are what is asked for, where there are very many.
std::string of_tests(const tooling::OwnTests& tests) {
    constexpr std::size_t kMostBytes = kMaxChangesBytes / 2;
    std::string rows;
    for (const auto* results : {&tests.failed, &tests.passed})
        for (const tooling::TestResult& result : *results) {
            std::string row = tooling::json_line(result);
            row.pop_back();  // its newline
            if (rows.size() + row.size() < kMostBytes) rows += (rows.empty() ? "" : ",") + row;
        }
    return fmt::format(R"({{"tests":[{}],"passed":{},"failed":{}}})", rows, tests.passed.size(), tests.failed.size());
}

}  // namespace

Comparison judge(const WorkerRequest& request, const tooling::LoadedPolicy& loaded, tooling::OpenCapture open,
                 const KnownTexts& known, int files, WorkerAnswer& head) {
    if (!loaded.compiled) return {};
    if (request.judge == Judge::kCheck) return {{}, of_check(loaded)};
    if (request.judge == Judge::kTest) {
        const auto tests = tooling::run_own_tests(loaded, std::move(open), kTests_ms);
        if (!tests) {
            head.status = kWorldFault;
            return {};
        }
        if (!tests->failed.empty()) head.status = kPolicyFault;
        return {{}, of_tests(*tests)};
    }
    Comparison changes = compare_with_policy_in_force(request, *loaded.compiled, known, files);
    std::string text;
    {
        FieldWriter fields(text);
        fields("changes", changes.text);
        fields.optional_json("classes", changes.classes);
    }
    return {{}, std::move(text)};
}

}  // namespace weir::service

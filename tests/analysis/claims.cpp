#include "tests/analysis/claims.h"

#include <cstdlib>

#include "tooling/files/policy_file.h"

namespace weir::tests {
namespace {

std::size_t number_of(const std::string& rule) { return std::strtoull(rule.c_str() + 1, nullptr, 10); }

const char* rule_logic(Code code) {
    switch (code) {
        case Code::W401: return "W401";
        case Code::W402: return "W402";
        case Code::W403: return "W403";
        case Code::W453: return "W453";
        default: return nullptr;
    }
}

}  // namespace

Said said_of(const std::string& text) {
    Said said;
    const tooling::LoadedPolicy loaded = tooling::analyse_text("small.rules", text, {}, {}, tooling::Depth::kLint);
    said.is_whole = loaded.linted;
    for (const Diagnostic& d : loaded.diagnostics.all()) {
        if (!loaded.compiled) said.refused += d.message + "\n";
        if (d.code == Code::W413) said.covered.push_back({d.span.begin, d.span.end});
        if (d.code == Code::W410) said.always.push_back({d.span.begin, d.span.end});
        if (d.code == Code::W414) said.needless[number_of(d.rule)].push_back({d.span.begin, d.span.end});
        const char* code = rule_logic(d.code);
        if (code == nullptr || d.rule.empty()) continue;
        said.claims.insert(fmt::format("{} {}", code, d.rule));
        if (d.code != Code::W401) continue;
        for (const std::string& one : d.blockers) said.blockers[number_of(d.rule)].push_back(number_of(one));
    }
    return said;
}

bool is_right(const std::map<std::string, std::uint64_t>& faults, std::uint64_t allowed) {
    std::uint64_t missed = 0;
    for (const auto& [kind, count] : faults) {
        if (kind.find("missed") == std::string::npos && kind.find("blockers") == std::string::npos) return false;
        missed += count;
    }
    return missed <= allowed;
}

}  // namespace weir::tests

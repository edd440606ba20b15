#include "tests/golden/golden_case.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"
#include "grammar/source_order.h"

namespace weir::golden {
namespace {

// deep/1.rules imports 2.rules, which imports 3.rules, …
std::optional<std::string> deep_import(const std::string& path) {
    int number = 0;
    if (std::sscanf(path.c_str(), "deep/%d.rules", &number) != 1) return std::nullopt;
    return fmt::format("import \"{}.rules\"\n", number + 1);
}

}  // namespace

sema::Files case_files() {
    sema::Files files;
    files.read = [](const std::string& path) -> Result<std::string> {
        if (auto deep = deep_import(path)) return *deep;
        if (std::filesystem::is_regular_file(cases_folder() + "/" + path))
            return read_text(cases_folder() + "/" + path);
        return Error{"No such file or directory", {}, 0};
    };
    return files;
}

void check_golden(const std::string& path, const std::string& said) {
    if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << said;
    INFO(path);
    CHECK(said == read_text(path));
}

std::string cases_folder() { return WEIR_GOLDEN_CASES; }

std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const auto& entry : std::filesystem::directory_iterator(cases_folder())) {
        const std::filesystem::path path = entry.path();
        if (path.extension() == ".rules")
            cases.push_back({path.stem().string(), [path] { return read_text(path.string()); }});
    }
    std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
    for (Case& large : large_cases()) cases.push_back(std::move(large));
    return cases;
}

std::vector<Case> large_cases() {
    const auto rules = [](int count, const char* condition) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += fmt::format("rule r{} {{ when {} then pass }}\n", i, fmt::format(fmt::runtime(condition), i));
        return text;
    };
    return {
        {"E501_nested_too_deep",
         [] { return "rule r { when " + std::string(65, '(') + "tcp" + std::string(65, ')') + " then pass }\n"; }},
        {"E502_file_too_large", [] { return std::string((16 << 20) + 1, '\n'); }},
        {"E503_set_literal_too_large",
         [] {
             std::string text = "let hosts = {\n";
             for (int i = 0; i < 65537; ++i) text += fmt::format("10.{}.{}.{},\n", i >> 16, i >> 8 & 255, i & 255);
             return text + "}\n";
         }},
        {"E505_too_many_rules", [rules] { return rules(131073, "ip.id == {}"); }},
        {"E507_too_many_payload_searches", [rules] { return rules(65, "payload contains \"{}\""); }},
        {"E512_too_many_interface_conditions", [rules] { return rules(33, "iface == \"eth{}\""); }},
        {"E520_too_many_comparisons",
         [] {
             std::string text = "let large = tcp";
             for (int i = 0; i < 2000; ++i) text += fmt::format(" or ip.id == {}", i * 3);
             text += "\n";
             for (int i = 0; i < 2200; ++i)
                 text += fmt::format("rule r{} {{ when large and tcp.dport == {} then pass }}\n", i, i);
             return text;
         }},
        {"E519_conditions_too_large_together", [rules] { return rules(45'000, "payload[0:4] == hex\"{:08x}\""); }},
    };
}

Analysed analyse_case(const std::string& name, std::string text) {
    Analysed analysed;
    const sema::Files files = case_files();
    const auto compiled = analyse(analysed.sources, name + ".rules", std::move(text), files, analysed.diagnostics);
    if (compiled && !analysis::lint(compiled->policy, analysed.diagnostics))
        analysed.diagnostics.add({.code = Code::E506, .message = "lint gave up"});
    return analysed;
}

std::string with_fixes(std::string text, const Diagnostics& diagnostics) {
    std::vector<Fix> fixes;
    for (const Diagnostic* d : in_source_order(diagnostics))
        if (d->fix && d->fix->span.file == 0) fixes.push_back(*d->fix);
    std::stable_sort(fixes.begin(), fixes.end(),
                     [](const Fix& a, const Fix& b) { return a.span.begin < b.span.begin; });
    std::uint32_t end = 0;
    std::erase_if(fixes, [&](const Fix& fix) {
        const bool overlaps = end != 0 && fix.span.begin < end;
        end = std::max(end, fix.span.end);
        return overlaps;
    });
    for (std::size_t i = fixes.size(); i-- > 0;)
        text.replace(fixes[i].span.begin, fixes[i].span.end - fixes[i].span.begin, fixes[i].replacement);
    return text;
}

}  // namespace weir::golden

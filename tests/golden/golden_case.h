// One golden case: a policy that is wrong in one way, and what is said of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/sema/check.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir::golden {

struct Case {
    std::string name;                   // CODE_situation, or `ok_…`: nothing is said
    std::function<std::string()> text;  // of the policy
};

// Those in cases/*.rules, then those that a program writes because they are large, by name.
std::vector<Case> all_cases();
std::vector<Case> large_cases();

struct Analysed {
    Sources sources;
    Diagnostics diagnostics;
};
// Parsed, checked and linted; its imports and set files are read from cases/.
Analysed analyse_case(const std::string& name, std::string text);

// The text with every fix applied, the last first; of fixes that overlap the first alone.
std::string with_fixes(std::string text, const Diagnostics& diagnostics);

// What the policies import and read: cases/files/, and chains of imports.
sema::Files case_files();

// Compares with the file, or, with WEIR_UPDATE_GOLDEN, writes it anew. Reports through Catch.
void check_golden(const std::string& path, const std::string& said);
std::string read_text(const std::string& path);  // empty where there is none
std::string cases_folder();

}  // namespace weir::golden

// Two compared policies, for people, for a pull request and for programs: docs/cli.md and docs/diff.md have the
// formats.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "grammar/render.h"
#include "grammar/sarif.h"
#include "grammar/source.h"
#include "tooling/judge/policy_changes.h"

namespace weir::tooling {

// "drop by telnet, alert telnet", "redirect(\"eth1\") by out", "pass by default".
std::string outcome_text(const analysis::Outcome& outcome);

// One object and a newline: of a class, and of the whole.
std::string json_line(const ChangedClass& changed);
std::string json_summary(const PolicyChanges& changes);
// Lines for a terminal. The first `most` classes; the others are counted.
std::string human_text(const PolicyChanges& changes, std::size_t most, Colour colour);
// A comment on a pull request. `before` and `after`: what the policies are called.
std::string markdown_text(const PolicyChanges& changes, const std::string& before, const std::string& after,
                          std::size_t most);
// A finding for each class, at the rule of the new policy that decides now, or at its default.
std::vector<SarifFinding> findings(const PolicyChanges& changes, const policy::TypedPolicy& after,
                                   const Sources& sources);

}  // namespace weir::tooling

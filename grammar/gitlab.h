// GitLab's code quality report: one JSON array for everything that a command found, as a merge request shows it.
#pragma once

#include <string>
#include <vector>

#include "grammar/sarif.h"

namespace weir {

// docs.gitlab.com/ci/testing/code_quality: description, check_name, fingerprint, severity, location. A fingerprint is
// of the code, the file and the text of the line, so that it stays where lines are inserted above.
std::string gitlab_report(const std::vector<SarifInput>& inputs);

}  // namespace weir

// Workflow commands: what GitHub shows beside the lines of a change.
#pragma once

#include <string>
#include <string_view>

#include "grammar/source.h"

namespace weir {

struct GithubAnnotation {
    std::string_view level = "error";  // error, warning or notice
    std::string_view file{};
    Position begin{};
    Position end{};
    std::string_view title{};
    std::string_view text{};
};

// One line, with its newline.
std::string github_line(const GithubAnnotation& annotation);

}  // namespace weir

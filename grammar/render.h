// Diagnostics as text: for people, and in the machine formats of the command line.
#pragma once

#include <string>

#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir {

enum class DiagnosticFormat : std::uint8_t { kHuman, kJson, kSarif, kGithub, kGitlab };
enum class Colour : std::uint8_t { kOff, kOn };

// All diagnostics, in source order, ready to be written. kJson: one object a line, with the keys of docs/cli.md.
std::string render(const Sources& sources, const Diagnostics& diagnostics, DiagnosticFormat format, Colour colour);

}  // namespace weir

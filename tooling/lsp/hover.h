// What a word means, for somebody who points at it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "tooling/lsp/findings.h"
#include "tooling/lsp/library.h"

namespace weir::tooling::lsp {

// What a running engine has counted of what a policy declares: a sentence each, by name.
struct EngineCounters {
    std::string engine{};
    std::map<std::string, std::string> rules{};   // "17 packets, 1020 bytes"
    std::map<std::string, std::string> sets{};    // "3 entries"
    std::map<std::string, std::string> alerts{};  // "17 matched, 5 delivered"
    std::map<std::string, std::string> sinks{};
};
// Of the engine that enforces the file, as last seen; returns at once.
using CountersOf = std::function<std::optional<EngineCounters>(const std::string& path)>;

// `findings`: of the last complete analysis that read the document, or null. Null where there is nothing to say.
Json hover(Library& library, const Document& document, Place place, const PolicyFindings* findings,
           const CountersOf& counters);

}  // namespace weir::tooling::lsp

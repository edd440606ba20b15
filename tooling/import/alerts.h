// LOG and log statements as alerts.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

// "alert NAME". One alert for each prefix and level; `near` names one without a prefix.
std::string log_action(std::string_view prefix, std::string_view level, std::string_view near, Ruleset& ruleset,
                       Names& alert_names, std::map<std::string, std::string>& by_prefix);
// A message with no holes in it.
std::string message_text(std::string_view text);

}  // namespace weir::tooling::imports

// Rules of Suricata as text and as conditions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

// "name:value;" of a rule; the value is empty where there is none.
struct SuricataOption {
    std::string name{};
    std::string value{};
};

// One line, as it is written.
struct SuricataRule {
    Origin origin{};
    std::string action{}, protocol{}, source{}, source_port{}, direction{}, target{}, target_port{};
    std::vector<SuricataOption> options{};
    const std::string* find(std::string_view name) const;
};

// Nothing where the line is no rule: `why` says why, at `offset`.
std::optional<SuricataRule> parse_suricata(std::string_view line, std::string& why, std::size_t& offset);

// suricata_header.cpp: the header of the rule.
void add_suricata_header(const SuricataRule& rule, const ImportOptions& options, Condition& when);
// suricata_options.cpp: all options but those that make the alert.
void add_suricata_options(const SuricataRule& rule, Condition& when);
// suricata_content.cpp: `content` at `index` with its modifiers, in the buffer named before it. Moves `index` to the
// last option that it read.
void add_suricata_content(const SuricataRule& rule, std::size_t& index, const std::string& buffer, Condition& when);
bool is_suricata_buffer(std::string_view name);

}  // namespace weir::tooling::imports

// Tested by tests/unit/tooling/import_test.cpp with `--log-prefix`.
#include "tooling/import/alerts.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::tooling::imports {
namespace {

// Of syslog's levels.
std::string severity_of(std::string_view level) {
    static constexpr std::pair<std::string_view, std::string_view> kLevels[] = {
        {"0", "critical"},    {"1", "critical"}, {"2", "critical"}, {"3", "high"},         {"4", "medium"},
        {"5", "low"},         {"6", "low"},      {"7", "low"},      {"emerg", "critical"}, {"alert", "critical"},
        {"crit", "critical"}, {"err", "high"},   {"error", "high"}, {"warn", "medium"},    {"warning", "medium"},
        {"notice", "low"},    {"info", "low"},   {"debug", "low"}};
    for (const auto& [word, severity] : kLevels)
        if (word == level) return std::string(severity);
    return "medium";
}

}  // namespace

std::string message_text(std::string_view text) {
    std::string message(text);
    std::replace(message.begin(), message.end(), '{', '(');
    std::replace(message.begin(), message.end(), '}', ')');
    return message;
}

std::string log_action(std::string_view prefix, std::string_view level, std::string_view near, Ruleset& ruleset,
                       Names& alert_names, std::map<std::string, std::string>& by_prefix) {
    const std::string key = prefix.empty() ? std::string() : fmt::format("{}\n{}", prefix, level);
    if (const auto found = by_prefix.find(key); !key.empty() && found != by_prefix.end())
        return "alert " + found->second;
    ImportedAlert alert;
    alert.name = alert_names.make(prefix.empty() ? fmt::format("log_{}", near) : fmt::format("log_{}", prefix));
    alert.severity = severity_of(level);
    std::string text = message_text(prefix);
    while (text.ends_with(' ')) text.pop_back();
    alert.message = fmt::format("{}{}{{ip.src}} to {{ip.dst}}", text, text.empty() ? "" : " ");
    if (!key.empty()) by_prefix[key] = alert.name;
    ruleset.alerts.push_back(alert);
    return "alert " + alert.name;
}

}  // namespace weir::tooling::imports

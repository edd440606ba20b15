// Tested by tests/unit/tooling/import_suricata_test.cpp with `import_suricata`.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tooling/import/alerts.h"
#include "tooling/import/flatten.h"
#include "tooling/import/import.h"
#include "tooling/import/suricata_rule.h"

namespace weir::tooling::imports {
namespace {

constexpr std::size_t kMostErrors = 20;

using Words = std::map<std::string, std::string>;

// "type limit, track by_src, count 5, seconds 60"
Words words_by_name(const std::string& value) {
    Words words;
    for (std::string_view one : split(value, ',')) {
        while (one.starts_with(' ')) one.remove_prefix(1);
        const std::size_t space = one.find(' ');
        if (space != std::string_view::npos)
            words[std::string(one.substr(0, space))] = std::string(one.substr(one.find_first_not_of(' ', space)));
    }
    return words;
}

std::string unquoted(const std::string& text) {
    return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
}

struct Threshold {
    std::string key{};
    std::uint64_t count = 0, seconds = 0;
};

std::optional<Threshold> threshold_of(const Words& words) {
    const auto get = [&](const char* name) {
        const auto found = words.find(name);
        return found == words.end() ? std::string() : found->second;
    };
    static constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
        {"by_src", "ip.src"}, {"by_dst", "ip.dst"}, {"by_both", "ip.src, ip.dst"}, {"by_rule", ""}};
    const std::string track = get("track");
    const auto key =
        std::find_if(std::begin(kKeys), std::end(kKeys), [&](const auto& one) { return one.first == track; });
    const auto count = parse_number(get("count")), seconds = parse_number(get("seconds"));
    if (key == std::end(kKeys) || !count || !seconds || *count == 0 || *seconds == 0) return std::nullopt;
    return Threshold{std::string(key->second), *count, *seconds};
}

std::string count_term(const Threshold& threshold, std::uint64_t above) {
    return fmt::format("count({}{}in {}) > {}", threshold.key, threshold.key.empty() ? "" : ", ",
                       seconds_text(threshold.seconds), above);
}

std::string throttle_of(const Threshold& threshold, std::uint64_t events) {
    const std::string key =
        threshold.key.find(',') == std::string::npos ? threshold.key : fmt::format("({})", threshold.key);
    return fmt::format("throttle {}{} every {}\n", events, key.empty() ? std::string() : " per " + key,
                       seconds_text(threshold.seconds));
}

// Which events of the rule become alerts.
void add_threshold(const SuricataRule& rule, ImportedRule& out, ImportedAlert& alert) {
    const std::string *filter = rule.find("detection_filter"), *value = rule.find("threshold");
    if (filter != nullptr) {
        const auto threshold = threshold_of(words_by_name(*filter));
        if (!threshold) return out.when.unsaid.push_back("this detection_filter");
        out.when.terms.push_back(count_term(*threshold, threshold->count));
    }
    if (value == nullptr) return;
    const Words words = words_by_name(*value);
    const auto threshold = threshold_of(words);
    const std::string type = words.contains("type") ? words.at("type") : "";
    if (!threshold || (type != "limit" && type != "threshold" && type != "both"))
        return out.when.unsaid.push_back("this threshold");
    if (threshold->key.empty()) return out.when.unsaid.push_back("a threshold by rule");
    alert.clauses = throttle_of(*threshold, type == "limit" ? threshold->count : 1);
    if (type == "limit") return;
    if (rule.action != "alert")
        return out.when.unsaid.push_back("a threshold of a rule that drops counts alerts, not verdicts");
    out.when.terms.push_back(count_term(*threshold, threshold->count - 1));
    out.when.narrowed.push_back(type == "both"
                                    ? "the window of the alerts opens with the first alert, not with the first packet"
                                    : "one alert each window once the count is reached, not one each multiple of it");
}

std::string severity_of(const SuricataRule& rule) {
    const std::string* priority = rule.find("priority");
    const auto number = priority == nullptr ? std::nullopt : parse_number(*priority);
    return !number ? "medium" : *number <= 1 ? "high" : *number == 2 ? "medium" : "low";
}

class Importer {
public:
    Importer(const Sources& sources, const ImportOptions& options, Ruleset& ruleset, Diagnostics& diagnostics)
        : sources_(sources), options_(options), ruleset_(ruleset), diagnostics_(diagnostics) {}

    void run() {
        for (std::uint32_t file = 0; file < sources_.size(); ++file) read_file(file);
        // Suricata's order of actions; alerts before verdicts, which end the evaluation.
        std::vector<ImportedRule>& all = ruleset_.chains["rules"].rules;
        for (const char* action : {"pass", "alert", "drop", "reject"})
            std::move(by_action_[action].begin(), by_action_[action].end(), std::back_inserter(all));
        Hook hook;
        hook.chain = hook.name = "rules";
        hook.is_everything = true;
        ruleset_.hooks.push_back(hook);
        ruleset_.names_fragments = ruleset_.judges_frames = true;
    }

private:
    void read_file(std::uint32_t file) {
        const std::string_view text = sources_.text(file);
        std::uint32_t number = 1;
        for (std::size_t begin = 0; begin < text.size() && diagnostics_.errors() < kMostErrors;) {
            std::string line;
            const std::size_t first = begin;
            const std::uint32_t first_number = number;
            bool goes_on = true;
            while (goes_on && begin < text.size()) {
                const std::size_t end = std::min(text.find('\n', begin), text.size());
                std::string_view part = text.substr(begin, end - begin);
                if (part.ends_with('\r')) part.remove_suffix(1);
                goes_on = part.ends_with('\\');
                line += goes_on ? part.substr(0, part.size() - 1) : part;
                begin = end + 1;
                ++number;
            }
            const std::size_t start = line.find_first_not_of(" \t");
            if (start == std::string::npos || line[start] == '#') continue;
            const Span at{file, static_cast<std::uint32_t>(first + start),
                          static_cast<std::uint32_t>(std::min(begin, text.size()))};
            read_rule(line.substr(start), at, fmt::format("{}:{}", sources_.name(file), first_number));
        }
    }

    void read_rule(const std::string& line, Span at, const std::string& place) {
        std::string why;
        std::size_t offset = 0;
        const auto parsed = parse_suricata(line, why, offset);
        if (!parsed) {
            diagnostics_.add(
                {Code::E601,
                 {at.file, at.begin, std::min(at.begin + 1, at.end)},
                 why,
                 {},
                 "`weir import suricata` reads files of rules: ACTION PROTOCOL SOURCE PORT -> TARGET PORT (OPTIONS)",
                 {},
                 {},
                 {},
                 {}});
            return;
        }
        const SuricataRule& rule = *parsed;
        ImportedRule out;
        out.origin = {place, line, at};
        out.source = ruleset_.sources++;
        add_suricata_header(rule, options_, out.when);
        add_suricata_options(rule, out.when);
        const std::string action = rule.action.starts_with("reject") ? "reject" : rule.action;
        if (action != "pass") add_alert(rule, out);
        if (action != "alert") {
            out.next = Next::kVerdict;
            out.verdict = action;
        }
        by_action_[action].push_back(std::move(out));
    }

    void add_alert(const SuricataRule& rule, ImportedRule& out) {
        if (rule.find("noalert") != nullptr) {
            if (rule.action == "alert") out.when.unsaid.push_back("a rule that gives no alert");
            return;
        }
        const std::string *sid = rule.find("sid"), *msg = rule.find("msg");
        ImportedAlert alert;
        alert.name = alert_names_.make("sid_" + (sid == nullptr ? std::string("none") : *sid));
        alert.severity = severity_of(rule);
        alert.message =
            message_text(msg == nullptr ? std::string("no message") : unquoted(*msg)) + ": {ip.src} to {ip.dst}";
        add_threshold(rule, out, alert);
        out.effects.push_back("alert " + alert.name);
        if (out.when.unsaid.empty()) ruleset_.alerts.push_back(std::move(alert));
    }

    const Sources& sources_;
    const ImportOptions& options_;
    Ruleset& ruleset_;
    Diagnostics& diagnostics_;
    Names alert_names_{};
    std::map<std::string, std::vector<ImportedRule>> by_action_{};
};

}  // namespace

Result<std::optional<ImportedPolicy>> import_suricata(const Sources& sources, const std::string& name,
                                                      const ImportOptions& options, Diagnostics& diagnostics) {
    Ruleset ruleset;
    Names rule_names, value_names;
    for (const char* own : {"host_addresses", "host_receives"}) value_names.make(own);
    Importer(sources, options, ruleset, diagnostics).run();
    if (ruleset.sources == 0 && !diagnostics.has_errors())
        diagnostics.add({Code::E601,
                         {0, 0, 1},
                         "this has no rule",
                         {},
                         "`weir import suricata` reads files of rules",
                         {},
                         {},
                         {},
                         {}});
    if (diagnostics.has_errors()) return std::optional<ImportedPolicy>();
    FlatRules flat = flatten(ruleset, options, rule_names, value_names, diagnostics);
    if (diagnostics.has_errors()) return std::optional<ImportedPolicy>();
    return write_policy(ruleset, std::move(flat), options, name, "Imported from Suricata: " + sources.name(0),
                        diagnostics);
}

}  // namespace weir::tooling::imports

// Tested by tests/cli/diff_test.py with `markdown`.
#include "tooling/judge/change_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "compiler/policy/verdict.h"
#include "grammar/base/names.h"
#include "grammar/base/printable.h"

namespace weir::tooling {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"; }

std::string hex(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

std::string verdict_word(const analysis::Outcome& outcome) {
    return std::string(verdict_name(policy::verdict_number(outcome.verdict)));
}

Json json_of(const analysis::Outcome& outcome) {
    Json json;
    json["verdict"] = verdict_word(outcome);
    if (!outcome.interface.empty()) json["to"] = outcome.interface;
    if (outcome.by == analysis::Outcome::By::kRule)
        json["rule"] = outcome.rule;
    else if (outcome.by == analysis::Outcome::By::kMalformed)
        json["rule"] = "malformed";
    else
        json["rule"] = nullptr;
    json["alerts"] = outcome.alerts;
    return json;
}

std::string counted(std::size_t count, const char* one, const char* several) {
    return count == 1 ? fmt::format("1 {}", one) : fmt::format("{} {}", count, several);
}

std::string headline(const PolicyChanges& changes) {
    if (changes.classes.empty())
        return changes.unjudged.empty() ? "no packet is judged otherwise"
                                        : "no packet was found that is judged otherwise";
    return counted(changes.classes.size(), "class of packets is judged otherwise",
                   "classes of packets are judged otherwise");
}

std::string captured_text(const PolicyChanges::Captured& captured) {
    std::string text = fmt::format("{} of {} captured packets change", captured.changed, captured.packets);
    if (captured.unclassed != 0)
        text += fmt::format(", {} of them by state that other packets left", captured.unclassed);
    return text;
}

std::string joined(const std::vector<std::string>& texts) {
    constexpr std::size_t kMost = 20;
    std::string all;
    for (std::size_t i = 0; i < texts.size() && i < kMost; ++i) all += (i == 0 ? "" : ", ") + texts[i];
    return texts.size() <= kMost ? all : fmt::format("{} and {} more", all, texts.size() - kMost);
}

std::string tinted(const analysis::Outcome& outcome, Colour colour) {
    const std::string text = printable(outcome_text(outcome));
    if (colour == Colour::kOff) return text;
    const std::string word = verdict_word(outcome);
    const char* const tint = outcome.verdict == policy::VerdictKind::kPass ? "32" : "31";
    return fmt::format("\x1b[{}m{}\x1b[0m{}", tint, word, text.substr(word.size()));
}

// The words of a code span: no backtick ends it early, and no bar ends a cell.
std::string code(std::string_view text) {
    std::string inside;
    std::size_t longest = 0, run = 0;  // of backticks: a longer run begins and ends the span
    for (const char c : printable(text)) {
        run = c == '`' ? run + 1 : 0;
        longest = std::max(longest, run);
        if (c == '|') inside += '\\';
        inside += c;
    }
    const std::string fence(longest + 1, '`');
    return longest == 0 ? fence + inside + fence : fence + " " + inside + " " + fence;
}

std::string markdown_outcome(const analysis::Outcome& outcome) {
    std::string text = fmt::format("**{}**", verdict_word(outcome));
    if (!outcome.interface.empty()) text += " to " + code(outcome.interface);
    text += outcome.by == analysis::Outcome::By::kRule        ? " by " + code(outcome.rule)
            : outcome.by == analysis::Outcome::By::kMalformed ? " by `malformed`"
                                                              : " by default";
    for (const std::string& alert : outcome.alerts) text += ", alert " + code(alert);
    return text;
}

// What is said behind the classes, a line each; `mark` begins them.
std::string rest_text(const PolicyChanges& changes, const std::string& mark, std::string (*quote)(std::string_view)) {
    std::string text;
    for (const std::string& identity : changes.state_reset)
        text += fmt::format("{}a reload forgets the state of {}\n", mark, quote(identity));
    for (const std::string& sentence : changes.others) text += fmt::format("{}{}\n", mark, printable(sentence));
    if (changes.captured) text += fmt::format("{}{}\n", mark, captured_text(*changes.captured));
    if (!changes.unjudged.empty())
        text += fmt::format("{}not compared, too much for the bounds on memory and time: {}\n", mark,
                            printable(joined(changes.unjudged)));
    else if (!changes.is_exact)
        text +=
            fmt::format("{}some classes read state: what rates, counts, sets and flows hold then is not known\n", mark);
    return text;
}

std::string in_quotes(std::string_view text) { return "`" + printable(text) + "`"; }

}  // namespace

std::string outcome_text(const analysis::Outcome& outcome) {
    std::string text = verdict_word(outcome);
    if (!outcome.interface.empty()) text += fmt::format("(\"{}\")", outcome.interface);
    text += outcome.by == analysis::Outcome::By::kRule        ? " by " + outcome.rule
            : outcome.by == analysis::Outcome::By::kMalformed ? " by malformed"
                                                              : " by default";
    for (const std::string& alert : outcome.alerts) text += ", alert " + alert;
    return text;
}

std::string json_line(const ChangedClass& changed) {
    Json line;
    line["old"] = json_of(changed.before);
    line["new"] = json_of(changed.after);
    line["direction"] = packet::direction_name(changed.direction);
    line["packets"] = changed.packets.text;
    if (!changed.packets.is_whole) line["whole"] = false;
    line["exact"] = changed.is_exact;
    line["witness"] = nullptr;
    if (changed.witness) {
        line["witness"] = {{"text", changed.witness_text}, {"hex", hex(changed.witness->frame)}};
        if (changed.witness->times != 1) line["witness"]["times"] = changed.witness->times;
        if (!changed.witness->given.empty()) line["witness"]["given"] = changed.witness->given;
        if (!changed.witness->before.empty()) line["witness"]["before"] = packet_steps(changed.witness->before);
    }
    line["captured"] = nullptr;
    if (changed.captured) line["captured"] = *changed.captured;
    return dumped(line);
}

std::string json_summary(const PolicyChanges& changes) {
    Json line{{"classes", changes.classes.size()},
              {"state_reset", changes.state_reset},
              {"exact", changes.is_exact},
              {"others", changes.others},
              {"unjudged", changes.unjudged}};
    if (changes.captured) {
        line["captured"] = changes.captured->packets;
        line["changed"] = changes.captured->changed;
        line["unclassed"] = changes.captured->unclassed;
    }
    return dumped(line);
}

std::string human_text(const PolicyChanges& changes, std::size_t most, Colour colour) {
    std::string text = headline(changes) + "\n";
    for (std::size_t i = 0; i < changes.classes.size() && i < most; ++i) {
        const ChangedClass& one = changes.classes[i];
        text += fmt::format("\n{} -> {}\n", tinted(one.before, colour), tinted(one.after, colour));
        text += fmt::format("    {}: {}\n", one.direction == packet::Direction::kOut ? "packets out" : "packets",
                            printable(one.packets.text));
        std::string given;
        if (one.witness && !one.witness->given.empty())
            given = fmt::format("  (with {})", printable(joined(one.witness->given)));
        text += one.witness ? fmt::format("    example: {}{}\n", printable(one.witness_text), given)
                            : std::string("    example: no frame found\n");
        if (one.captured) text += fmt::format("    captured: {}\n", *one.captured);
    }
    if (changes.classes.size() > most)
        text += fmt::format("\nand {} more classes: --format json has all\n", changes.classes.size() - most);
    const std::string rest = rest_text(changes, "", in_quotes);
    return rest.empty() ? text : text + "\n" + rest;
}

std::string markdown_text(const PolicyChanges& changes, const std::string& before, const std::string& after,
                          std::size_t most) {
    std::string text = fmt::format("### {} → {}: {}\n", code(before), code(after), headline(changes));
    const bool has_counts = changes.captured.has_value();
    if (!changes.classes.empty()) {
        text += fmt::format("\n| packets | before | after | example |{}\n", has_counts ? " captured |" : "");
        text += fmt::format("| --- | --- | --- | --- |{}\n", has_counts ? " ---: |" : "");
    }
    for (std::size_t i = 0; i < changes.classes.size() && i < most; ++i) {
        const ChangedClass& one = changes.classes[i];
        text += fmt::format("| {}{} | {} | {} | {} |", one.direction == packet::Direction::kOut ? "out: " : "",
                            code(one.packets.text), markdown_outcome(one.before), markdown_outcome(one.after),
                            one.witness ? code(one.witness_text) : "no frame found");
        text += has_counts ? fmt::format(" {} |\n", one.captured.value_or(0)) : "\n";
    }
    if (changes.classes.size() > most) text += fmt::format("\nAnd {} more classes.\n", changes.classes.size() - most);
    const std::string rest = rest_text(changes, "- ", [](std::string_view words) { return code(words); });
    return rest.empty() ? text : text + "\n" + rest;
}

std::vector<SarifFinding> findings(const PolicyChanges& changes, const policy::TypedPolicy& after,
                                   const Sources& sources) {
    std::vector<SarifFinding> found;
    for (const ChangedClass& one : changes.classes) {
        Span span = after.default_span;
        for (const policy::Rule& rule : after.rules)
            if (one.after.by == analysis::Outcome::By::kRule && rule.name == one.after.rule) span = rule.span;
        std::string message =
            fmt::format("{}: {} before, {} now", one.packets.text, outcome_text(one.before), outcome_text(one.after));
        if (one.witness) message += "; for example " + one.witness_text;
        found.push_back({"packets-change", "packets that the new policy judges otherwise", std::move(message),
                         sources.name(span.file), sources.position(span.file, span.begin).line, Severity::kWarning});
    }
    return found;
}

}  // namespace weir::tooling

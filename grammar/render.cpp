// Tested by tests/unit/base/printable_test.cpp.
#include "grammar/render.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "grammar/github.h"
#include "grammar/gitlab.h"
#include "grammar/rendered.h"
#include "grammar/sarif.h"
#include "grammar/source_order.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRed = "\x1b[1;31m", kYellow = "\x1b[1;33m", kBlue = "\x1b[1;34m", kBold = "\x1b[1m",
                           kReset = "\x1b[0m";
constexpr std::size_t kMaxLineBytes = 200;  // of source shown; longer lines are cut around the place

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::kError: return "error";
        case Severity::kWarning: return "warning";
        case Severity::kNote: break;
    }
    return "note";
}

// A line of source as it is printed, in three parts: what stands before the marked text, that text, and the rest. The
// marks below it are as wide as what was printed, whatever had to be escaped.
struct ShownLine {
    std::string before, marked, after;
};

// `begin` and `length` are bytes of `line`. A long line is cut around the place.
ShownLine shown_line(std::string_view line, std::size_t begin, std::size_t length) {
    const auto inside = [&](std::size_t at) {  // of a character's bytes, not the first
        return at < line.size() && (static_cast<unsigned char>(line[at]) & 0xc0) == 0x80;
    };
    begin = std::min(begin, line.size());
    std::size_t first = line.size() > kMaxLineBytes && begin > kMaxLineBytes / 2 ? begin - kMaxLineBytes / 2 : 0;
    std::size_t last = std::min(line.size(), first + kMaxLineBytes);
    while (first < begin && inside(first)) ++first;
    while (last > begin && inside(last)) --last;
    const std::size_t end = std::clamp(begin + length, begin, std::max(begin, last));
    const auto shown = [&](std::size_t from, std::size_t to) {
        std::string text(line.substr(from, to - from));
        std::replace(text.begin(), text.end(), '\t', ' ');
        return printable(text);
    };
    return {shown(first, begin), shown(begin, end), shown(end, std::max(end, last))};
}

class Human {
public:
    Human(const Sources& sources, Colour colour) : sources_(sources), colour_(colour) {}

    std::string render(const Diagnostic& d) {
        const Severity severity = code_severity(d.code);
        const std::string_view tint = severity == Severity::kError ? kRed : kYellow;
        out_ += fmt::format("{}{}[{}]{}{}: {}{}\n", on(tint), severity_name(severity), code_name(d.code), on(kReset),
                            on(kBold), printable(d.message), on(kReset));
        place(d.span, d.label, '^', tint);
        for (const Note& note : d.notes) {
            out_ += fmt::format("  {}={} note: {}\n", on(kBlue), on(kReset), printable(note.text));
            place(note.span, "", '-', kBlue);
        }
        if (d.fix) out_ += fmt::format("  {}={} fix: {}\n", on(kBlue), on(kReset), fix_text(*d.fix));
        if (!d.help.empty()) out_ += fmt::format("  {}={} help: {}\n", on(kBlue), on(kReset), printable(d.help));
        return std::move(out_);
    }

private:
    std::string_view on(std::string_view code) const { return colour_ == Colour::kOn ? code : std::string_view(); }

    static std::string fix_text(const Fix& fix) {
        if (fix.replacement.empty()) return "remove it";
        return fmt::format("{} `{}`", fix.span.begin == fix.span.end ? "insert" : "replace with",
                           printable(fix.replacement));
    }

    void place(Span span, std::string_view label, char mark, std::string_view tint) {
        if (span.file >= sources_.size()) return;
        const Position at = sources_.position(span.file, span.begin);
        out_ += fmt::format(" {}-->{} {}:{}:{}\n", on(kBlue), on(kReset), printable(sources_.name(span.file)), at.line,
                            at.column);
        const ShownLine line = shown_line(sources_.line(span.file, span.begin), at.column - 1, span.end - span.begin);
        const std::string number = std::to_string(at.line);
        out_ += fmt::format("{}{} |{} {}{}{}\n", on(kBlue), number, on(kReset), line.before, line.marked, line.after);
        out_ += fmt::format("{}{} |{} {}{}{}{}{}\n", on(kBlue), std::string(number.size(), ' '), on(kReset),
                            std::string(columns(line.before), ' '), on(tint),
                            std::string(std::max<std::size_t>(columns(line.marked), 1), mark),
                            label.empty() ? std::string() : " " + printable(label), on(kReset));
    }

    const Sources& sources_;
    Colour colour_;
    std::string out_;
};

Json json_object(const Sources& sources, const Diagnostic& d) {
    const Position begin = sources.position(d.span.file, d.span.begin);
    const Position end = sources.position(d.span.file, d.span.end);
    Json object{{"code", code_name(d.code)}, {"severity", severity_name(code_severity(d.code))},
                {"message", d.message},      {"file", sources.name(d.span.file)},
                {"line", begin.line},        {"column", begin.column},
                {"end_line", end.line},      {"end_column", end.column}};
    if (!d.help.empty()) object["help"] = d.help;
    if (d.fix) {
        const Span at = d.fix->span;
        object["fix"] = {{"replace", d.fix->replacement}};
        if (at.begin != d.span.begin || at.end != d.span.end || at.file != d.span.file) {
            const Position first = sources.position(at.file, at.begin), last = sources.position(at.file, at.end);
            object["fix"].update(
                {{"line", first.line}, {"column", first.column}, {"end_line", last.line}, {"end_column", last.column}});
        }
    }
    if (!d.rule.empty()) object["rule"] = d.rule;
    if (!d.blockers.empty()) object["blockers"] = d.blockers;
    return object;
}

// Bytes that are not UTF-8 become U+FFFD: a JSON text must be UTF-8. Everything beyond ASCII is escaped, since JSON is
// shown on terminals, too.
std::string text_of(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

std::string annotation(const Sources& sources, const Diagnostic& d) {
    const Severity severity = code_severity(d.code);
    const std::string text = d.help.empty() ? d.message : d.message + "; " + d.help;
    return github_line({severity == Severity::kNote ? "notice" : severity_name(severity), sources.name(d.span.file),
                        sources.position(d.span.file, d.span.begin), sources.position(d.span.file, d.span.end),
                        code_name(d.code), text});
}

}  // namespace

std::string render(const Sources& sources, const Diagnostics& diagnostics, DiagnosticFormat format, Colour colour) {
    if (format == DiagnosticFormat::kSarif) return sarif_document({{&sources, &diagnostics, {}}});
    if (format == DiagnosticFormat::kGitlab) return gitlab_report({{&sources, &diagnostics, {}}});
    const std::vector<const Diagnostic*> all = in_source_order(diagnostics);
    std::string out;
    Human human(sources, colour);
    for (const Diagnostic* d : all) {
        if (format == DiagnosticFormat::kHuman)
            out += human.render(*d) + "\n";
        else if (format == DiagnosticFormat::kJson)
            out += text_of(json_object(sources, *d)) + "\n";
        else
            out += annotation(sources, *d);
    }
    if (format == DiagnosticFormat::kHuman && diagnostics.dropped() != 0)
        out += fmt::format("… and {} more\n", diagnostics.dropped());
    return out;
}

std::string printable_rendered(std::string_view text, Colour colour) {
    std::string out;
    while (!text.empty()) {
        const std::size_t plain = std::min(text.find_first_of("\n\x1b"), text.size());
        out += printable(text.substr(0, plain));
        text.remove_prefix(plain);
        std::size_t kept = text.starts_with('\n') ? 1 : 0;
        if (colour == Colour::kOn)
            for (const std::string_view one : {kRed, kYellow, kBlue, kBold, kReset})
                if (text.starts_with(one)) kept = one.size();
        out += kept != 0 ? std::string(text.substr(0, kept)) : printable(text.substr(0, 1));
        text.remove_prefix(std::min(std::max<std::size_t>(kept, 1), text.size()));
    }
    return out;
}

}  // namespace weir

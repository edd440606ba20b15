// Tested by tests/unit/service/proposal_test.cpp.
#include "service/proposal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "grammar/parser.h"
#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "tooling/files/paths.h"
#include "tooling/files/sha256.h"

namespace weir::service {
namespace {

// What an item is, where a proposal may not have it; else null.
struct Unfit {
    const char* operator()(const ast::Rule&) const { return nullptr; }
    const char* operator()(const ast::Test& test) const {
        const auto reads = [](const ast::Step& step) { return std::holds_alternative<ast::ReplayStep>(step.node); };
        return std::any_of(test.steps.begin(), test.steps.end(), reads) ? "a test that reads a file" : nullptr;
    }
    const char* operator()(const ast::Import&) const { return "an import"; }
    const char* operator()(const ast::Sink&) const { return "a sink"; }
    const char* operator()(const ast::Alert&) const { return "an alert's declaration"; }
    const char* operator()(const ast::Set&) const { return "a set"; }
    const char* operator()(const ast::Let&) const { return "a let"; }
    const char* operator()(const ast::DefaultVerdict&) const { return "a default"; }
    const char* operator()(const auto&) const { return "a setting"; }
};

std::string ids_of(const runtime::Triage& triage) {
    std::string text;
    for (const std::string& id : triage.evidence) text += (text.empty() ? "" : " ") + id;
    return text.empty() ? "none" : text;
}

std::string judgement(const runtime::Triage& triage) {
    return fmt::format("{}, confidence {:.2f}{}", triage.verdict, triage.confidence,
                       triage.is_cited ? "" : ", without evidence");
}

// What the proposal would change, as far as a person reads.
std::string as_comments(std::string_view changes) {
    constexpr std::size_t kMostLines = 100, kMostBytes = 400;  // of a line
    std::string text;
    for (std::size_t lines = 0; !changes.empty(); ++lines) {
        if (lines == kMostLines) return text + "# weir reload --dry-run shows the rest.\n";
        const std::string_view line = changes.substr(0, changes.find('\n'));
        changes.remove_prefix(std::min(changes.size(), line.size() + 1));
        text += line.empty() ? "#\n" : "# " + printable(line.substr(0, kMostBytes)) + "\n";
    }
    return text.empty() ? text : "#\n# What it would change:\n" + text;
}

}  // namespace

Status only_rules_and_tests(const std::string& proposal) {
    std::string line = proposal;
    std::erase_if(line, [](char c) { return c == '\n' || c == '\t'; });
    if (printable(line) != line) return Error{"it has control characters, or is not UTF-8", {}, 0};
    Sources sources;
    Diagnostics diagnostics;
    const ast::Policy parsed = parse(sources, sources.add("proposal", proposal), diagnostics);
    if (diagnostics.has_errors() || parsed.items.empty()) return Error{"it is not text of the language", {}, 0};
    for (const ast::Item& item : parsed.items)
        if (const char* kind = std::visit(Unfit{}, item); kind != nullptr)
            return Error{fmt::format("it has {}; a proposal has rules and tests only", kind), {}, 0};
    return Done{};
}

std::string with_proposal(const std::string& text, const std::string& proposal) {
    return text + "\n# What the model proposes, behind all other rules:\n" + proposal + "\n";
}

bool is_with_proposal(const std::string& whole, const std::string& sha256, const std::string& proposal) {
    const std::string tail = with_proposal({}, proposal);
    return whole.ends_with(tail) &&
           tooling::sha256(std::string_view(whole).substr(0, whole.size() - tail.size())) == sha256;
}

Result<std::string> write_proposal(const std::string& folder, const std::string& file, const std::string& policy,
                                   std::string_view changes, const runtime::TriageNote& note, std::uint64_t now_ns) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) return runtime::kernel_error(problem.value(), "making " + folder);
    std::size_t kept = 0;
    for (std::filesystem::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem))
        if (++kept == kMaxProposals)
            return Error{fmt::format("{} has {} proposals already", folder, kMaxProposals), "remove some", 0};
    std::string time = runtime::rfc3339(now_ns).substr(0, 19);
    std::replace(time.begin(), time.end(), ':', '-');
    const std::string path = fmt::format("{}/{}Z-{}.rules", folder, time, note.sink);
    const std::string head = fmt::format(
        "# A proposal of sink {}: nobody has put it in force.\n"
        "# It says of {} events: {}\n# {}\n# Events: {}\n"
        "# weir reload --shadow {} -I {}   compares it with the policy in force.\n{}\n",
        note.sink, note.events, judgement(note.triage), printable(note.triage.reason), ids_of(note.triage),
        printable(path), printable(tooling::folder_of(file)), as_comments(changes));
    const std::string all = head + policy;
    const runtime::UniqueFd out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!out) return runtime::kernel_error(errno, "making " + path);
    for (std::size_t at = 0; at < all.size();) {
        const ssize_t written = write(out.get(), all.data() + at, all.size() - at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            const Error error = runtime::kernel_error(errno, "writing " + path);
            unlink(path.c_str());
            return error;
        }
        at += static_cast<std::size_t>(written);
    }
    return path;
}

std::string note_line(const runtime::TriageNote& note) {
    return fmt::format("{} says of {} events: {}: {}", note.sink, note.events, judgement(note.triage),
                       note.triage.reason);
}

std::string note_eve(const runtime::TriageNote& note, const std::string& policy, std::uint64_t now_ns) {
    std::string time = runtime::rfc3339(now_ns);
    time.pop_back();
    const nlohmann::ordered_json line = {{"timestamp", time + "+0000"},
                                         {"event_type", "anomaly"},
                                         {"anomaly", {{"type", "weir"}, {"event", "triage"}}},
                                         {"weir",
                                          {{"policy", policy},
                                           {"sink", note.sink},
                                           {"events", note.events},
                                           {"verdict", note.triage.verdict},
                                           {"confidence", note.triage.confidence},
                                           {"reason", note.triage.reason},
                                           {"evidence", note.triage.evidence},
                                           {"cited", note.triage.is_cited},
                                           {"proposes", !note.triage.proposal.empty()}}}};
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace weir::service

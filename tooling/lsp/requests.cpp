// What an editor asks for, method by method.
// Tested by tests/lsp/client_test.py with `"textDocument/formatting"`.
#include <algorithm>

#include <fmt/format.h>

#include "tooling/lsp/colours.h"
#include "tooling/lsp/complete.h"
#include "tooling/lsp/edits.h"
#include "tooling/lsp/navigate.h"
#include "tooling/lsp/outline.h"
#include "tooling/lsp/server.h"

namespace weir::tooling::lsp {
namespace {

constexpr int kInvalidParams = -32602, kRequestFailed = -32803;

}  // namespace

const std::map<std::string_view, Server::Handler>& Server::requests() {
    static const std::map<std::string_view, Handler> table{
        {"initialize", &Server::initialize},
        {"shutdown", &Server::shutdown},
        {"textDocument/completion", &Server::completion},
        {"textDocument/hover", &Server::hover_at},
        {"textDocument/definition", &Server::definition_of},
        {"textDocument/references", &Server::references_of},
        {"textDocument/documentHighlight", &Server::highlights_of},
        {"textDocument/prepareRename", &Server::prepare_rename_of},
        {"textDocument/rename", &Server::rename_of},
        {"textDocument/documentSymbol", &Server::symbols_of},
        {"textDocument/foldingRange", &Server::folds_of},
        {"textDocument/codeLens", &Server::lenses_of},
        {"textDocument/semanticTokens/full", &Server::colours_of},
        {"textDocument/formatting", &Server::format_of},
        {"textDocument/codeAction", &Server::actions_of},
        {"workspace/executeCommand", &Server::execute},
    };
    return table;
}

const Document* Server::document_of(const Json& params) {
    return library_.find(string_of(member(member(params, "textDocument"), "uri")));
}

std::optional<Server::Asked> Server::asked(const Json& params) {
    const Document* document = document_of(params);
    const auto place = place_of(member(params, "position"));
    if (document == nullptr || !place) return std::nullopt;
    return Asked{document, *place};
}

template <typename Ask>
Server::Reply Server::at_place(const Json& params, const Ask& ask) {
    const auto at = asked(params);
    if (!at) return {{}, kInvalidParams, "no open document, or no position"};
    return {ask(*at->document, at->place)};
}

template <typename Ask>
Server::Reply Server::of_file(const Json& params, const Ask& ask) {
    const Document* document = document_of(params);
    const ParsedFile* file = document == nullptr ? nullptr : library_.parsed(document->path);
    if (file == nullptr) return {{}, kInvalidParams, "no open document"};
    return {ask(*file)};
}

Server::Reply Server::completion(const Json& params) {
    return at_place(params, [this](const Document& d, Place place) { return complete(library_, d, place); });
}

Server::Reply Server::hover_at(const Json& params) {
    return at_place(params, [this](const Document& d, Place place) {
        return hover(library_, d, place, findings_for(d.path), options_.counters);
    });
}

Server::Reply Server::definition_of(const Json& params) {
    return at_place(params, [this](const Document& d, Place place) { return definition(library_, d, place); });
}

Server::Reply Server::references_of(const Json& params) {
    const bool with = member(member(params, "context"), "includeDeclaration") == true;
    return at_place(params, [&](const Document& d, Place place) {
        return references(library_, d, place, with ? Declaring::kIncluded : Declaring::kLeftOut);
    });
}

Server::Reply Server::highlights_of(const Json& params) {
    return at_place(params, [this](const Document& d, Place place) { return highlights(library_, d, place); });
}

Server::Reply Server::prepare_rename_of(const Json& params) {
    return at_place(params, [this](const Document& d, Place place) { return prepare_rename(library_, d, place); });
}

Server::Reply Server::rename_of(const Json& params) {
    const auto at = asked(params);
    if (!at) return {{}, kInvalidParams, "no open document, or no position"};
    Renamed renamed = rename(library_, *at->document, at->place, string_of(member(params, "newName")));
    if (!renamed.problem.empty()) return {{}, kRequestFailed, std::move(renamed.problem)};
    return {std::move(renamed.edit)};
}

Server::Reply Server::symbols_of(const Json& params) { return of_file(params, symbols); }
Server::Reply Server::folds_of(const Json& params) { return of_file(params, folds); }
Server::Reply Server::lenses_of(const Json& params) { return of_file(params, lenses); }
Server::Reply Server::colours_of(const Json& params) { return of_file(params, colours); }

Server::Reply Server::format_of(const Json& params) {
    const Document* document = document_of(params);
    const ParsedFile* file = document == nullptr ? nullptr : library_.parsed(document->path);
    if (file == nullptr) return {{}, kInvalidParams, "no open document"};
    auto edits = formatted(*file);
    if (!edits) return {{}, kRequestFailed, "there are errors of syntax: repair them first"};
    return {std::move(*edits)};
}

Server::Reply Server::actions_of(const Json& params) {
    const Document* document = document_of(params);
    const auto range = range_of(member(params, "range"));
    if (document == nullptr || !range) return {{}, kInvalidParams, "no open document, or no range"};
    const auto shown = shown_.find(document->path);
    // What is known of another version has other places.
    if (shown == shown_.end() || shown->second.version != document->version) return {Json::array()};
    return {code_actions(library_, *document, *range, shown->second.by_path.at(document->path))};
}

Server::Reply Server::execute(const Json& params) {
    const std::string command = string_of(member(params, "command"));
    const Json& arguments = member(params, "arguments");
    const bool has_uri = arguments.is_array() && !arguments.empty();
    if (command != kRunTest) return {{}, kInvalidParams, fmt::format("no command `{}`", command)};
    const Document* document = has_uri ? library_.find(string_of(arguments[0])) : nullptr;
    if (document == nullptr) return {{}, kInvalidParams, "no open document"};
    TestRun run{input_of(*document), {}, request_};
    for (std::size_t i = 1; i < arguments.size(); ++i) run.names.push_back(string_of(arguments[i]));
    logic_.submit(std::move(run));
    is_later_ = true;
    return {};
}

// ---- what workers found ----

void Server::take_outcomes() {
    for (Outcome& outcome : outcomes_.take()) std::visit([this](auto& one) { take(std::move(one)); }, outcome);
}

const PolicyFindings* Server::findings_for(const std::string& path) const {
    const auto own = complete_.find(path);
    if (own != complete_.end() && !own->second.rules.empty()) return &own->second;
    for (const auto& [root, findings] : complete_)
        if (std::find(findings.files.begin(), findings.files.end(), path) != findings.files.end()) return &findings;
    return own == complete_.end() ? nullptr : &own->second;
}

void Server::take(PolicyFindings findings) {
    const Document* document = library_.find_path(findings.path);
    const std::string path = findings.path;
    PolicyFindings& shown = shown_[path];
    if (document == nullptr) {
        shown_.erase(path);
        return;
    }
    const bool is_stale = findings.number < shown.number ||
                          (findings.number == shown.number && shown.is_complete && !findings.is_complete);
    if (is_stale) return;
    std::set<std::string> files(shown.files.begin(), shown.files.end());
    files.insert(findings.files.begin(), findings.files.end());
    if (!findings.is_complete && !findings.is_refused) keep_warnings(shown, findings);
    shown = std::move(findings);
    if (shown.is_complete && !shown.is_refused) complete_[path] = shown;
    for (const std::string& file : files) publish(file);
}

void Server::keep_warnings(const PolicyFindings& last, PolicyFindings& next) const {
    for (const auto& [path, findings] : last.by_path) {
        const auto known = next.by_path.find(path);
        if (known == next.by_path.end()) continue;
        for (const Finding& finding : findings) {
            if (!finding.is_logic || finding.rule.empty()) continue;
            const auto before = last.places.find(finding.rule);
            const auto now = std::as_const(next.places).find(finding.rule);
            const bool same = before != last.places.end() && now != next.places.end() &&
                              before->second.text_hash == now->second.text_hash &&
                              before->second.begin.character == now->second.begin.character;
            if (!same) continue;
            Finding moved = finding;
            for (Place* place : {&moved.range.begin, &moved.range.end})
                place->line += now->second.begin.line - before->second.begin.line;
            moved.fix.reset();  // its place would have to move, too
            moved.related.clear();
            known->second.push_back(std::move(moved));
        }
    }
}

void Server::publish(const std::string& path) {
    const auto uri = [this](const std::string& file) { return library_.uri(file); };
    Json diagnostics = Json::array();
    std::set<std::string> known;
    const auto add = [&](const Finding& finding) {
        Json one = json_of(finding, uri);
        if (known.insert(one.dump(-1, ' ', false, Json::error_handler_t::replace)).second)
            diagnostics.push_back(std::move(one));
    };
    // A file that is open is judged as a policy of its own; what an importer says of it counts, too.
    for (const auto& [root, findings] : shown_)
        if (const auto own = findings.by_path.find(path); own != findings.by_path.end())
            for (const Finding& finding : own->second) add(finding);
    if (const auto failed = failed_.find(path); failed != failed_.end())
        for (const Finding& finding : failed->second) add(finding);
    const Document* document = library_.find_path(path);
    Json params{{"uri", uri(path)}, {"diagnostics", std::move(diagnostics)}};
    if (document != nullptr) params["version"] = shown_.contains(path) ? shown_[path].version : document->version;
    const std::string text = params.dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string& last = published_[path];
    if (last == text) return;
    last = text;
    if (document == nullptr && params["diagnostics"].empty()) published_.erase(path);
    send({{"jsonrpc", "2.0"}, {"method", "textDocument/publishDiagnostics"}, {"params", std::move(params)}});
}

void Server::take(TestOutcome outcome) {
    if (!outcome.error.empty())
        return answer(outcome.request, {{}, kRequestFailed, fmt::format("no test ran: {}", outcome.error)});
    const Document* document = library_.find_path(outcome.path);
    Json results = Json::array();
    std::vector<Finding> failed;
    std::size_t passed = 0;
    for (const TestResult& result : outcome.results) {
        Json one{{"test", result.name}, {"ok", !result.failure}, {"line", result.line}};
        if (result.failure) {
            one["step"] = result.failure->step;
            one["expected"] = result.failure->expected;
            one["got"] = result.failure->got;
            const std::uint32_t line = result.failure->line - 1;
            failed.push_back(
                {.code = "test-failed",
                 .severity = Severity::kError,
                 .range = {{line, 0}, {line, 10'000}},
                 .message = fmt::format("test \"{}\", {}: expected {}, got {}", result.name, place_of(*result.failure),
                                        result.failure->expected, result.failure->got)});
        } else {
            ++passed;
        }
        results.push_back(std::move(one));
    }
    if (document != nullptr && document->version == outcome.version) {
        for (Finding& finding : failed) {  // to the end of the line
            Range& range = finding.range;
            range = document->text.range(document->text.offset(range.begin), document->text.offset(range.end));
        }
        failed_[outcome.path] = failed;
        publish(outcome.path);
    }
    constexpr int kErrorMessage = 1, kInfo = 3;
    show(fmt::format("{} passed, {} failed", passed, failed.size()), failed.empty() ? kInfo : kErrorMessage);
    answer(outcome.request, {{{"passed", passed}, {"failed", failed.size()}, {"tests", std::move(results)}}});
}

}  // namespace weir::tooling::lsp

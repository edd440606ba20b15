// Tested by tests/lsp/client_test.py with `"initialize"`.
#include "tooling/lsp/server.h"

#include <algorithm>

#include <fmt/format.h>

#include "tooling/files/paths.h"
#include "tooling/lsp/colours.h"
#include "tooling/lsp/outline.h"
#include "tooling/lsp/uri.h"

namespace weir::tooling::lsp {
namespace {

// JSON-RPC's and the protocol's.
constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601, kNotInitialized = -32002,
              kRequestCancelled = -32800;
constexpr int kIncremental = 2;
// Rule logic waits until somebody pauses; names and types do not.
constexpr std::chrono::milliseconds kAtOnce{0}, kPause{200};
constexpr std::size_t kMostDocuments = 1'000;

Json capabilities() {
    Json out;
    out["positionEncoding"] = "utf-16";
    out["textDocumentSync"] = {{"openClose", true}, {"change", kIncremental}, {"save", {{"includeText", false}}}};
    out["completionProvider"] = {{"triggerCharacters", {".", " ", "{", "/", "\""}}};
    out["hoverProvider"] = true;
    out["definitionProvider"] = true;
    out["referencesProvider"] = true;
    out["documentHighlightProvider"] = true;
    out["renameProvider"] = {{"prepareProvider", true}};
    out["documentSymbolProvider"] = true;
    out["foldingRangeProvider"] = true;
    out["codeLensProvider"] = {{"resolveProvider", false}};
    out["documentFormattingProvider"] = true;
    out["codeActionProvider"] = {{"codeActionKinds", {"quickfix", "source.fixAll"}}};
    out["semanticTokensProvider"] = {{"legend", {{"tokenTypes", token_types()}, {"tokenModifiers", token_modifiers()}}},
                                     {"full", true}};
    out["executeCommandProvider"] = {{"commands", {kRunTest}}};
    out["workspace"] = {{"workspaceFolders", {{"supported", true}, {"changeNotifications", true}}}};
    return out;
}

}  // namespace

Server::Server(ServerOptions options, std::function<void(std::string)> send)
    : options_(std::move(options)),
      send_(std::move(send)),
      names_(check_names, kAtOnce, outcomes_),
      logic_(check_all, kPause, outcomes_) {
    library_.include_dirs = options_.policy.include_dirs;
}

const std::map<std::string_view, Server::Notice>& Server::notices() {
    static const std::map<std::string_view, Notice> table{
        {"initialized", &Server::initialized},
        {"exit", &Server::exit},
        {"textDocument/didOpen", &Server::did_open},
        {"textDocument/didChange", &Server::did_change},
        {"textDocument/didClose", &Server::did_close},
        {"textDocument/didSave", &Server::did_save},
        {"workspace/didChangeWatchedFiles", &Server::did_change_files},
        {"workspace/didChangeWorkspaceFolders", &Server::did_change_folders},
    };
    return table;
}

void Server::receive(std::string_view bytes) {
    frames_.add(bytes);
    std::vector<Json> messages;
    const auto refuse = [&](int code, const std::string& message) {
        if (options_.log) options_.log(message);
        answer(nullptr, {{}, code, message});
    };
    while (const auto frame = frames_.next()) {
        if (!frame->problem.empty()) {
            refuse(kParseError, frame->problem);
            continue;
        }
        auto message = parse_json(frame->content);
        if (!message)
            refuse(kParseError, "a message that is no JSON, or nested too deep");
        else if (!message->is_object())
            refuse(kInvalidRequest, "a message that is no object");
        else
            messages.push_back(std::move(*message));
    }
    // What is cancelled before it is begun is not begun.
    for (const Json& message : messages)
        if (string_of(member(message, "method")) == "$/cancelRequest")
            cancelled_.insert(member(member(message, "params"), "id"));
    for (const Json& message : messages)
        if (!is_done_) dispatch(message);
    cancelled_.clear();
}

void Server::dispatch(const Json& message) {
    const std::string method = string_of(member(message, "method"));
    const Json& id = member(message, "id");
    const Json& params = member(message, "params");
    const bool is_request = message.contains("id");
    library_.begin_request();
    if (!is_request) {
        const auto notice = notices().find(method);
        const bool is_known = notice != notices().end() && (is_initialized_ || method == "exit");
        if (is_known && (!is_shut_down_ || method == "exit")) (this->*notice->second)(params);
        return;
    }
    if (method.empty()) return;  // the reply to a request of ours
    if (!id.is_string() && !id.is_number_integer())
        return answer(nullptr, {{}, kInvalidRequest, "an id that is neither a number nor a string"});
    if (cancelled_.contains(id)) return answer(id, {{}, kRequestCancelled, "cancelled"});
    if (!is_initialized_ && method != "initialize")
        return answer(id, {{}, kNotInitialized, "the server is not initialized"});
    if (is_shut_down_ || (is_initialized_ && method == "initialize"))
        return answer(id, {{}, kInvalidRequest, "not in this state of the server"});
    const auto handler = requests().find(method);
    if (handler == requests().end()) return answer(id, {{}, kMethodNotFound, fmt::format("no method `{}`", method)});
    request_ = id;
    is_later_ = false;
    const Reply reply = (this->*handler->second)(params);
    if (!is_later_) answer(id, reply);
}

void Server::answer(const Json& id, const Reply& reply) {
    Json message{{"jsonrpc", "2.0"}, {"id", id}};
    if (reply.error != 0)
        message["error"] = {{"code", reply.error}, {"message", reply.message}};
    else
        message["result"] = reply.result;
    send(message);
}

void Server::show(const std::string& text, int type) {
    send({{"jsonrpc", "2.0"}, {"method", "window/showMessage"}, {"params", {{"type", type}, {"message", text}}}});
}

// ---- life ----

Server::Reply Server::initialize(const Json& params) {
    is_initialized_ = true;
    for (const Json& folder : member(params, "workspaceFolders"))
        library_.folders.push_back(path_of(string_of(member(folder, "uri"))));
    const std::string root = string_of(member(params, "rootUri"));
    if (library_.folders.empty() && !root.empty()) library_.folders.push_back(path_of(root));
    // "initializationOptions": {"include": ["/etc/weir"]}, as `--include`.
    for (const Json& folder : member(member(params, "initializationOptions"), "include"))
        if (!string_of(folder).empty()) options_.policy.include_dirs.push_back(string_of(folder));
    library_.include_dirs = options_.policy.include_dirs;
    const Json& watched = member(member(member(params, "capabilities"), "workspace"), "didChangeWatchedFiles");
    watches_files_ = member(watched, "dynamicRegistration") == true;
    return {{{"capabilities", capabilities()}, {"serverInfo", {{"name", "weir"}, {"version", options_.version}}}}};
}

void Server::initialized(const Json&) {
    if (!watches_files_) return;
    // Set files have any name: all files are watched.
    const Json watcher{{"globPattern", "**/*"}};
    const Json registration{{"id", "weir-files"},
                            {"method", "workspace/didChangeWatchedFiles"},
                            {"registerOptions", {{"watchers", Json::array({watcher})}}}};
    send({{"jsonrpc", "2.0"},
          {"id", "weir-files"},
          {"method", "client/registerCapability"},
          {"params", {{"registrations", Json::array({registration})}}}});
}

Server::Reply Server::shutdown(const Json&) {
    is_shut_down_ = true;
    return {};
}

void Server::exit(const Json&) { is_done_ = true; }

// ---- documents ----

void Server::did_open(const Json& params) {
    const Json& item = member(params, "textDocument");
    const std::string uri = string_of(member(item, "uri"));
    if (uri.empty() || library_.documents().size() >= kMostDocuments) return;
    library_.open(uri, number_of(member(item, "version")).value_or(0), string_of(member(item, "text")));
    analyse_with_importers(*library_.find(uri));
}

void Server::did_change(const Json& params) {
    const Json& item = member(params, "textDocument");
    Document* document = library_.find(string_of(member(item, "uri")));
    if (document == nullptr) return;
    for (const Json& change : member(params, "contentChanges")) {
        const std::string text = string_of(member(change, "text"));
        if (const auto range = range_of(member(change, "range")))
            document->text.replace(*range, text);
        else
            document->text = Text(text);
    }
    document->version = std::max<std::int64_t>(document->version + 1, number_of(member(item, "version")).value_or(0));
    library_.changed(*document);
    failed_.erase(document->path);
    analyse_with_importers(*document);
}

void Server::did_close(const Json& params) {
    const std::string uri = string_of(member(member(params, "textDocument"), "uri"));
    const Document* document = library_.find(uri);
    if (document == nullptr) return;
    const std::string path = document->path;
    std::set<std::string> files{path};
    if (const auto shown = shown_.find(path); shown != shown_.end())
        files.insert(shown->second.files.begin(), shown->second.files.end());
    const std::vector<std::string> importers = library_.open_importers(path);
    library_.close(uri);
    shown_.erase(path);
    complete_.erase(path);
    failed_.erase(path);
    for (const std::string& file : files) publish(file);
    for (const std::string& importer : importers)
        if (const Document* open = library_.find_path(importer); open != nullptr) analyse(*open);
}

void Server::did_save(const Json& params) {
    const Document* document = library_.find(string_of(member(member(params, "textDocument"), "uri")));
    if (document != nullptr) analyse_with_importers(*document);
}

// A set file or an import of an open policy: each may read it, whether or not it could before.
void Server::did_change_files(const Json&) {
    for (const auto& [path, document] : library_.documents()) analyse(document);
}

void Server::did_change_folders(const Json& params) {
    const Json& event = member(params, "event");
    for (const Json& folder : member(event, "removed"))
        std::erase(library_.folders, path_of(string_of(member(folder, "uri"))));
    for (const Json& folder : member(event, "added"))
        library_.folders.push_back(path_of(string_of(member(folder, "uri"))));
}

AnalysisInput Server::input_of(const Document& document) {
    return {document.path, document.version, ++analyses_, library_.buffers(), options_.policy};
}

void Server::analyse(const Document& document) {
    const AnalysisInput input = input_of(document);
    names_.submit(input);
    logic_.submit(input);
}

void Server::analyse_with_importers(const Document& document) {
    analyse(document);
    for (const std::string& importer : library_.open_importers(document.path))
        if (const Document* open = library_.find_path(importer); open != nullptr) analyse(*open);
}

}  // namespace weir::tooling::lsp

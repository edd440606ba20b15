// Tested by tests/unit/tooling/lsp_marks_test.cpp.
#include "tooling/lsp/library.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "compiler/packet/fields.h"
#include "compiler/sema/paths.h"
#include "grammar/parser.h"
#include "tooling/files/paths.h"
#include "tooling/files/read.h"
#include "tooling/lsp/uri.h"

namespace weir::tooling::lsp {
namespace {

namespace fs = std::filesystem;

// Of a workspace: what is beyond these is not searched for uses of a name.
constexpr std::size_t kMostFiles = 2'000;
constexpr std::size_t kMostEntries = 50'000;
constexpr int kMostDepth = 12;

bool is_file(const std::string& path) {
    struct stat status{};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

void add_policies(const std::string& folder, std::set<std::string>& found) {
    std::error_code failed;
    std::size_t entries = 0;
    auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, failed);
    for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
        if (++entries > kMostEntries || found.size() >= kMostFiles) return;
        const std::string name = at->path().filename().string();
        const bool is_hidden = name.starts_with('.') || name == "node_modules";
        std::error_code ignored;
        if (at->is_directory(ignored) && (is_hidden || at.depth() >= kMostDepth)) at.disable_recursion_pending();
        if (name.ends_with(".rules") && at->is_regular_file(ignored)) found.insert(resolved(at->path().string()));
    }
}

}  // namespace

void Library::open(const std::string& uri, std::int64_t version, std::string text) {
    const std::string path = resolved(path_of(uri));
    Document& document = documents_[path];
    document = {uri, path, version, Text(std::move(text))};
    paths_[uri] = path;
    changed(document);
}

void Library::close(const std::string& uri) {
    const auto known = paths_.find(uri);
    if (known == paths_.end()) return;
    buffers_.remove(known->second);
    documents_.erase(known->second);
    cache_.erase(known->second);
    paths_.erase(known);
}

Document* Library::find(const std::string& uri) {
    const auto known = paths_.find(uri);
    const auto found = known == paths_.end() ? documents_.end() : documents_.find(known->second);
    return found == documents_.end() ? nullptr : &found->second;
}

const Document* Library::find_path(const std::string& path) const {
    const auto found = documents_.find(path);
    return found == documents_.end() ? nullptr : &found->second;
}

void Library::changed(const Document& document) { buffers_.put(document.path, document.text.all()); }

std::string Library::uri(const std::string& path) const {
    const Document* document = find_path(path);
    return document == nullptr ? uri_of(path) : document->uri;
}

std::unique_ptr<ParsedFile> Library::parse_file(const std::string& path, std::string text) const {
    auto file = std::make_unique<ParsedFile>();
    file->path = path;
    file->uri = uri(path);
    file->text = Text(std::move(text));
    Diagnostics diagnostics;
    file->policy = parse(file->sources, file->sources.add(path, file->text.all()), diagnostics);
    file->is_clean = !diagnostics.has_errors();
    file->marks = marks_of(file->policy);
    for (const ast::Item& item : file->policy.items) {
        const auto* import = std::get_if<ast::Import>(&item);
        if (import == nullptr) continue;
        for (const std::string& place : sema::candidate_paths(path, import->path, include_dirs)) {
            const std::string whole = resolved(place);
            if (!documents_.contains(whole) && !is_file(whole)) continue;
            file->imports.push_back(whole);
            break;
        }
    }
    return file;
}

const ParsedFile* Library::parsed(const std::string& path) {
    Cached& cached = cache_[path];
    if (const Document* document = find_path(path); document != nullptr) {
        if (cached.file == nullptr || cached.version != document->version)
            cached = {parse_file(path, document->text.all()), document->version, {}, 0, request_};
        return cached.file.get();
    }
    if (cached.request == request_) return cached.file.get();
    cached.request = request_;
    struct stat now{};
    const bool is_there = stat(path.c_str(), &now) == 0 && S_ISREG(now.st_mode);
    const bool same = is_there && cached.file != nullptr && !cached.version && cached.size == now.st_size &&
                      cached.modified.tv_sec == now.st_mtim.tv_sec && cached.modified.tv_nsec == now.st_mtim.tv_nsec;
    if (same) return cached.file.get();
    auto text = is_there ? read_regular(path, kMaxFileBytes) : Result<std::string>(Error{"no file", {}, 0});
    cached = {text ? parse_file(path, std::move(*text)) : nullptr, std::nullopt, now.st_mtim, now.st_size, request_};
    return cached.file.get();
}

std::vector<const ParsedFile*> Library::closure(const std::string& path) {
    std::vector<const ParsedFile*> files;
    std::set<std::string> known{path};
    std::vector<std::string> waiting{path};
    for (std::size_t i = 0; i < waiting.size() && waiting.size() <= kMostFiles; ++i) {
        const ParsedFile* file = parsed(waiting[i]);
        if (file == nullptr) continue;
        files.push_back(file);
        for (const std::string& import : file->imports)
            if (known.insert(import).second) waiting.push_back(import);
    }
    return files;
}

std::vector<std::string> Library::policy_files() const {
    std::set<std::string> found;
    for (const auto& [path, unused] : documents_) found.insert(path);
    for (const std::string& folder : folders) add_policies(folder, found);
    return {found.begin(), found.end()};
}

std::vector<const ParsedFile*> Library::relatives(const std::string& path) {
    std::vector<const ParsedFile*> all = closure(path);
    std::set<const ParsedFile*> known(all.begin(), all.end());
    for (const std::string& root : policy_files()) {
        const std::vector<const ParsedFile*> files = closure(root);
        if (std::none_of(files.begin(), files.end(), [&](const ParsedFile* one) { return one->path == path; }))
            continue;
        for (const ParsedFile* file : files)
            if (known.insert(file).second) all.push_back(file);
    }
    return all;
}

std::optional<Library::Declaration> Library::declaration(const ParsedFile& file, const Mark& mark) {
    const auto find = [&](const std::vector<const ParsedFile*>& files) -> std::optional<Declaration> {
        for (const ParsedFile* one : files)
            for (const Mark& other : one->marks)
                if (other.kind != MarkKind::kUse && other.space == mark.space && other.name == mark.name &&
                    other.scope == mark.scope)
                    return Declaration{one, &other};
        return std::nullopt;
    };
    if (mark.space == Space::kParameter) return find({&file});
    if (mark.space == Space::kValue && packet::find_field(mark.name)) return std::nullopt;  // never a name
    if (auto near = find(closure(file.path))) return near;
    return find(relatives(file.path));
}

std::vector<std::string> Library::open_importers(const std::string& path) {
    std::vector<std::string> importers;
    std::vector<std::string> roots;
    for (const auto& [root, unused] : documents_) roots.push_back(root);
    for (const std::string& root : roots) {
        if (root == path) continue;
        for (const ParsedFile* file : closure(root))
            if (file->path == path) importers.push_back(root);
    }
    return importers;
}

}  // namespace weir::tooling::lsp

// Held by tests/unit/service/named_files_test.cpp.
// Tested by tests/unit/service/named_files_test.cpp.
#include "service/named_files.h"

#include <algorithm>

#include "compiler/sema/paths.h"

namespace weir::service {
namespace {

constexpr std::size_t kMaxPathBytes = 4096;  // PATH_MAX

std::string last_part(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

// \" and \\ as what they stand for. Other escapes occur in no path that a person wrote.
std::string unescaped(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
        plain += text[i];
    }
    return plain;
}

bool ends_with_import(std::string_view before) {
    const std::size_t end = before.find_last_not_of(" \t\r\n");
    return end != std::string_view::npos && before.substr(0, end + 1).ends_with("import");
}

}  // namespace

NamedFiles::NamedFiles(std::string root, std::vector<std::string> include_dirs)
    : root_(sema::normal_path(root)), include_dirs_(std::move(include_dirs)) {}

NamedFiles::Kind NamedFiles::kind(const std::string& path) const {
    if (path == root_) return Kind::kPolicy;
    Kind found = Kind::kNone;
    const auto [first, last] = names_.equal_range(last_part(path));
    for (auto one = first; one != last; ++one) {
        const Name& name = one->second;
        const auto places = sema::candidate_paths(name.by, name.text, include_dirs_);
        if (std::find(places.begin(), places.end(), path) == places.end()) continue;
        found = std::max(found, name.is_import ? Kind::kPolicy : Kind::kList);
    }
    return found;
}

bool NamedFiles::is_quoted(const std::string& text) const {
    const auto [first, last] = names_.equal_range(last_part(text));
    return std::any_of(first, last, [&](const auto& one) { return one.second.text == text; });
}

void NamedFiles::add_name(const std::string& by, std::string_view quoted, bool is_import) {
    if (quoted.empty() || quoted.size() > kMaxPathBytes) return;
    std::string text = unescaped(quoted);
    std::string key = last_part(text);
    names_.emplace(std::move(key), Name{by, std::move(text), is_import});
}

// What stands between any quote and the next one of the same line: more than the strings that the policy's grammar
// sees (a quote in a comment begins one, too), never fewer.
void NamedFiles::add(const std::string& path, std::string_view text) {
    std::size_t open = std::string_view::npos;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') open = std::string_view::npos;
        if (text[i] == '\\' && open != std::string_view::npos)
            ++i;  // and what it escapes
        else if (text[i] == '"') {
            if (open != std::string_view::npos)
                add_name(path, text.substr(open + 1, i - open - 1), ends_with_import(text.substr(0, open)));
            open = i;
        }
    }
}

}  // namespace weir::service

// The files of a policy: the root and everything it imports, each once.
// Tested by tests/unit/sema/types_test.cpp with `import`.
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "compiler/sema/check.h"
#include "compiler/sema/paths.h"
#include "grammar/parser.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxFiles = 1024;  // docs/limits.md
constexpr std::size_t kMaxImportDepth = 64;

class Importer {
public:
    Importer(Sources& sources, const Files& files, Diagnostics& diagnostics)
        : sources_(sources), files_(files), diagnostics_(diagnostics) {}

    // Reads `file` and, before it, what it imports.
    void read(std::uint32_t file) {
        if (open_.empty()) bytes_ = sources_.text(file).size();
        open_.push_back(file);
        known_.emplace(normal_path(sources_.name(file)), file);
        const std::size_t errors = diagnostics_.errors();
        ast::Policy policy = parse(sources_, file, diagnostics_);
        if (policy.items.empty() && !policy.name && diagnostics_.errors() == errors)
            say(Code::E111, {file, 0, 0}, "this file has no item",
                "a policy has at least one item, such as `policy NAME`, `default pass` or a rule; was the file cut "
                "short?");
        for (ast::Item& item : policy.items)
            if (auto* import = std::get_if<ast::Import>(&item))
                if (!follow(*import)) policy.lost_all = true;
        open_.pop_back();
        policies_.push_back(std::move(policy));
    }
    std::vector<ast::Policy> take() { return std::move(policies_); }

private:
    void say(Code code, Span span, std::string message, std::string help) {
        diagnostics_.add({.code = code, .span = span, .message = std::move(message), .help = std::move(help)});
    }

    // True where the import closes a cycle: said, with the files on it.
    bool closes_cycle(const ast::Import& import, std::uint32_t file) {
        for (std::size_t i = 0; i < open_.size(); ++i) {
            if (open_[i] != file) continue;
            std::string chain;
            for (std::size_t k = i; k < open_.size(); ++k) chain += sources_.name(open_[k]) + " imports ";
            say(Code::E206, import.path_span, "this import makes a cycle: " + chain + sources_.name(file),
                "move what both files need into a third file");
            return true;
        }
        return false;
    }

    // False where it names a file that cannot be read: said.
    bool follow(ast::Import& import) {
        const std::vector<std::string> places =
            candidate_paths(sources_.name(import.path_span.file), import.path, files_.include_dirs);
        for (const std::string& place : places) {
            if (const auto found = known_.find(place); found != known_.end()) {
                if (!closes_cycle(import, found->second)) import.file = found->second;
                return true;
            }
        }
        if (known_.size() + unread_ >= kMaxFiles || open_.size() >= kMaxImportDepth) {
            say(Code::E514, import.path_span,
                fmt::format("more than {} files, or an import depth of more than {}", kMaxFiles, kMaxImportDepth),
                "merge some of the files");
            return false;
        }
        Result<FileText> found = files_.first_of(places);
        if (!found) {
            ++unread_;
            say(Code::E207, import.path_span,
                fmt::format("`{}` cannot be read: {}", import.path, found.error().message),
                "a path is relative to the file that names it, then to the --include folders");
            return false;
        }
        bytes_ += found->text.size();
        if (bytes_ > kMaxFileBytes) {
            say(Code::E502, import.path_span,
                fmt::format("with this file the policy has more than {} MB of text", kMaxFileBytes >> 20),
                "the limit is for all files of a policy together; addresses by the thousand belong into set files");
            return false;
        }
        import.file = sources_.add(found->path, std::move(found->text));
        read(*import.file);
        return true;
    }

    Sources& sources_;
    const Files& files_;
    Diagnostics& diagnostics_;
    std::vector<ast::Policy> policies_;
    std::vector<std::uint32_t> open_;                       // being read: the way from the root
    std::unordered_map<std::string, std::uint32_t> known_;  // by path
    std::size_t unread_ = 0;                                // imports without a file
    std::size_t bytes_ = 0;                                 // of the files read so far
};

}  // namespace

Result<FileText> Files::first_of(const std::vector<std::string>& places) const {
    std::optional<Error> first_error;
    for (const std::string& place : places) {
        Result<std::string> text = read ? read(place) : Error{"no files can be read here", {}, 0};
        if (text) return FileText{place, std::move(*text)};
        if (!first_error) first_error = text.error();
    }
    return *first_error;
}

std::vector<ast::Policy> parse_all(Sources& sources, std::uint32_t root, const Files& files, Diagnostics& diagnostics) {
    Importer importer(sources, files, diagnostics);
    importer.read(root);
    return importer.take();
}

}  // namespace weir::sema

// The files that an editor works on: those that it has open, as it shows them, and those on the disk.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "tooling/files/buffers.h"
#include "tooling/lsp/marks.h"
#include "tooling/lsp/text.h"

namespace weir::tooling::lsp {

// What an editor has open.
struct Document {
    std::string uri{};
    std::string path{};  // resolved
    std::int64_t version = 0;
    Text text{};
};

// One file, parsed by itself. File 0 of `sources` is its text.
struct ParsedFile {
    std::string path{};
    std::string uri{};
    Sources sources{};
    ast::Policy policy{};
    Text text{};
    bool is_clean = true;                // no error of syntax
    std::vector<std::string> imports{};  // resolved; those that are there
    std::vector<Mark> marks{};

    Range range(Span span) const { return text.range(span.begin, span.end); }
};

class Library {
public:
    std::vector<std::string> include_dirs{};
    std::vector<std::string> folders{};  // of the workspace

    void open(const std::string& uri, std::int64_t version, std::string text);
    void close(const std::string& uri);
    // Null where it is not open.
    Document* find(const std::string& uri);
    const Document* find_path(const std::string& path) const;
    const std::map<std::string, Document>& documents() const { return documents_; }  // by path
    // A document has changed: what was parsed of it counts no longer.
    void changed(const Document& document);
    const Buffers& buffers() const { return buffers_; }
    std::string uri(const std::string& path) const;

    // From now on changes on the disk are seen; those until the next call are not, so that what parsed() returns stays
    // that long.
    void begin_request() { ++request_; }
    // As it is open, or on the disk. Null where it cannot be read.
    const ParsedFile* parsed(const std::string& path);
    // The file and all that it imports, itself first.
    std::vector<const ParsedFile*> closure(const std::string& path);
    // All files that may share a name with `path`: of each policy that has it, all.
    std::vector<const ParsedFile*> relatives(const std::string& path);
    // Where a name of file `path` is declared: in what it imports, else in a policy that imports it.
    struct Declaration {
        const ParsedFile* file = nullptr;
        const Mark* mark = nullptr;
    };
    std::optional<Declaration> declaration(const ParsedFile& file, const Mark& mark);
    // Open documents that import `path`, whatever way.
    std::vector<std::string> open_importers(const std::string& path);

private:
    struct Cached {
        std::unique_ptr<ParsedFile> file{};
        std::optional<std::int64_t> version{};  // of the open document
        timespec modified{};
        std::int64_t size = 0;
        std::uint64_t request = 0;  // that has looked at it last
    };
    std::vector<std::string> policy_files() const;
    std::unique_ptr<ParsedFile> parse_file(const std::string& path, std::string text) const;

    std::map<std::string, Document> documents_{};
    std::map<std::string, std::string> paths_{};  // of open documents, by URI
    std::map<std::string, Cached> cache_{};
    Buffers buffers_{};
    std::uint64_t request_ = 1;
};

}  // namespace weir::tooling::lsp

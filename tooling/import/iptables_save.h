// The files of iptables-save, ip6tables-save and `ipset save`, as words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "tooling/import/ruleset.h"

namespace weir::tooling::imports {

struct Word {
    std::string text{};
    Span span{};
};

// "-A CHAIN …" of one table.
struct SavedRule {
    Origin origin{};
    std::string chain{};
    std::vector<Word> words{};  // behind the chain
};

struct SavedChain {
    std::string name{};
    std::string policy{};  // ACCEPT, DROP, or "-"
    Origin origin{};
};

struct SavedTable {
    std::string name{};
    std::vector<SavedChain> chains{};
    std::vector<SavedRule> rules{};
};

struct SavedFile {
    int version = 4;  // of IP
    std::vector<SavedTable> tables{};
};

// The words of a line, quotes resolved. A quote that does not end is an error.
std::vector<Word> words_of(std::string_view line, Span at, Diagnostics& diagnostics);
// Whether the text is what `ipset save` writes.
bool is_ipset(std::string_view text);
// Of file `file` of `sources`.
SavedFile parse_iptables(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics);

}  // namespace weir::tooling::imports

// Which files a policy may have read: those that it names, and that the files it imports name. Text only: no disk is
// touched. For a process that opens files for another one, which it does not trust.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::service {

class NamedFiles {
public:
    NamedFiles() = default;
    // `root`: path of the policy, the first that may be read.
    NamedFiles(std::string root, std::vector<std::string> include_dirs);

    // kPolicy: what it names may be read, too. kList: a set file, a capture: it names nothing.
    enum class Kind : std::uint8_t { kNone, kList, kPolicy };
    // What the file at `path` (normal, as candidate_paths() makes it) is named as.
    Kind kind(const std::string& path) const;
    // The policy file at `path` was read.
    void add(const std::string& path, std::string_view text);
    // True where `text` stands between quotes in a policy file that was read.
    bool is_quoted(const std::string& text) const;

private:
    struct Name {
        std::string by;    // path of the file that has it
        std::string text;  // between the quotes
        bool is_import = false;
    };
    void add_name(const std::string& by, std::string_view quoted, bool is_import);

    std::string root_;
    std::vector<std::string> include_dirs_;
    std::unordered_multimap<std::string, Name> names_;  // by what follows the last slash
};

}  // namespace weir::service

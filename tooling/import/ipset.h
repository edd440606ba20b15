// `ipset save` -> sets of the language, and `--match-set` as conditions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

class IpSets {
public:
    explicit IpSets(Names& names) : names_(names) {}

    void parse(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics);
    bool is_empty() const { return sets_.empty(); }

    // `directions`: "src", "dst", "src,dst".
    void match(const std::string& name, const std::string& directions, int version, Sense sense, Condition& when);
    // "add ip.src to NAME for 60s" of `-j SET`. Nothing where it cannot be said: `why` says why.
    std::optional<std::string> change(const std::string& name, const std::string& directions, bool adds,
                                      std::optional<std::uint64_t> seconds, std::string& why);
    // The sets that rules name, in the order of the files.
    std::vector<ImportedItem> items() const;

private:
    struct Set {
        std::string type{};  // hash:ip
        std::string name{};  // of the policy
        int version = 4;
        std::uint64_t size = 65'536;
        std::optional<std::uint64_t> ttl_s{};
        // By what the policy has a set for: "" , or "tcp", "udp", "sctp" of those with ports.
        std::map<std::string, std::vector<std::string>> elements{};
        std::vector<std::string> members{};  // list:set
        std::size_t skipped = 0;             // elements that cannot be said
        std::string unsaid{};                // why the whole set cannot be
        std::size_t order = 0;
        bool is_used = false;
        bool is_changed = false;
    };

    void create(const std::vector<std::string>& words);
    void add(const std::vector<std::string>& words);
    std::string condition(Set& set, const std::string& directions, std::string& why, int depth);

    Names& names_;
    std::map<std::string, Set> sets_{};
};

}  // namespace weir::tooling::imports

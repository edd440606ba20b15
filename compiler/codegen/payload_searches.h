// What `payload contains` looks for: bpf/abi.h, struct weir_search and struct weir_scan.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/decision.h"

namespace weir::codegen {

enum class Letters : std::uint8_t { kEither, kExact };
// kEither: its small letters stand for either letter; it has no others.
struct Sought {
    Letters letters = Letters::kExact;
    std::string bytes{};
    friend auto operator<=>(const Sought&, const Sought&) = default;
};

Sought sought(const ir::PayloadMatch& match);

// The searches of a policy, and the scans that answer up to 64 of them by one pass over the payload.
class PayloadSearches {
public:
    // All literals that the policy searches for, none of them empty. Few are searched for one by one; of many all but
    // those of one byte, and those whose pairs are taken by others, are in scans.
    void set(const std::vector<Sought>& literals);

    std::uint32_t number(const Sought& literal) const { return numbers_.at(literal); }
    bool is_scanned(std::uint32_t number) const { return number < scanned_; }
    // Does the scan of a search, or the search alone, look for bytes | WEIR_FOLD?
    Letters letters(std::uint32_t number) const {
        return number < folded_ ? Letters::kEither : literals_[number].letters;
    }

    // `literals`: of weir_literals, by number of the search.
    const std::vector<Sought>& literals() const { return literals_; }
    const std::vector<weir_search>& searches() const { return searches_; }
    std::vector<weir_search>& searches() { return searches_; }
    const std::vector<weir_scan>& scans() const { return scans_; }

private:
    bool add_to_scan(const Sought& literal);
    void add(const Sought& literal, Letters letters, std::uint32_t offset);

    std::map<Sought, std::uint32_t> numbers_;
    std::vector<Sought> literals_;
    std::vector<weir_search> searches_;
    std::vector<weir_scan> scans_;
    std::vector<std::uint32_t> chains_;  // of the last scan: searches by bucket
    Letters scan_letters_ = Letters::kExact;
    std::uint32_t scanned_ = 0;
    std::uint32_t folded_ = 0;  // the searches before it are in scans of either letter, which may have exact ones, too
};

}  // namespace weir::codegen

// What `payload contains` looks for: bpf/abi.h, struct weir_search and struct weir_scan.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"

namespace weir::codegen {

// The searches of a policy, and the scans that answer up to 64 of them by one pass over the payload.
class PayloadSearches {
public:
    // All literals that the policy searches for, none of them empty. Few are searched for one by one; of many all but
    // those of one byte, and those whose pairs are taken by others, are in scans.
    void set(const std::vector<std::string>& literals);

    std::uint32_t number(const std::string& literal) const { return numbers_.at(literal); }
    bool is_scanned(std::uint32_t number) const { return number < scanned_; }

    // `literals`: of weir_literals, by number of the search.
    const std::vector<std::string>& literals() const { return literals_; }
    const std::vector<weir_search>& searches() const { return searches_; }
    std::vector<weir_search>& searches() { return searches_; }
    const std::vector<weir_scan>& scans() const { return scans_; }

private:
    bool add_to_scan(const std::string& literal);
    void add(const std::string& literal, std::uint32_t offset);

    std::map<std::string, std::uint32_t> numbers_;
    std::vector<std::string> literals_;
    std::vector<weir_search> searches_;
    std::vector<weir_scan> scans_;
    std::vector<std::uint32_t> chains_;  // of the last scan: searches by bucket
    std::uint32_t scanned_ = 0;
};

}  // namespace weir::codegen

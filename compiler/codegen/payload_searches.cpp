// Tested by tests/verdict/operators_test.cpp with `contains`.
#include "compiler/codegen/payload_searches.h"

#include <algorithm>
#include <optional>

#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

// From so many on one pass for all is cheaper than one each: tests/bench/contains.sh.
constexpr std::size_t kScanFrom = 4;
constexpr std::uint8_t kNoSearch = 0xff;

// As it is looked for; the literal's own byte where the letters are exact.
std::uint8_t byte_at(const Sought& literal, Letters letters, std::size_t i) {
    const auto byte = static_cast<std::uint8_t>(literal.bytes[i]);
    return letters == Letters::kEither ? static_cast<std::uint8_t>(byte | (WEIR_FOLD & 0xff)) : byte;
}

// How common a byte is in payload, roughly.
std::uint32_t commonness(std::uint8_t byte) {
    if ((byte >= 'a' && byte <= 'z') || byte == ' ' || byte == 0) return 4;
    if ((byte >= '0' && byte <= '9') || byte == '\r' || byte == '\n') return 3;
    return byte >= 0x21 && byte <= 0x7e ? 2 : 1;
}

// Of two neighbouring bytes; of a literal of one byte, of it alone. Runs of one byte are common.
std::uint32_t commonness(const Sought& literal, Letters letters, std::size_t offset) {
    const std::uint8_t first = byte_at(literal, letters, offset);
    if (literal.bytes.size() == 1) return commonness(first) * 4;
    const std::uint8_t second = byte_at(literal, letters, offset + 1);
    return commonness(first) * commonness(second) + (first == second ? 16 : 0);
}

std::uint32_t pair_at(const Sought& literal, Letters letters, std::size_t offset) {
    return byte_at(literal, letters, offset) | std::uint32_t{byte_at(literal, letters, offset + 1)} << 8;
}

std::uint64_t repeated(std::uint8_t byte) { return byte * 0x0101010101010101u; }

}  // namespace

Sought sought(const ir::PayloadMatch& match) {
    return {is_nocase(match.op) ? Letters::kEither : Letters::kExact, match.bytes};
}

void PayloadSearches::set(const std::vector<Sought>& literals) {
    std::vector<Sought> wanted = literals;
    std::sort(wanted.begin(), wanted.end());  // those of either letter first
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    const bool scans = wanted.size() >= kScanFrom;
    std::vector<Sought> alone;
    for (const Sought& literal : wanted) {
        WEIR_CHECK(!literal.bytes.empty() && literal.bytes.size() <= WEIR_LITERAL_BYTES);
        if (!scans || literal.bytes.size() == 1 || !add_to_scan(literal)) alone.push_back(literal);
    }
    scanned_ = static_cast<std::uint32_t>(searches_.size());
    for (const Sought& literal : alone) {
        std::size_t best = 0;
        const auto cost = [&](std::size_t offset) { return commonness(literal, literal.letters, offset); };
        for (std::size_t offset = 1; offset + 1 < literal.bytes.size(); ++offset)
            if (cost(offset) < cost(best)) best = offset;
        add(literal, literal.letters, static_cast<std::uint32_t>(best));
    }
}

// By the rarest pair whose bucket has room. A scan that was begun for either letter takes exact literals as well: one
// pass is cheaper than two.
bool PayloadSearches::add_to_scan(const Sought& literal) {
    constexpr std::uint32_t kShared = 8;  // a pair that others have is compared with each of them
    if (searches_.size() % WEIR_SCAN_SEARCHES == 0 && searches_.size() / WEIR_SCAN_SEARCHES == scans_.size()) {
        weir_scan scan{};
        std::fill(std::begin(scan.heads), std::end(scan.heads), kNoSearch);
        std::fill(std::begin(scan.next), std::end(scan.next), kNoSearch);
        scans_.push_back(scan);
        chains_.assign(WEIR_SCAN_BUCKETS, 0);
        scan_letters_ = literal.letters;
    }
    std::optional<std::size_t> best;
    std::uint32_t best_cost = 0;
    for (std::size_t offset = 0; offset + 1 < literal.bytes.size(); ++offset) {
        const std::uint32_t in_chain = chains_[WEIR_SCAN_BUCKET(pair_at(literal, scan_letters_, offset))];
        const std::uint32_t cost = commonness(literal, scan_letters_, offset) + kShared * in_chain;
        if (in_chain == WEIR_SCAN_CHAIN || (best && cost >= best_cost)) continue;
        best = offset;
        best_cost = cost;
    }
    if (!best) return false;
    const std::uint32_t pair = pair_at(literal, scan_letters_, *best), bucket = WEIR_SCAN_BUCKET(pair);
    const auto slot = static_cast<std::uint8_t>(searches_.size() % WEIR_SCAN_SEARCHES);
    weir_scan& scan = scans_.back();
    scan.pairs[pair / 64] |= std::uint64_t{1} << pair % 64;
    scan.next[slot] = scan.heads[bucket];
    scan.heads[bucket] = slot;
    ++chains_[bucket];
    add(literal, scan_letters_, static_cast<std::uint32_t>(*best));
    if (scan_letters_ == Letters::kEither) folded_ = static_cast<std::uint32_t>(searches_.size());
    return true;
}

void PayloadSearches::add(const Sought& literal, Letters letters, std::uint32_t offset) {
    weir_search search{};
    search.first = repeated(byte_at(literal, letters, offset));
    if (literal.bytes.size() > 1) {
        search.second = repeated(byte_at(literal, letters, offset + 1));
        search.mask = ~std::uint64_t{0};
    }
    search.offset = offset;
    search.last = WEIR_SEARCH_BYTES - static_cast<std::uint32_t>(literal.bytes.size()) + offset;
    numbers_.emplace(literal, static_cast<std::uint32_t>(searches_.size()));
    literals_.push_back(literal);
    searches_.push_back(search);
}

}  // namespace weir::codegen

// Tested by tests/verdict/limits_test.cpp with `E519`.
#include "compiler/ir/code_size.h"

#include <algorithm>
#include <numeric>

namespace weir::ir {
namespace {

constexpr std::size_t kRangesInCode = 8;   // more ranges are one search in a table
constexpr std::uint32_t kSearchSize = 3;   // as much code as so many comparisons
constexpr std::uint32_t kMost = 1u << 30;  // sums of conditions that share parts can be huge

std::uint32_t of_ranges(std::size_t ranges, std::uint32_t each) {
    return ranges > kRangesInCode ? kSearchSize : std::max<std::uint32_t>(1, static_cast<std::uint32_t>(ranges) * each);
}

std::uint32_t own_size(const decltype(Predicate::node)& node) {
    if (const auto* in = std::get_if<InRanges>(&node)) return of_ranges(in->ranges.size(), 1);
    if (const auto* in = std::get_if<AddressIn>(&node))
        return 1 + of_ranges(in->ranges4.size() + in->ranges6.size(), 2);
    if (const auto* in = std::get_if<InSet>(&node)) return 3 + static_cast<std::uint32_t>(in->key.size());
    if (const auto* slice = std::get_if<PayloadSlice>(&node))
        return 1 + static_cast<std::uint32_t>(slice->bytes.size() / 16);
    return 1;
}

}  // namespace

std::uint32_t CodeSizes::sum(const std::vector<PredicateId>& operands) {
    std::uint64_t size = 0;
    for (const PredicateId operand : operands) size += of(operand);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(size, kMost));
}

std::uint32_t CodeSizes::of(PredicateId id) {
    std::uint32_t& known = sizes_[static_cast<std::size_t>(id)];
    if (known != 0) return known;
    const Predicate& predicate = decision_.predicate(id);
    std::uint32_t size = own_size(predicate.node);
    if (const auto* all = std::get_if<AllOf>(&predicate.node)) size = sum(all->operands);
    if (const auto* any = std::get_if<AnyOf>(&predicate.node)) size = sum(any->operands);
    if (const auto* opposite = std::get_if<Negation>(&predicate.node)) size = of(opposite->operand);
    return sizes_[static_cast<std::size_t>(id)] = std::max(size, 1u);
}

std::uint32_t CodeSizes::of(const std::vector<PredicateId>& all) { return sum(all); }

std::vector<std::uint32_t> code_sizes(const Decision& decision) {
    CodeSizes sizes(decision);
    std::vector<std::uint32_t> all;
    if (decision.strategy == Strategy::kStraight)
        for (const Rule& rule : decision.rules) all.push_back(sizes.of(rule.predicate));
    else
        for (const auto& residual : decision.residuals) all.push_back(sizes.of(residual));
    return all;
}

std::vector<std::uint32_t> groups(const std::vector<std::uint32_t>& sizes) {
    std::vector<std::uint32_t> begins;
    const std::uint64_t all = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    const std::uint64_t most = std::max<std::uint64_t>(kGroupSize, all / 100);  // two neighbours together exceed it
    std::uint64_t size = most + 1;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        size += sizes[i];
        if (size <= most) continue;
        begins.push_back(static_cast<std::uint32_t>(i));
        size = sizes[i];
    }
    return begins;
}

}  // namespace weir::ir

// Tested by tests/unit/analysis/policy_diff_test.cpp with `ranges_of`.
#include "compiler/analysis/value_ranges.h"

namespace weir::analysis {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

WideValue ones(std::size_t bits) {
    if (bits == 0) return {};
    return bits >= 64 ? WideValue{bits == 64 ? 0 : kAll >> (128 - bits), kAll} : WideValue{0, kAll >> (64 - bits)};
}

class Collector {
public:
    Collector(const Bdd& bdd, const std::vector<Bdd::Variable>& bits, std::size_t most)
        : bdd_(bdd), bits_(bits), most_(most) {}

    // The values that begin with the first `at` bits of `prefix`. False where there are too many.
    bool collect(Bdd::Node node, std::size_t at, const WideValue& prefix) {
        if (node == Bdd::kFalse) return true;
        const std::size_t left = bits_.size() - at;
        if (node == Bdd::kTrue) {
            const WideValue tail = ones(left);
            return add(prefix, {prefix.high | tail.high, prefix.low | tail.low});
        }
        const bool skips = bdd_.variable_of(node) != bits_[at];
        WideValue high = prefix;
        (left > 64 ? high.high : high.low) |= std::uint64_t{1} << ((left - 1) % 64);
        return collect(skips ? node : bdd_.low(node), at + 1, prefix) &&
               collect(skips ? node : bdd_.high(node), at + 1, high);
    }
    WideRanges take() && { return std::move(ranges_); }

private:
    bool add(const WideValue& first, const WideValue& last) {
        if (!ranges_.empty() && next(ranges_.back().second) == first) {
            ranges_.back().second = last;
            return true;
        }
        ranges_.emplace_back(first, last);
        return ranges_.size() <= most_;
    }

    const Bdd& bdd_;
    const std::vector<Bdd::Variable>& bits_;
    std::size_t most_;
    WideRanges ranges_{};
};

}  // namespace

std::optional<WideRanges> ranges_of(const Bdd& bdd, Bdd::Node values, const std::vector<Bdd::Variable>& bits,
                                    std::size_t most) {
    Collector collector(bdd, bits, most);
    if (!collector.collect(values, 0, {})) return std::nullopt;
    return std::move(collector).take();
}

WideRanges complement(const WideRanges& ranges, std::size_t bits) {
    const WideValue most = ones(bits);
    WideRanges others;
    WideValue begin{};
    for (const auto& [first, last] : ranges) {
        if (begin < first) others.emplace_back(begin, previous(first));
        if (last == most) return others;
        begin = next(last);
    }
    others.emplace_back(begin, most);
    return others;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> masked_value(const Bdd& bdd, Bdd::Node values,
                                                                    const std::vector<Bdd::Variable>& bits) {
    std::uint64_t mask = 0, value = 0;
    if (bits.size() > 64) return std::nullopt;
    for (std::size_t i = 0; values != Bdd::kTrue; ++i) {
        if (values == Bdd::kFalse || i == bits.size()) return std::nullopt;
        if (bdd.variable_of(values) != bits[i]) continue;
        const std::uint64_t bit = std::uint64_t{1} << (bits.size() - 1 - i);
        const bool is_one = bdd.low(values) == Bdd::kFalse;
        if (!is_one && bdd.high(values) != Bdd::kFalse) return std::nullopt;
        mask |= bit;
        if (is_one) value |= bit;
        values = is_one ? bdd.high(values) : bdd.low(values);
    }
    return std::pair(mask, value);
}

}  // namespace weir::analysis

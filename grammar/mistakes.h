// What people write who come from other tools, and what to write instead.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace weir {

// `expected` is part of the grammar's sentence (parser.cpp), "" any; `found` is the word or sign that people write, in
// lower case, "" any. `replacement` is null unless putting it there gives the meaning that was written.
struct Mistake {
    std::string_view expected;
    std::string_view found;
    std::string_view help;
    const char* replacement = nullptr;
};
// The first row that applies counts.
std::span<const Mistake> mistakes();

// A field as nftables or tcpdump write it: two words. `ours` is empty where weir has no such field.
struct SplitField {
    enum class Fit : unsigned char {
        kSame,      // ours is the same
        kPositive,  // theirs is of one IP version: the same only where the comparison is not negated
        kNear,      // ours has packets that theirs lacks
    };
    std::string_view first;
    std::string_view second;
    std::string_view ours;
    Fit fit = Fit::kSame;
    std::string_view help{};
};
// Null where the two words are no such field.
const SplitField* find_split_field(std::string_view first, std::string_view second);

// `minute`, `sec`, … as in `10 per minute`: "s", "min", "h" or "d"; empty where it is no unit of a rate.
std::string_view rate_unit(std::string_view word);
// `min`, `seconds`, … as in `10min`: "s", "m", "h", …; empty where it is no unit of a duration.
std::string_view duration_unit(std::string_view word);

}  // namespace weir

// `share` and `surge` at the edges of what their cells hold: the oracle and what the program does (bpf/windows.h).
#include <catch2/catch.hpp>

#include "bpf/windows.h"
#include "compiler/oracle/state.h"
#include "tests/support/random.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kMost32 = 0xffff'ffff, kYear = 365ull * 86'400 * 1'000'000'000;

// The same state in both.
struct Both {
    oracle::Bucket bucket{};
    __u64 time_ns = 0, taken = 0;
    __u32 beside = 0;
    bool is_new = true;

    weir_compared cell() { return {&time_ns, &taken, &beside}; }
    static Both surge(std::uint64_t time_ns, std::uint64_t packets, std::uint64_t average, std::uint64_t windows) {
        Both both;
        both.bucket.time_ns = both.time_ns = time_ns;
        both.bucket.tokens = packets;
        both.bucket.average = average;
        both.bucket.windows = windows;
        both.taken = weir_surge_taken(average, windows);
        both.beside = static_cast<std::uint32_t>(packets);
        both.is_new = false;
        return both;
    }
    bool surges(const policy::StateTerm& term, std::uint64_t now_ns) {
        const bool is_over = oracle::surges(term, bucket, is_new, now_ns);
        const weir_compared at = cell();
        CHECK((weir_surge_step(&at, now_ns, term.unit_ns, term.limit, term.least) != 0) == is_over);
        is_new = false;
        CHECK(time_ns == bucket.time_ns);
        CHECK(beside == bucket.tokens);
        CHECK(weir_surge_average(taken) == bucket.average);
        CHECK(weir_surge_windows(taken) == bucket.windows);
        return is_over;
    }
    bool shares(const policy::StateTerm& term, bool is_hit, std::uint64_t now_ns) {
        const bool is_over = oracle::shares(term, bucket, is_hit, now_ns);
        const weir_compared at = cell();
        CHECK((weir_share_step(&at, now_ns, term.unit_ns, is_hit ? 1 : 0, term.limit, term.least) != 0) == is_over);
        CHECK(time_ns == bucket.time_ns);
        CHECK((taken & WEIR_SHARE_MOST) == bucket.tokens);
        CHECK(weir_share_hits(taken, beside) == bucket.hits);
        return is_over;
    }
};

policy::StateTerm term(policy::TermKind kind, std::uint64_t window_ns, std::uint64_t limit, std::uint64_t least) {
    policy::StateTerm term;
    term.kind = kind;
    term.unit_ns = window_ns;
    term.limit = limit;
    term.least = least;
    return term;
}
policy::StateTerm surge(std::uint64_t window_ns, std::uint64_t limit, std::uint64_t floor) {
    return term(policy::TermKind::kSurge, window_ns, limit, floor);
}

}  // namespace

TEST_CASE("the packets of a surge's window stop at 2^32 - 1, and its average with them") {
    const policy::StateTerm of = surge(1000, 65'535, 0);
    Both both = Both::surge(5000, kMost32 - 1, 256 * kMost32, 255);
    CHECK_FALSE(both.surges(of, 5000));
    CHECK(both.bucket.tokens == kMost32);
    CHECK_FALSE(both.surges(of, 5999));
    CHECK(both.bucket.tokens == kMost32);
    CHECK_FALSE(both.surges(of, 6000));
    CHECK(both.bucket.average == 256 * kMost32);
    CHECK(both.bucket.windows == 255);
    Both young = Both::surge(0, kMost32, 0, 0);
    CHECK_FALSE(young.surges(of, 1000));
    CHECK(young.bucket.average == 256 * kMost32);
    CHECK(young.bucket.windows == 1);
}

TEST_CASE("a surge counts eight windows before it is true, and 255 at most") {
    const policy::StateTerm of = surge(1000, 1, 1);
    Both both;
    CHECK_FALSE(both.surges(of, 0));
    CHECK_FALSE(both.surges(of, 7999));  // seven windows have closed
    CHECK_FALSE(both.surges(of, 7999));
    CHECK_FALSE(both.surges(of, 8000));
    CHECK(both.surges(of, 8000));
    CHECK_FALSE(both.surges(of, 8000 + 246 * 1000));
    CHECK(both.bucket.windows == 254);
    CHECK_FALSE(both.surges(of, 8000 + 250 * 1000));
    CHECK(both.bucket.windows == 255);
    CHECK_FALSE(both.surges(of, 10 * kYear));
    CHECK(both.bucket.windows == 255);
    CHECK(both.surges(of, 0));  // a time before the window's counts as its beginning
}

TEST_CASE("64 empty windows let an average fade, 65 forget it") {
    const policy::StateTerm of = surge(10, 3, 0);
    for (const std::uint64_t windows : {1, 2, 9, 64, 65, 66, 67, 1000}) {
        Both both = Both::surge(100, 1'000'000, 1 << 30, 20);
        both.surges(of, 100 + 10 * windows + 3);
        CHECK((both.bucket.average == 0) == (windows > 65));
        CHECK(both.bucket.time_ns == 100 + 10 * windows);
    }
}

TEST_CASE("a share counts beyond 32 bits, and a window begins again with the next packet") {
    const policy::StateTerm of = term(policy::TermKind::kShare, 1000, 5000, 4);
    Both both;
    both.bucket.time_ns = both.time_ns = 7;
    both.bucket.tokens = 0x1234'5678'9abc, both.bucket.hits = 0x91a'2b3c'4d5d;
    both.taken = weir_share_taken(both.bucket.tokens, both.bucket.hits);
    both.beside = static_cast<std::uint32_t>(both.bucket.hits >> 16);
    CHECK_FALSE(both.shares(of, false, 1006));
    CHECK_FALSE(both.shares(of, false, 1006));
    for (int i = 0; i < 6; ++i) CHECK(both.shares(of, true, 1006) == (i >= 4));
    for (int i = 0; i < 4; ++i) CHECK(both.shares(of, true, 1007) == (i == 3));
}

TEST_CASE("random states and times") {
    Random random(16);
    for (int i = 0; i < 100'000; ++i) {
        const auto bits = [&](std::uint64_t most) { return random.below(std::uint64_t{1} << random.between(1, most)); };
        const policy::StateTerm of = surge(1 + bits(60), random.between(1, 65'535), bits(31));
        const std::uint64_t time_ns = bits(58), packets = bits(32);
        Both both = Both::surge(time_ns, packets, bits(40), random.one_in(3) ? 255 : random.below(20));
        both.surges(of, random.one_in(4) ? bits(58) : std::min(time_ns + of.unit_ns * random.below(70), 10 * kYear));
        both.surges(of, 10 * kYear);
    }
}

#include <algorithm>

// Names of TLS in later segments, with the kernel's clock and table. What they are is in
// tests/verdict/tls_walks_test.cpp.
#include <catch2/catch.hpp>

#include "bpf/tls_walks.h"
#include "runtime/engine/accounts.h"
#include "runtime/state/tls_walks.h"
#include "tests/kernel/trial.h"
#include "tests/support/tls_frames.h"

using namespace weir;
using namespace weir::test;

namespace {

const char* const kPolicy = "rule r { when tls.sni == \"a.example\" then drop }";

tests::Bytes hello() {
    return tests::client_hello(
        {.extensions = {tests::tls_extension(51, tests::zeros(60)), tests::server_name("a.example")}});
}
// In the middle of the first extension: the name's has 18 bytes.
std::size_t cut() { return hello().size() - 18 - 30; }
Frame first() { return tests::tls_segment(tests::part(hello(), 0, cut())); }
Frame second() { return tests::tls_segment(tests::part(hello(), cut(), 999), 1 + static_cast<std::uint32_t>(cut())); }

std::uint64_t blocked(const runtime::Program& program) {
    bpf::Manifest manifest;
    manifest.rules.resize(1);
    auto counts = runtime::read_counts(program, manifest);
    REQUIRE(counts);
    return counts->rows[0].packets;
}
runtime::TlsWalksCount walks(const runtime::Program& program) {
    const auto count = runtime::count_tls_walks(program.map("weir_tls_walks"));
    REQUIRE(count);
    return *count;
}

}  // namespace

TEST_CASE("a name in the second segment, sent again and again", "[tls]") {
    const auto program = loaded(compiled(kPolicy), 0);
    run(program, second(), 1);
    CHECK(blocked(program) == 0);
    run(program, first(), 1);
    CHECK(walks(program).walks == 1);
    run(program, second(), 5);
    CHECK(blocked(program) == 5);
    CHECK(walks(program).walks == 1);

    const auto next = loaded(compiled(kPolicy), 0);  // as after a reload
    run(next, second(), 1);
    CHECK(blocked(next) == 0);
}

TEST_CASE("a flood of hellos evicts the walks that have been idle longest, and that is counted", "[tls]") {
    constexpr std::uint32_t kPlaces = WEIR_TLS_WALK_GROUPS * WEIR_TLS_GROUP_WALKS, kFlows = 4 * kPlaces;
    const auto program = loaded(compiled(kPolicy), 1);
    for (std::uint32_t i = 0; i < kFlows; ++i) run(program, from(first(), 0x0b000000 + i), 1);
    const runtime::TlsWalksCount after = walks(program);
    CHECK(after.walks + after.evicted == kFlows);
    CHECK(after.walks > kPlaces * 99 / 100);
    CHECK(after.walks <= kPlaces);
    run(program, from(second(), 0x0b000000 + kFlows - 1), 1);
    CHECK(blocked(program) == 1);
    auto accounts = runtime::read_state_accounts(program);
    REQUIRE(accounts);
    const auto of_walks = std::find_if(accounts->begin(), accounts->end(),
                                       [](const auto& account) { return account.first == runtime::kTlsWalks; });
    REQUIRE(of_walks != accounts->end());
    CHECK(of_walks->second.evicted == after.evicted);
    REQUIRE(runtime::forget_tls_walks(program.map("weir_tls_walks")));
    CHECK(walks(program).walks == 0);
    CHECK(walks(program).evicted == 0);
}

TEST_CASE("a policy that reads nothing of TLS has no table of walks", "[tls]") {
    CHECK(loaded(compiled("rule r { when tcp.dport == 1 then drop }"), 0).map("weir_tls_walks") < 0);
    CHECK(loaded(compiled("rule r { when tls.version == 0x0301 then drop }"), 0).map("weir_tls_walks") < 0);
}

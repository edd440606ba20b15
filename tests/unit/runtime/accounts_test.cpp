#include <catch2/catch.hpp>

#include <cerrno>

#include "runtime/engine/accounts.h"
#include "runtime/kernel.h"

using namespace weir;
using namespace weir::runtime;

namespace {
bpf::Manifest policy(const std::vector<std::string>& rules, const std::vector<std::string>& alerts) {
    bpf::Manifest manifest;
    for (const std::string& name : rules) manifest.rules.push_back({name, false, ~0u, ""});
    for (const std::string& name : alerts) {
        manifest.alerts.emplace_back();
        manifest.alerts.back().name = name;
    }
    return manifest;
}
}  // namespace

TEST_CASE("counts go with names, whatever their place") {
    Accounts accounts;
    const auto old = policy({"a", "b"}, {"x"});
    accounts.add(old, {{{1, 10}, {2, 20}, {3, 30}, {4, 40}}, {{9, 2, 3}}});
    const auto now = policy({"b", "c"}, {"y", "x"});
    accounts.keep_only(now, {});
    accounts.add_event("x", Record::Outcome::kDelivered);
    EngineStatus status;
    accounts.fill(status, now, {{{100, 1000}, {200, 2000}, {300, 3000}, {400, 4000}}, {{5, 0, 0}, {1, 0, 0}}});
    REQUIRE(status.rules.size() == 2);
    CHECK(status.rules[0].name == "b");
    CHECK(status.rules[0].packets == 102);
    CHECK(status.rules[0].bytes == 1020);
    CHECK(status.rules[1].packets == 200);
    CHECK(status.default_.packets == 303);
    CHECK(status.malformed.packets == 404);
    REQUIRE(status.alerts.size() == 2);
    CHECK(status.alerts[0].pending == 5);
    CHECK(status.alerts[1].matched == 10);
    CHECK(status.alerts[1].suppressed == 2);
    CHECK(status.alerts[1].lost == 3);
    CHECK(status.alerts[1].delivered == 1);
    CHECK(status.alerts[1].pending == 4);
}

TEST_CASE("what left the policy is forgotten; an alert not before its last event has been read") {
    Accounts accounts;
    const auto old = policy({"a"}, {"x"});
    accounts.add(old, {{{1, 1}, {}, {}}, {{2, 0, 0}}});
    const auto now = policy({}, {});
    accounts.keep_only(now, {&old});
    accounts.add_event("x", Record::Outcome::kDelivered);
    CHECK(accounts.alert("x").matched == 2);
    CHECK(accounts.alert("x").delivered == 1);
    accounts.keep_only(now, {});
    CHECK(accounts.alert("x").matched == 0);
    EngineStatus status;
    accounts.fill(status, old, {{{}, {}, {}}, {{}}});
    CHECK(status.rules[0].packets == 0);
}

TEST_CASE("an event that was lost has lost the responses that its alert had then") {
    Accounts accounts;
    auto made = policy({}, {"x"});
    accounts.add(made, {{{}, {}}, {{5, 0, 5}}});
    CHECK(accounts.lost_responses("x") == 0);
    made.alerts[0].responses.resize(2);
    accounts.add(made, {{{}, {}}, {{4, 0, 3}}});
    CHECK(accounts.lost_responses("x") == 6);
    made.alerts[0].responses.clear();
    accounts.keep_only(made, {});
    CHECK(accounts.lost_responses("x") == 6);
    accounts.keep_only(policy({}, {}), {});
    CHECK(accounts.lost_responses("x") == 0);
}

TEST_CASE("pending is what the outcomes leave of the matches, and nothing is adjusted") {
    Account account;
    account.matched = 10;
    account.delivered = 4;
    account.suppressed = 1;
    account.lost = 2;
    set_pending(account);
    CHECK(account.pending == 3);
    CHECK(account.matched == 10);
    account.lost = 7;  // more outcomes than matches: a fault, and it must show
    set_pending(account);
    CHECK(account.pending == 0);
    CHECK(account.matched == 10);
}

TEST_CASE("what was counted by a program that stood in is added, state too") {
    Counts sum{{{1, 10}}, {{3, 1, 1}}, {{"rule r: rate(ip.src)", {4, 5, 6}}}};
    add(sum, {{{2, 20}}, {{30, 10, 10}}, {{"rule r: rate(ip.src)", {40, 50, 60}}}});
    CHECK((sum.rows[0].packets == 3 && sum.rows[0].bytes == 30));
    CHECK((sum.alerts[0].matched == 33 && sum.alerts[0].suppressed == 11 && sum.alerts[0].lost == 11));
    CHECK(
        (sum.state[0].second.inserted == 44 && sum.state[0].second.refused == 55 && sum.state[0].second.evicted == 66));
    CHECK(events_sent(sum.alerts[0]) == 11);
}

TEST_CASE("a result is a value or an error") {
    const Result<int> value(7);
    REQUIRE(value);
    CHECK(*value == 7);
    const Result<int> error = kernel_error(-EPERM, "attaching to eth0");
    REQUIRE_FALSE(error);
    CHECK(error.error().number == EPERM);
    CHECK(error.error().message == "attaching to eth0 failed: Operation not permitted");
    CHECK_FALSE(error.error().help.empty());
    CHECK(rfc3339(0) == "1970-01-01T00:00:00.000000Z");
}

// What a host says of itself in the bucket of statuses, beside a real nats-server and without an engine.
#include "service/nats/follower.h"

#include <poll.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "service/nats/fleet.h"
#include "tests/unit/sinks/nats_server.h"

using namespace weir;
using namespace weir::service;

namespace {

constexpr const char* kBucket = "policies";
constexpr const char* kKey = "edge";

BucketAddress address_at(const tests::NatsServerProcess& server) {
    auto address = bucket_address(server.url() + "/policies/edge", KeyPart::kNeeded);
    REQUIRE(address);
    return std::move(*address);
}

// Tries again until it works, for as long as a slow machine may need.
template <typename Action>
auto patiently(Action action) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
        auto done = action();
        if (done) return done;
        REQUIRE(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

// A host that follows the key, with a policy in force already; the test is its engine.
class Host {
public:
    explicit Host(const tests::NatsServerProcess& server)
        : client_(std::move(*patiently([&] { return BucketClient::connect(address_at(server)); }))) {
        REQUIRE(patiently([&] { return client_.make(kBucket, 8); }));
        FollowTerms terms;
        terms.address = address_at(server);
        terms.host = "h1";
        follower_.emplace(std::move(terms), Revision{1, 0, "what was in force before"},
                          Follower::Doors{[this](const Follower::Proposal& proposal) { proposed_ = proposal.revision; },
                                          [] {}, [](const Revision&, const std::string&) {}});
    }
    void put(const std::string& policy) {
        const auto last = client_.get(kBucket, kKey);
        REQUIRE(last);
        REQUIRE(client_.put(kBucket, kKey, policy, *last ? (*last)->revision : 0));
    }
    Revision wait_for_proposal() {
        return *patiently([&] {
            step();
            return proposed_;
        });
    }
    // The status that names this generation.
    HostStatus wait_for_status(std::uint64_t generation) {
        return *patiently([&]() -> std::optional<HostStatus> {
            step();
            const auto statuses = host_statuses(client_, kBucket, kKey);
            if (!statuses || statuses->size() != 1 || statuses->front().generation != generation) return std::nullopt;
            return statuses->front();
        });
    }
    Follower& follower() { return *follower_; }

private:
    void step() {
        pollfd ready{follower_->fd(), POLLIN, 0};
        poll(&ready, 1, 10);
        follower_->step();
    }

    BucketClient client_;
    std::optional<Revision> proposed_{};
    std::optional<Follower> follower_{};
};

}  // namespace

TEST_CASE("a status that is sent while a value is put in force does not say that it is in force") {
    const tests::NatsServerProcess server;
    Host host(server);
    host.put("rule r { when tcp.dport == 1 then drop }\n");
    const Revision proposed = host.wait_for_proposal();
    host.follower().look(7, Origin::kBucket);  // at once a new status
    const HostStatus before = host.wait_for_status(7);
    CHECK(before.outcome == "in force");
    CHECK(before.value.hash == "what was in force before");
    CHECK(before.in_force == before.value);

    host.follower().applied(Outcome::kInForce, {}, 8);
    const HostStatus after = host.wait_for_status(8);
    CHECK(after.outcome == "in force");
    CHECK(after.value == proposed);
    CHECK(after.in_force == proposed);
}

// What a follower of a bucket does and says where things change while it is busy: values that come during a trial, keys
// that are deleted, buckets that begin again, people who change what is in force.
#include "service/nats/follower.h"

#include <poll.h>

#include <functional>

#include <catch2/catch.hpp>

#include "runtime/kernel.h"
#include "tests/unit/service/scripted_nats.h"
#include "tooling/files/sha256.h"

using namespace weir;
using namespace weir::service;
using nlohmann::json;

namespace {

const std::string kFirst = "rule a { when tcp then drop }\n", kSecond = "rule b { when udp then drop }\n",
                  kThird = "rule c { when arp then drop }\n";

std::string value_of(std::uint64_t serial, const std::string& text, std::uint64_t confirm_within_ms = 0,
                     const tooling::SigningKey* key = nullptr) {
    tooling::Bundle bundle{"edge.rules", 0, {{"edge.rules", tooling::sha256(text), text}}, {}, {}};
    bundle.release = tooling::Release{"policies", "edge", serial, tooling::kEveryHost, confirm_within_ms};
    auto value = tooling::make_value(bundle, key);
    REQUIRE(value);
    return *value;
}

// A host: the follower, and an engine that does what the test says.
class Host {
public:
    explicit Host(const tests::ScriptedNats& server, Revision before = {},
                  std::optional<tooling::PublicKey> signer = std::nullopt)
        : server_(server), follower_(terms(server, signer), std::move(before), doors()) {}

    void until(const std::function<bool()>& holds) {
        constexpr std::uint64_t kPatience_ns = 60'000'000'000;
        const std::uint64_t until_ns = runtime::monotonic_ns() + kPatience_ns;
        while (!holds()) {
            if (runtime::monotonic_ns() > until_ns) FAIL("the last status: " << last().dump());
            follower_.step();
            pollfd ready{follower_.fd(), POLLIN, 0};
            poll(&ready, 1, 5);
        }
    }
    void until_said(const std::string& outcome, std::uint64_t revision) {
        until([&] { return last()["outcome"] == outcome && last()["value"]["revision"] == revision; });
    }
    void until_proposed(std::size_t times) {
        until([&] { return proposals.size() == times; });
    }
    // All that the server has sent is read.
    void until_read(tests::ScriptedNats& server) {
        const std::size_t before = server.answered();
        server.ping();
        until([&] { return server.answered() > before; });
    }
    json last() const {
        const auto all = server_.statuses();
        return all.empty() ? json::object() : all.back();
    }
    Follower& operator*() { return follower_; }

    std::vector<Follower::Proposal> proposals{};
    std::size_t confirmations = 0;
    std::vector<Revision> kept{};

private:
    static FollowTerms terms(const tests::ScriptedNats& server, std::optional<tooling::PublicKey> signer) {
        const auto address = bucket_address(server.url(), KeyPart::kNeeded);
        REQUIRE(address);
        return {*address, "h1", signer, "test"};
    }
    Follower::Doors doors() {
        return {[this](const Follower::Proposal& one) { proposals.push_back(one); }, [this] { ++confirmations; },
                [this](const Revision& revision, const std::string&) { kept.push_back(revision); }};
    }

    const tests::ScriptedNats& server_;
    Follower follower_;
};

}  // namespace

TEST_CASE("follower: a key that is deleted while its value is put in force is deleted afterwards") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(1, kFirst);
    host.until_proposed(1);
    server.remove(2);
    host.until_read(server);
    (*host).applied(Outcome::kInForce, "", 1);
    host.until_said("deleted", 2);
    CHECK(host.last()["in_force"]["sha256"] == tooling::sha256(kFirst));
}

TEST_CASE("follower: a value that was deleted while another was put in force is not put in force") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(1, kFirst);
    host.until_proposed(1);
    server.put(2, kSecond);
    server.remove(3);
    host.until_read(server);
    (*host).applied(Outcome::kInForce, "", 1);
    host.until_said("deleted", 3);
    CHECK(host.proposals.size() == 1);
    // And one that was put again after that is.
    server.put(4, kSecond);
    host.until_proposed(2);
}

TEST_CASE("follower: a trial goes on where the key is deleted meanwhile") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(1, value_of(1, kFirst, 60'000));
    host.until_proposed(1);
    server.answer(tests::ScriptedNats::Statuses::kLeft);
    (*host).applied(Outcome::kUnconfirmed, "", 1);
    host.until_said("unconfirmed", 1);
    server.remove(2);
    host.until_read(server);
    server.answer(tests::ScriptedNats::Statuses::kAcknowledged);
    server.disconnect();
    host.until([&] { return host.confirmations == 1; });
    (*host).confirmed(true, "");
    host.until_said("deleted", 2);
    REQUIRE(host.kept.size() == 1);
    CHECK(host.kept.front().number == 1);
}

TEST_CASE("follower: a value that comes during a trial waits for its end, and only the last one counts") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(1, value_of(1, kFirst, 60'000));
    host.until_proposed(1);
    (*host).applied(Outcome::kUnconfirmed, "", 1);
    host.until([&] { return host.confirmations == 1; });
    server.put(2, value_of(2, kSecond));
    server.put(3, value_of(3, kThird));
    host.until_read(server);
    CHECK(host.proposals.size() == 1);
    (*host).confirmed(false, "too late");
    host.until_proposed(2);
    CHECK(host.proposals.back().revision.serial == 3);
    // No status has called the second one in force, nor the third before it was.
    for (const json& status : server.statuses()) CHECK(status["outcome"] != "in force");
    (*host).applied(Outcome::kInForce, "", 3);
    host.until_said("in force", 3);
}

TEST_CASE("follower: a bucket that was made again begins with revision 1") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(7, kFirst);
    host.until_proposed(1);
    (*host).applied(Outcome::kInForce, "", 1);
    host.until_said("in force", 7);
    server.put(1, kSecond);
    server.disconnect();
    host.until_proposed(2);
    (*host).applied(Outcome::kInForce, "", 2);
    host.until_said("in force", 1);
    // The same revision with another value, and a revision that is sent twice.
    server.put(1, kThird);
    host.until_proposed(3);
    (*host).applied(Outcome::kInForce, "", 3);
    server.put(1, kThird);
    host.until_read(server);
    CHECK(host.proposals.size() == 3);
}

TEST_CASE("follower: what a person puts in force is not taken for the bucket's, and a push takes its place") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(1, kFirst);
    host.until_proposed(1);
    (*host).applied(Outcome::kInForce, "", 5);
    host.until_said("in force", 1);
    const auto says = [&](const std::string& outcome, const std::string& hash) {
        host.until([&] { return host.last()["outcome"] == outcome; });
        CHECK(host.last()["in_force"]["sha256"] == hash);
    };
    // A file of the host, and back to what was there before.
    (*host).look(6, Origin::kElsewhere);
    says("replaced", "");
    (*host).look(5, Origin::kBucket);
    says("in force", tooling::sha256(kFirst));
    // A value of the bucket that was in force before this one.
    (*host).look(4, Origin::kBucket);
    says("replaced", "");
    server.put(2, kFirst);
    host.until_proposed(2);
    CHECK(!(*host).is_in_force(host.proposals.back()));
    (*host).applied(Outcome::kInForce, "", 7);
    host.until_said("in force", 2);
    (*host).look(7, Origin::kBucket);
    server.put(3, kFirst);
    host.until_proposed(3);
    CHECK((*host).is_in_force(host.proposals.back()));
}

TEST_CASE("follower: the generation of a trial is not that of what comes back after it") {
    tests::ScriptedNats server;
    Host host(server);
    server.put(1, kFirst);
    host.until_proposed(1);
    (*host).applied(Outcome::kInForce, "", 1);
    host.until_said("in force", 1);
    server.put(2, value_of(1, kSecond, 60'000));
    host.until_proposed(2);
    (*host).applied(Outcome::kUnconfirmed, "", 2);
    (*host).look(2, Origin::kBucket);
    host.until([&] { return host.confirmations == 1; });
    (*host).confirmed(false, "too late");
    host.until_said("rolled back", 2);
    (*host).look(1, Origin::kBucket);
    server.put(3, kFirst);
    host.until_proposed(3);
    CHECK((*host).is_in_force(host.proposals.back()));
}

TEST_CASE("follower: serials bind where a key has signed them; others say nothing") {
    const auto key = tooling::SigningKey::generate();
    REQUIRE(key);
    tests::ScriptedNats server;
    {
        Host host(server, {}, key->public_key());
        server.put(1, value_of(5, kFirst, 0, &*key));
        host.until_proposed(1);
        (*host).applied(Outcome::kInForce, "", 1);
        server.put(2, value_of(4, kSecond, 0, &*key));
        host.until_said("refused", 2);
        CHECK(host.last()["in_force"]["serial"] == 5);
    }
    // Whoever may write could otherwise put the last serial that there is, and end all pushes to come.
    Host host(server);
    server.put(3, value_of(~std::uint64_t{0}, kFirst));
    host.until_proposed(1);
    (*host).applied(Outcome::kInForce, "", 1);
    host.until_said("in force", 3);
    server.put(4, value_of(1764400000, kSecond));
    host.until_proposed(2);
    (*host).applied(Outcome::kInForce, "", 2);
    host.until_said("in force", 4);
}

// With runtime/sinks/secret_header.h.
#include "runtime/sinks/webhook.h"

#include <catch2/catch.hpp>

#include <sys/prctl.h>

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "runtime/sinks/secret_header.h"
#include "tests/support/http_peer.h"
#include "tests/unit/runtime/packed_alerts.h"

using namespace weir::runtime;
using nlohmann::json;
using weir::test::HttpPeer;

namespace {

WebhookOptions options(const std::string& url, std::size_t batch = 100) {
    WebhookOptions options;
    options.url = url;
    options.batch = batch;
    options.timeout_ms = 30'000;
    return options;
}

// What one delivery does with `count` events.
std::string delivered(Webhook& sink, std::size_t count) {
    const PackedAlerts alerts(count);
    Batch batch(alerts.pointers);
    sink.deliver(batch);
    return outcomes(batch);
}

}  // namespace

TEST_CASE("Events arrive as JSON arrays, in order, with ids by which doubles can be dropped") {
    HttpPeer peer;
    Webhook sink(options(peer.url("/ok"), 3));
    CHECK(delivered(sink, 7) == "ddddddd");
    CHECK(sink.state() == "ok");
    const auto requests = peer.requests();
    REQUIRE(requests.size() == 3);
    const json first = json::parse(requests[0]["body"].get<std::string>());
    REQUIRE(first.size() == 3);
    CHECK(json::parse(requests[2]["body"].get<std::string>()).size() == 1);
    CHECK(first[0]["src_ip"] == "198.51.100.1");
    CHECK(first[2]["src_ip"] == "198.51.100.3");
    const PackedAlerts alerts(3);
    CHECK(requests[0]["headers"]["Idempotency-Key"] == event_id(alerts.events[0]) + "." + event_id(alerts.events[2]));
    CHECK(first[1].dump().find(event_id(alerts.events[1])) != std::string::npos);
    CHECK(requests[0]["headers"]["Content-Type"] == "application/json");
}

TEST_CASE("What may pass is tried again, the same request with the same key") {
    HttpPeer peer;
    for (const char* path :
         {"/status/500", "/status/503", "/status/429", "/status/408", "/hangup", "/garbage", "/interim/100"}) {
        Webhook sink(options(peer.url(path)));
        INFO(path);
        CHECK(delivered(sink, 2) == "--");
        CHECK(sink.state() != "ok");
        CHECK(sink.state().starts_with("http://127.0.0.1:"));
    }
    Webhook sink(options(peer.url("/failing/2")));
    const PackedAlerts alerts(2);
    Batch batch(alerts.pointers);
    for (int i = 0; i < 3; ++i) sink.deliver(batch);
    CHECK(outcomes(batch) == "dd");
    CHECK(sink.state() == "ok");
    const auto requests = peer.requests();
    const auto& last = requests.back();
    CHECK(last["body"] == requests[requests.size() - 3]["body"]);
    CHECK(last["headers"]["Idempotency-Key"] == requests[requests.size() - 3]["headers"]["Idempotency-Key"]);
}

TEST_CASE("Retry-After is waited for") {
    HttpPeer peer;
    Webhook sink(options(peer.url("/busy/600")));
    const PackedAlerts alerts(1);
    Batch batch(alerts.pointers);
    sink.deliver(batch);
    CHECK(batch.retry_after_ms() == 600'000);
    batch.retry_after(0);
    sink.deliver(batch);  // too early: nothing is asked
    CHECK(batch.retry_after_ms() > 0);
    CHECK(batch.retry_after_ms() <= 600'000);
    CHECK(outcomes(batch) == "-");
    CHECK(peer.requests().size() == 1);
}

TEST_CASE("What is refused is lost, by that reason, and the state says the status") {
    HttpPeer peer;
    for (const int status : {400, 401, 403, 404, 422, 301}) {
        Webhook sink(options(peer.url("/status/" + std::to_string(status))));
        CHECK(delivered(sink, 2) == "RR");
        CHECK(sink.state().find("answered " + std::to_string(status)) != std::string::npos);
    }
    Webhook redirected(options(peer.url("/redirect")));
    CHECK(delivered(redirected, 1) == "R");
    CHECK(redirected.state().find("redirects are not followed") != std::string::npos);
    CHECK(peer.requests().back()["path"] == "/redirect");
}

TEST_CASE("A request that is too large is halved, down to one event") {
    HttpPeer peer;
    Webhook sink(options(peer.url("/few/2")));
    CHECK(delivered(sink, 9) == "ddddddddd");
    Webhook none(options(peer.url("/few/0")));
    const PackedAlerts alerts(2);
    Batch batch(alerts.pointers);
    none.deliver(batch);
    CHECK(batch.size() == 0);
    for (const char* reason : batch.outcomes()) CHECK(std::string(reason) == "too large");
}

TEST_CASE("A reply that never ends has been given all the same") {
    HttpPeer peer;
    Webhook sink(options(peer.url("/endless")));
    CHECK(delivered(sink, 2) == "dd");
}

TEST_CASE("A dead peer costs its time-out, and nothing is lost of it") {
    HttpPeer peer;
    WebhookOptions dead = options(peer.url("/dead"));
    dead.timeout_ms = 200;
    Webhook sink(dead);
    CHECK(delivered(sink, 2) == "--");
    CHECK(sink.state().find("no complete answer in time") != std::string::npos);
}

TEST_CASE("A secret is read when it is used, and said nowhere") {
    HttpPeer peer;
    WebhookOptions with = options(peer.url("/status/500"));
    with.headers = {{"Authorization", "WEIR_TEST_TOKEN"}};
    unsetenv("WEIR_TEST_TOKEN");
    Webhook sink(with);
    CHECK(prctl(PR_GET_DUMPABLE) == 0);
    CHECK(delivered(sink, 1) == "-");
    CHECK(sink.state() == "the environment variable WEIR_TEST_TOKEN is not set");
    CHECK(peer.requests().empty());
    setenv("WEIR_TEST_TOKEN", "Bearer s3cr3t\r\nX-Other: 1", 1);
    CHECK(delivered(sink, 1) == "-");
    CHECK(sink.state().find("control character") != std::string::npos);
    CHECK(sink.state().find("s3cr3t") == std::string::npos);
    CHECK(peer.requests().empty());
    setenv("WEIR_TEST_TOKEN", "Bearer s3cr3t", 1);
    CHECK(delivered(sink, 1) == "-");
    CHECK(sink.state().find("s3cr3t") == std::string::npos);
    REQUIRE(peer.requests().size() == 1);
    CHECK(peer.requests()[0]["headers"]["Authorization"] == "Bearer s3cr3t");
    unsetenv("WEIR_TEST_TOKEN");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

TEST_CASE("The engine's end does not wait for a dead peer") {
    HttpPeer peer;
    WebhookOptions dead = options(peer.url("/dead"));
    dead.timeout_ms = 3'600'000;
    Webhook sink(dead);
    EndSignal end;
    end.set();
    const PackedAlerts alerts(1);
    Batch batch(alerts.pointers, &end);
    sink.deliver(batch);
    CHECK(outcomes(batch) == "-");
}

// With runtime/sinks/daily_budget.h and digest_event of runtime/sinks/llm_event.h.
#include "runtime/sinks/llm.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "runtime/sinks/daily_budget.h"
#include "runtime/sinks/http_sinks.h"
#include "runtime/sinks/llm_event.h"
#include "tests/support/http_peer.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/runtime/packed_alerts.h"

using namespace weir::runtime;
using nlohmann::json;
using weir::test::HttpPeer;

namespace {

const char* const kDialects[] = {"openai", "anthropic", "wealthsimple"};
constexpr std::uint64_t kDay_ns = 86'400'000'000'000;

// A sink that need not wait, and what it says.
struct Asker {
    Asker(const HttpPeer& peer, const std::string& dialect, const std::string& how,
          LlmTimes times = {0, 0, 30'000, 0, 0}, std::uint64_t calls = 0, std::uint64_t tokens = 0,
          std::string budget_file = {})
        : sink({"triage",
                peer.url("/chat/" + dialect + "/" + how),
                "some-model",
                {},
                chat_dialect(dialect),
                calls,
                tokens,
                Addresses::kPseudonym,
                std::move(budget_file),
                [this](TriageNote note) { notes.push_back(std::move(note)); },
                times}) {}
    // What one delivery does with so many events; each `who` is another source.
    std::string ask(std::size_t count = 1, std::uint32_t who = 1) {
        const PackedAlerts alerts(count, 0xc6336400 + who * 256);
        Batch batch(alerts.pointers);
        sink.deliver(batch);
        retry_after_ms = batch.retry_after_ms();
        return outcomes(batch);
    }
    std::vector<TriageNote> notes{};
    std::uint32_t retry_after_ms = 0;
    Llm sink;
};

json question(const json& request) { return json::parse(request["body"].get<std::string>()); }

}  // namespace

TEST_CASE("An event of the kernel's is what a digest has of it") {
    const PackedAlerts alerts(1);
    const DigestEvent event = digest_event(alerts.events[0]);
    CHECK(event.id == event_id(alerts.events[0]));
    CHECK(event.policy == "edge");
    CHECK(event.rule == "guess");
    CHECK(event.alert == "guessing");
    CHECK(event.severity == "high");
    CHECK(event.verdict == "drop");
    CHECK(event.protocol == "tcp");
    CHECK(event.source == "198.51.100.1");
    CHECK(event.destination == "192.0.2.1");
    CHECK(event.port == 22);
    CHECK(event.message == "somebody guesses");
}

TEST_CASE("Each dialect's good answer becomes a note that names events that were sent") {
    HttpPeer peer;
    for (const char* dialect : kDialects) {
        for (const char* how : {"good", "wrapped", "no-schema"}) {
            Asker asker(peer, dialect, how);
            INFO(dialect << " " << how);
            CHECK(asker.ask(1000) == std::string(1000, 'd'));
            CHECK(asker.sink.state() == "ok");
            REQUIRE(asker.notes.size() == 1);
            const TriageNote& note = asker.notes[0];
            CHECK(note.sink == "triage");
            CHECK(note.events == 1000);
            CHECK(note.triage.verdict == "suspicious");
            CHECK(note.triage.is_cited);
            CHECK(note.triage.evidence == std::vector<std::string>{event_id(PackedAlerts(1).events[0])});
        }
    }
    for (const json& request : peer.requests()) {
        const json asked = question(request);
        const json& user = asked["messages"].back();
        CHECK(user["role"] == "user");
        CHECK(user["content"].get<std::string>().find("198.51") == std::string::npos);  // no address leaves
        CHECK(json::parse(user["content"].get<std::string>())["groups"].size() == 1);
        CHECK(asked.dump().find("You triage alerts") != std::string::npos);
    }
}

TEST_CASE("A form of the answer that an endpoint refused is not asked for again") {
    HttpPeer peer;
    for (const char* dialect : kDialects) {
        Asker asker(peer, dialect, "no-schema");
        const std::size_t before = peer.requests().size();
        CHECK(asker.ask(1, 1) == "d");
        const std::size_t first = peer.requests().size() - before;
        CHECK(first >= 2);
        CHECK(asker.ask(1, 2) == "d");
        CHECK(peer.requests().size() - before == first + 1);
    }
}

TEST_CASE("Answers that are none are tried three times, and then the events are lost by that") {
    HttpPeer peer;
    for (const char* dialect : kDialects) {
        for (const char* how : {"garbage", "wrong-shape", "cut"}) {
            Asker asker(peer, dialect, how);
            INFO(dialect << " " << how);
            CHECK(asker.ask(2) == "--");
            CHECK(asker.ask(2) == "--");
            CHECK(asker.ask(2) == "NN");
            CHECK(asker.sink.state() != "ok");
            CHECK(asker.notes.empty());
        }
    }
}

TEST_CASE("An answer that follows a hostile packet gets no further than a note") {
    HttpPeer peer;
    for (const char* dialect : kDialects) {
        Asker asker(peer, dialect, "injected");
        CHECK(asker.ask() == "d");
        REQUIRE(asker.notes.size() == 1);
        const Triage& triage = asker.notes[0].triage;
        CHECK_FALSE(triage.is_cited);  // it names an event that was not sent
        CHECK(triage.reason.find('\x1b') == std::string::npos);
        CHECK(triage.reason.find('\n') == std::string::npos);
        CHECK(triage.proposal.find("import") ==
              0);  // refused by whoever takes it: tests/unit/service/proposal_test.cpp
    }
}

TEST_CASE("A busy endpoint is asked after the time that it names") {
    HttpPeer peer;
    for (const char* dialect : kDialects) {
        Asker asker(peer, dialect, "busy");
        const std::size_t before = peer.requests().size();
        CHECK(asker.ask() == "-");
        CHECK(asker.retry_after_ms == 7000);
        CHECK(asker.ask() == "-");  // too early
        CHECK(peer.requests().size() == before + 1);
        Asker once(peer, dialect, "busy-once");
        CHECK(once.ask() == "-");
        CHECK(once.ask() == "d");
    }
}

TEST_CASE("Where the provider's money is spent nothing more is asked until tomorrow, or SIGHUP") {
    HttpPeer peer;
    for (const char* dialect : kDialects) {
        Asker asker(peer, dialect, "spent");
        const std::size_t before = peer.requests().size();
        CHECK(asker.ask(2, 1) == "OO");
        CHECK(asker.ask(2, 2) == "OO");
        CHECK(peer.requests().size() == before + 1);
        CHECK(asker.sink.state().find("spending limit") != std::string::npos);
        asker.sink.reopen();
        CHECK(asker.ask(2, 3) == "OO");
        CHECK(peer.requests().size() == before + 2);
    }
}

TEST_CASE("A key that is refused loses the events; what the endpoint says reaches no terminal") {
    HttpPeer peer;
    Asker asker(peer, "openai", "forbidden");
    CHECK(asker.ask() == "R");
    CHECK(asker.sink.state().find("answered 401") != std::string::npos);
    CHECK(asker.sink.state().find('\x1b') == std::string::npos);
}

TEST_CASE("A key that the endpoint repeats is in no state") {
    HttpPeer peer;
    setenv("WEIR_TEST_KEY", "Bearer sk-1234567890", 1);
    LlmOptions options;
    options.url = peer.url("/repeating");
    options.headers = {{"Authorization", "WEIR_TEST_KEY"}};
    options.dialect = chat_dialect("openai");
    Llm sink(options);
    const PackedAlerts alerts(1);
    Batch batch(alerts.pointers);
    sink.deliver(batch);
    unsetenv("WEIR_TEST_KEY");
    CHECK(outcomes(batch) == "R");
    CHECK(sink.state().ends_with("no such key: WEIR_TEST_KEY\"}"));
}

TEST_CASE("A question without an answer has cost its tokens, one that was not sent none") {
    HttpPeer peer;
    std::string gone;
    {
        HttpPeer other;
        gone = other.url("/ok");
    }
    const auto tokens_after = [](const std::string& url) {
        LlmOptions options;
        options.url = url;
        options.dialect = chat_dialect("openai");
        options.calls_a_day = 1;
        options.times = {0, 0, 300, 0, 0};
        Llm sink(options);
        const PackedAlerts alerts(1);
        Batch batch(alerts.pointers);
        sink.deliver(batch);
        CHECK(outcomes(batch) == "-");
        sink.deliver(batch);
        return sink.state();
    };
    CHECK(tokens_after(gone) == "the day's budget is used: 1 calls, 0 tokens");
    CHECK(tokens_after(peer.url("/dead")) != "the day's budget is used: 1 calls, 0 tokens");
    CHECK(tokens_after(peer.url("/dead")).starts_with("the day's budget is used: 1 calls, "));
}

TEST_CASE("Equal digests cost one call") {
    HttpPeer peer;
    Asker asker(peer, "openai", "good");
    CHECK(asker.ask(10'000) == std::string(10'000, 'd'));
    for (int i = 0; i < 5; ++i) CHECK(asker.ask(10'000) == std::string(10'000, 'd'));
    CHECK(peer.requests().size() == 1);
    CHECK(asker.ask(10, 2) == std::string(10, 'd'));
    CHECK(peer.requests().size() == 2);
}

TEST_CASE("A digest a minute at most: others wait") {
    HttpPeer peer;
    Asker asker(peer, "openai", "good", LlmTimes{3'600'000, 5'000, 30'000, 0, 0});
    CHECK(asker.sink.gather_ms() == 5'000);
    CHECK(asker.ask(1, 1) == "d");
    CHECK(asker.sink.gather_ms() > 5'000);
    CHECK(asker.ask(1, 2) == "-");
    CHECK(asker.retry_after_ms > 5'000);
    CHECK(peer.requests().size() == 1);
}

TEST_CASE("After failures in a row the endpoint is asked once in a while") {
    HttpPeer peer;
    Asker asker(peer, "openai", "garbage", LlmTimes{0, 0, 30'000, 0, 3'600'000});
    for (unsigned i = 0; i < Llm::kBreakAfter; ++i) asker.ask(1, i);
    CHECK(peer.requests().size() == Llm::kBreakAfter);
    CHECK(asker.sink.state().find("since 5 failures") != std::string::npos);
    CHECK(asker.ask(1, 9) == "-");
    CHECK(asker.retry_after_ms > 0);
    CHECK(peer.requests().size() == Llm::kBreakAfter);
}

TEST_CASE("A day's budget bounds calls and tokens, also over a restart") {
    HttpPeer peer;
    const Folder folder;
    const std::string file = (folder.path / "budget").string();
    const LlmTimes quick{0, 0, 30'000, 0, 0};
    {
        Asker asker(peer, "openai", "good", quick, 2, 0, file);
        CHECK(asker.ask(1, 1) == "d");
    }
    Asker asker(peer, "openai", "good", quick, 2, 0, file);
    CHECK(asker.ask(1, 2) == "d");
    CHECK(asker.ask(3, 3) == "OOO");
    CHECK(asker.sink.state().find("budget is used") != std::string::npos);
    CHECK(peer.requests().size() == 2);
    Asker poor(peer, "openai", "good", quick, 0, 100);  // less than one question takes
    CHECK(poor.ask(1, 1) == "O");
    CHECK(peer.requests().size() == 2);
}

TEST_CASE("A budget counts what usage says, begins with each day, and its file is trusted in nothing") {
    const Folder folder;
    const std::string file = (folder.path / "deep" / "budget").string();
    DailyBudget budget(file, 10, 1000);
    CHECK(budget.has_room(kDay_ns, 1000));
    budget.spend(kDay_ns, 900);
    CHECK_FALSE(budget.has_room(kDay_ns, 200));
    budget.correct(900, 120);
    CHECK(budget.tokens() == 120);
    CHECK(budget.has_room(kDay_ns, 200));
    CHECK(budget.trouble() == "ok");
    DailyBudget again(file, 10, 1000);
    CHECK(again.has_room(kDay_ns + 1, 1));
    CHECK(again.calls() == 1);
    CHECK(again.tokens() == 120);
    CHECK(again.has_room(2 * kDay_ns, 1000));
    CHECK(again.calls() == 0);
    for (const char* text : {"", "x", "1 2", "-1 -1 -1 -1", "99999999999999999999999 1 1"}) {
        std::ofstream(file) << text;
        DailyBudget odd(file, 10, 1000);
        CHECK(odd.has_room(7 * kDay_ns, 1000));
    }
    CHECK(DailyBudget("/proc/none/budget", 1, 1).trouble() == "ok");
    DailyBudget nowhere("/proc/none/budget", 1, 0);
    nowhere.spend(kDay_ns, 1);
    CHECK(nowhere.trouble() != "ok");
    CHECK_FALSE(nowhere.has_room(kDay_ns, 1));
}

TEST_CASE("What a policy declares is what the sinks are given") {
    using Word = weir::bpf::SinkWord;
    weir::bpf::SinkInfo sink{"soc", weir::bpf::SinkKind::kWebhook, {}};
    sink.options = {{Word::kUrl, "https://soc.example/hook"},
                    {Word::kHeader, "Authorization", "SOC_TOKEN"},
                    {Word::kHeader, "X-Host", "HOST"},
                    {Word::kBatch, {}, {}, 7},
                    {Word::kTimeout, {}, {}, 2'000'000'000}};
    const WebhookOptions webhook = webhook_options(sink);
    CHECK(webhook.url == "https://soc.example/hook");
    REQUIRE(webhook.headers.size() == 2);
    CHECK(webhook.headers[1].name == "X-Host");
    CHECK(webhook.headers[1].variable == "HOST");
    CHECK(webhook.batch == 7);
    CHECK(webhook.timeout_ms == 2000);

    sink = {"triage", weir::bpf::SinkKind::kLlm, {}};
    sink.options = {{Word::kUrl, "https://gateway.example/v1"},
                    {Word::kModel, "some-model"},
                    {Word::kDialect, "anthropic", {}, 1},
                    {Word::kBudget, {}, {}, 200},
                    {Word::kTokens, {}, {}, 5000},
                    {Word::kAddresses, "plain", {}, 1}};
    const LlmOptions llm = llm_options(sink, "/var/lib/weir/edge", {});
    CHECK(llm.name == "triage");
    CHECK(llm.model == "some-model");
    CHECK(llm.dialect == chat_dialect("anthropic"));
    CHECK(llm.calls_a_day == 200);
    CHECK(llm.tokens_a_day == 5000);
    CHECK(llm.addresses == Addresses::kPlain);
    CHECK(llm.budget_file == "/var/lib/weir/edge/sinks/triage.budget");
    CHECK(llm.times.timeout_ms == 60'000);
    sink.options.resize(2);
    CHECK(llm_options(sink, "", {}).dialect == chat_dialect("openai"));
    CHECK(llm_options(sink, "", {}).addresses == Addresses::kPseudonym);
    CHECK(llm_options(sink, "", {}).budget_file.empty());
}

TEST_CASE("A probe asks at once") {
    HttpPeer peer;
    Asker asker(peer, "openai", "good", LlmTimes{3'600'000, 5'000, 30'000, 0, 0});
    for (int i = 0; i < 2; ++i) {
        const PackedAlerts alerts(1);
        Batch batch(alerts.pointers);
        asker.sink.probe(batch);
        CHECK(outcomes(batch) == "d");
    }
    CHECK(peer.requests().size() == 2);
}

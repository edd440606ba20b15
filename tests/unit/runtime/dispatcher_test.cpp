#include <catch2/catch.hpp>

#include <memory>

#include "runtime/sinks/dispatcher.h"
#include "tests/unit/runtime/scripted_sink.h"

using namespace weir;
using namespace weir::runtime;

namespace {

// Of kind eve, every third event is refused; of kind pcap, none is settled; others take all.
std::unique_ptr<Sink> scripted(const bpf::SinkInfo& sink) {
    switch (sink.kind) {
        case SinkKind::kEve:
            return std::make_unique<ScriptedSink>([seen = 0](Batch& batch) mutable {
                while (batch.size() != 0)
                    if (++seen % 3 == 0)
                        batch.lost("refused", 1);
                    else
                        batch.delivered(1);
            });
        case SinkKind::kPcap: return std::make_unique<ScriptedSink>([](Batch&) {}, "away");
        default: return std::make_unique<ScriptedSink>([](Batch& batch) { batch.delivered(batch.size()); });
    }
}

bpf::SinkInfo sink(const char* name, SinkKind kind, std::uint64_t queue = 1000) {
    bpf::SinkInfo info;
    info.name = name;
    info.kind = kind;
    info.options.push_back({.word = bpf::SinkWord::kQueue, .number = queue});
    return info;
}

// What collect() gave, until there are `count`.
struct Collected {
    std::size_t delivered = 0, lost = 0;
    void wait(Dispatcher& dispatcher, std::size_t count) {
        REQUIRE(in_time([&] {
            dispatcher.collect([&](const PackedEvent&, Dispatcher::Outcome outcome) {
                ++(outcome == Dispatcher::Outcome::kDelivered ? delivered : lost);
            });
            return delivered + lost >= count;
        }));
    }
};

}  // namespace

TEST_CASE("the dispatcher's accounts: each event is delivered or lost, sink by sink") {
    Dispatcher dispatcher(scripted);
    const auto first = dispatcher.adopt({sink("a", SinkKind::kEve), sink("b", SinkKind::kStdout)});
    REQUIRE(first.size() == 2);
    const std::vector<PackedEvent> events(3);
    for (const PackedEvent& event : events)
        for (const SinkId id : first) dispatcher.push(event, id);
    dispatcher.flush();
    Collected collected;
    collected.wait(dispatcher, 6);
    CHECK((collected.delivered == 5 && collected.lost == 1));
    const SinkStatus a = dispatcher.status(first[0]);
    CHECK((a.name == "a" && a.kind == "eve" && a.delivered == 2 && a.lost == 1 && a.lost_by.at("refused") == 1));
    CHECK(dispatcher.status(first[1]).delivered == 3);
    // The same declaration goes on, with its account; another one is another sink.
    const auto second = dispatcher.adopt({sink("b", SinkKind::kStdout), sink("a", SinkKind::kEve, 7)});
    CHECK(second[0] == first[1]);
    CHECK(second[1] != first[0]);
    CHECK(dispatcher.status(second[0]).delivered == 3);
    dispatcher.keep_only(second);
    CHECK(dispatcher.adopt({sink("a", SinkKind::kEve)})[0] > second[1]);
}

TEST_CASE("a sink that takes nothing fills its own queue, and delays no other") {
    Dispatcher dispatcher(scripted);
    const auto ids = dispatcher.adopt({sink("dead", SinkKind::kPcap, 5), sink("well", SinkKind::kStdout)});
    const std::vector<PackedEvent> events(8);
    for (const PackedEvent& event : events)
        for (const SinkId id : ids) dispatcher.push(event, id);
    dispatcher.flush();
    Collected collected;
    collected.wait(dispatcher, 11);
    CHECK((collected.delivered == 8 && collected.lost == 3));
    CHECK(dispatcher.status(ids[0]).lost_by.at("queue full") == 3);
    REQUIRE(in_time([&] { return dispatcher.status(ids[0]).state == "away"; }));
    // It has events still: it does not go, whoever asks.
    dispatcher.keep_only({});
    CHECK(dispatcher.status(ids[0]).lost == 3);
    dispatcher.end(0);
    collected.wait(dispatcher, 16);
    CHECK((collected.delivered == 8 && collected.lost == 8));
    CHECK(dispatcher.status(ids[0]).lost_by.at("stopped") == 5);
}

TEST_CASE("a sink's account from its queue, its spool and the kernel balances") {
    SinkStatus sink;
    sink.matched = 100;
    sink.suppressed = 10;
    sink.lost = 7;  // 4 of them in the ring
    sink.lost_by = {{"queue full", 3}};
    sink.delivered = 80;
    SinkStatus spooled = sink;
    settle_books(sink);
    CHECK((sink.offered == 90 && sink.pending == 3 && sink.lost_by.at("ring full") == 4));
    spooled.spool = SpoolStatus{30, 20, 69, {{"refused", 1}}};
    settle_books(spooled);
    CHECK((spooled.offered == 110 && spooled.delivered == 69 && spooled.lost == 8 && spooled.spooled == 30));
    CHECK(spooled.offered == spooled.delivered + spooled.lost + spooled.pending);
}

#include <catch2/catch.hpp>

#include <sys/eventfd.h>

#include <atomic>
#include <memory>

#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "runtime/sinks/worker.h"
#include "tests/unit/runtime/scripted_sink.h"

using namespace weir::runtime;

namespace {

struct Bench {
    UniqueFd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::vector<PackedEvent> events = std::vector<PackedEvent>(10);
    std::vector<Worker::Settled> settled{};

    std::vector<const PackedEvent*> all() const {
        std::vector<const PackedEvent*> pointers;
        for (const PackedEvent& event : events) pointers.push_back(&event);
        return pointers;
    }
    bool collects(Worker& worker, std::size_t count) {
        return in_time([&] { return worker.collect(settled), settled.size() >= count; });
    }
};

}  // namespace

TEST_CASE("a worker hands events on in their order, in batches, and says what became of each") {
    Bench bench;
    std::vector<std::size_t> sizes;
    Worker worker(std::make_unique<ScriptedSink>([&](Batch& batch) {
                      sizes.push_back(batch.size());
                      batch.delivered(1);
                      batch.lost("too large", batch.size());
                  }),
                  bench.wake.get());
    auto events = bench.all();
    worker.push(events);
    CHECK(events.empty());
    REQUIRE(bench.collects(worker, 10));
    REQUIRE(bench.settled.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) CHECK(bench.settled[i].event == &bench.events[i]);
    CHECK(bench.settled[0].lost == nullptr);
    CHECK(bench.settled[1].lost == std::string("too large"));
    CHECK((sizes == std::vector<std::size_t>{4, 4, 2}));
    eventfd_t woken = 0;
    CHECK((eventfd_read(bench.wake.get(), &woken) == 0 && woken != 0));
}

TEST_CASE("what a sink leaves comes again, and what was settled does not") {
    Bench bench;
    int calls = 0;
    std::vector<const PackedEvent*> seen;
    Worker worker(std::make_unique<ScriptedSink>([&](Batch& batch) {
                      batch.retry_after(1);
                      if (++calls % 2 == 0) return;  // its peer is away
                      seen.push_back(batch.event(0));
                      batch.delivered(1);
                  }),
                  bench.wake.get());
    auto events = bench.all();
    worker.push(events);
    REQUIRE(bench.collects(worker, 10));
    CHECK(seen == bench.all());
}

TEST_CASE("a worker whose sink never gets rid of anything ends, and says what was lost") {
    Bench bench;
    std::atomic<int> calls = 0;
    {
        Worker worker(std::make_unique<ScriptedSink>([&](Batch&) { ++calls; }, "its peer is away"), bench.wake.get());
        auto events = bench.all();
        worker.push(events);
        REQUIRE(in_time([&] { return calls > 0; }));
        CHECK(worker.state().text == "its peer is away");
        worker.give_up_at(monotonic_ns(), "stopped");
        worker.end();
        REQUIRE(in_time([&] { return worker.has_ended(); }));
        worker.collect(bench.settled);
        REQUIRE(bench.settled.size() == 10);
        for (const Worker::Settled& one : bench.settled) CHECK(one.lost == std::string("stopped"));
    }
    // Without a word, too: nothing may wait for it.
    Worker left(std::make_unique<ScriptedSink>([](Batch&) {}), bench.wake.get());
    auto events = bench.all();
    left.push(events);
}

TEST_CASE("a worker that was given up goes on where its sink is wanted again") {
    Bench bench;
    std::atomic<bool> is_away = true;
    Worker worker(std::make_unique<ScriptedSink>([&](Batch& batch) {
                      batch.retry_after(1);
                      if (!is_away) batch.delivered(batch.size());
                  }),
                  bench.wake.get());
    worker.give_up_at(monotonic_ns() + 3'600'000'000'000, "its policy has ended");
    auto events = bench.all();
    worker.push(events);
    worker.go_on();
    is_away = false;
    REQUIRE(bench.collects(worker, 10));
    for (const Worker::Settled& one : bench.settled) CHECK(one.lost == nullptr);
}

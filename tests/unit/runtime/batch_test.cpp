#include <catch2/catch.hpp>

#include "runtime/sinks/batch.h"
#include "runtime/sinks/eve_line.h"
#include "tests/unit/runtime/packed.h"

using namespace weir;
using namespace weir::runtime;

TEST_CASE("a batch is settled from its first event on, and counts what is left") {
    const bpf::Manifest manifest = a_manifest();
    std::vector<PackedEvent> events;
    for (std::uint64_t i = 0; i < 4; ++i) {
        events.push_back(packed(manifest, a_record()));
        events.back().position = i * 64;
    }
    const std::vector<const PackedEvent*> pointers{&events[0], &events[1], &events[2], &events[3]};
    Batch batch(pointers);
    CHECK(batch.size() == 4);
    CHECK(batch.event(1) == &events[1]);
    CHECK(std::string(batch.line(1)) + "\n" == eve_line(events[1]));
    batch.delivered(1);
    CHECK(batch.size() == 3);
    CHECK(batch.event(0) == &events[1]);
    CHECK(batch.id(0) == event_id(events[1]));
    CHECK(std::string(batch.line(0)) + "\n" == eve_line(events[1]));
    batch.lost("refused", 2);
    CHECK(batch.event(0) == &events[3]);
    batch.delivered(1);
    CHECK(batch.size() == 0);
    const auto outcomes = batch.outcomes();
    REQUIRE(outcomes.size() == 4);
    CHECK((outcomes[0] == nullptr && outcomes[1] == std::string("refused") && outcomes[3] == nullptr));
    CHECK_FALSE(batch.is_ending());
}

TEST_CASE("a batch from a spool has lines and no events") {
    const std::vector<SpooledLine> lines{{"a-1", "{}"}, {"a-2", "{\"x\":1}"}};
    EndSignal end;
    Batch batch(lines, &end);
    CHECK((batch.size() == 2 && batch.event(0) == nullptr));
    batch.delivered(1);
    CHECK((batch.id(0) == "a-2" && batch.line(0) == "{\"x\":1}"));
    end.set();
    CHECK(batch.is_ending());
}

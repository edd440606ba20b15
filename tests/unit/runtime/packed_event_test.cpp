#include <catch2/catch.hpp>

#include <cstddef>
#include <cstring>

#include "runtime/sinks/packed_event.h"

using namespace weir::runtime;

namespace {

std::vector<std::uint8_t> record(std::uint32_t flags, std::size_t bytes) {
    std::vector<std::uint8_t> whole(sizeof(weir_event_inside), 0x5a);
    std::memcpy(whole.data() + offsetof(weir_event, flags), &flags, sizeof(flags));
    whole.resize(bytes);
    return whole;
}

}  // namespace

TEST_CASE("a packed event has as much of the record as its flags say") {
    constexpr std::size_t kHead = sizeof(weir_event), kInside = offsetof(weir_event_inside, flow);
    PackedEvent event;
    event.set_record(record(WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW, sizeof(weir_event_inside)));
    CHECK(event.event().flags == (WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW));
    CHECK(event.record().payload[1023] == 0x5a);
    CHECK(reinterpret_cast<const std::uint8_t*>(&event.record().flow)[0] == 0x5a);
    event.set_record(record(WEIR_EVENT_INSIDE, kInside));
    CHECK(event.event().flags == WEIR_EVENT_INSIDE);
    event.set_record(record(0, kHead));
    CHECK(event.event().rule == 0x5a5a5a5a);
}

TEST_CASE("a record that is shorter than its flags say loses them, and what it has not is zero") {
    constexpr std::size_t kHead = sizeof(weir_event);
    PackedEvent event;
    event.set_record(record(WEIR_EVENT_INSIDE, sizeof(weir_event) + 8));
    CHECK(event.event().flags == 0);
    event.set_record(record(WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW, offsetof(weir_event_inside, flow)));
    CHECK(event.event().flags == 0);
    event.set_record(record(WEIR_EVENT_FLOW, kHead));
    CHECK(event.event().flags == 0);
    event.set_record(record(0, offsetof(weir_event, alert)));
    CHECK(event.event().rule == 0x5a5a5a5a);
    CHECK(event.event().alert == 0);
    event.set_record({});
    CHECK(event.event().time_ns == 0);
}

TEST_CASE("an event is named by its ring and its place there") {
    PackedEvent event;
    event.ring = 0x3f2a9c01d4e5b677;
    event.position = 0x12c40;
    CHECK(event_id(event) == "3f2a9c01d4e5b677-00000000012c40");
    event.escalated = 10;
    CHECK(event_id(event) == "3f2a9c01d4e5b677-00000000012c40-e");
    event.escalation = 1;  // the same event, to the same sink perhaps
    CHECK(event_id(event) == "3f2a9c01d4e5b677-00000000012c40-e2");
}

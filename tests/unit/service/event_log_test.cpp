#include "service/http/event_log.h"

#include <catch2/catch.hpp>

using namespace weir::service::http;

TEST_CASE("streams read one text, each from its place") {
    EventLog log(100);
    const std::uint64_t first = log.end();
    log.append("one");
    const std::uint64_t second = log.end();
    log.append("two");
    CHECK(log.from(first) == "onetwo");
    CHECK(log.from(second) == "two");
    CHECK(log.from(log.end()).empty());
}

TEST_CASE("who is behind by more than the text holds is seen, whatever was cut") {
    EventLog log(100);
    const std::uint64_t slow = log.end();
    for (int i = 0; i < 50; ++i) {
        const std::uint64_t quick = log.end();
        log.append(std::string(40, 'x'));
        CHECK(log.from(quick).size() == 40);
        CHECK(log.is_behind(slow) == (40 * (i + 1) > 100));
    }
    CHECK(log.end() == slow + 50 * 40);
}

TEST_CASE("a line of EVE is a message, what was lost has a name") {
    CHECK(as_event(R"({"timestamp":"t"})") == "data: {\"timestamp\":\"t\"}\n\n");
    CHECK(as_event(R"({"lost":3})") == "event: lost\ndata: {\"lost\":3}\n\n");
}

TEST_CASE("the bytes of packets are left out, wherever they stand") {
    CHECK(without_packet(R"({"a":1})") == R"({"a":1})");
    CHECK(without_packet(R"({"a":1,"packet":"AAAA","packet_info":{"linktype":1}})") ==
          R"({"a":1,"packet_info":{"linktype":1}})");
    CHECK(without_packet(R"({"b":[{"l":2,"packet":"AA"},{"l":3,"packet":"BB"}],"packet":"CC"})") ==
          R"({"b":[{"l":2},{"l":3}]})");
    // A text that looks like it is a text.
    CHECK(without_packet(R"({"m":"x\",\"packet\":\"AAAA\"","p":1})") == R"({"m":"x\",\"packet\":\"AAAA\"","p":1})");
}

TEST_CASE("a line says how many events were lost, or none") {
    CHECK(lost_of(R"({"lost":1200})") == 1200);
    CHECK(lost_of(R"({"lost":)") == 0);
    CHECK(lost_of(R"({"lost":"x"})") == 0);
    CHECK(lost_of(R"({"timestamp":"x","lost":3})") == 0);
}

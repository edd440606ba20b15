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

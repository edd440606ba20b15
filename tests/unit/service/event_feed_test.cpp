#include "service/event_feed.h"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::service;

namespace {

// A peer that takes `room` lines, and what it got.
struct Reader {
    std::size_t room = ~std::size_t{0};
    bool is_connected = true;
    std::vector<Reply> replies;
    std::vector<std::string> lines;

    Peer peer() {
        return {[this](const Reply& reply) { replies.push_back(reply); },
                [this](const std::string& line) {
                    if (lines.size() >= room) return false;
                    lines.push_back(line);
                    return true;
                },
                [this] { return is_connected; }};
    }
};

runtime::Event event(const std::string& message) {
    runtime::Event made;
    made.alert = "a";
    made.message = message;
    return made;
}

}  // namespace

TEST_CASE("the last events come at once, 256 at most") {
    EventFeed feed;
    for (int i = 0; i < 300; ++i) feed.take(event("number " + std::to_string(i)));
    Reader reader;
    feed.serve({false}, reader.peer());
    REQUIRE(reader.replies.size() == 1);
    CHECK(std::get<EventsReply>(reader.replies[0]).events == 256);
    REQUIRE(reader.lines.size() == 256);
    CHECK(reader.lines.front().find("number 44") != std::string::npos);
    CHECK(reader.lines.back().find("number 299") != std::string::npos);
    CHECK(reader.lines.back().back() == '}');
    CHECK(feed.followers() == 0);
}

TEST_CASE("an event's packet is shown, those before it are for sinks") {
    EventFeed feed;
    runtime::Event captured = event("x");
    captured.packet.emplace().bytes.assign(3, 'a');
    captured.before.resize(64, *captured.packet);
    Reader last, follower;
    feed.serve({true}, follower.peer());
    feed.take(captured);
    feed.publish();
    feed.serve({false}, last.peer());
    for (const Reader& reader : {last, follower}) {
        REQUIRE(reader.lines.size() == 1);
        CHECK(reader.lines[0].find("\"packet\":\"YWFh\"") != std::string::npos);
        CHECK(reader.lines[0].find("before") == std::string::npos);
    }
}

TEST_CASE("who follows gets what comes, once each, and nothing from before") {
    EventFeed feed;
    feed.take(event("before"));
    Reader first, second;
    feed.serve({true}, first.peer());
    feed.take(event("one"));
    feed.serve({true}, second.peer());  // `one` came before it
    feed.take(event("two"));
    feed.publish();
    feed.publish();
    CHECK(first.lines.size() == 2);
    CHECK(second.lines.size() == 1);
    CHECK(second.lines[0].find("two") != std::string::npos);
}

TEST_CASE("a reader that does not read misses events, and learns how many") {
    EventFeed feed;
    Reader slow, fast;
    slow.room = 2;
    feed.serve({true}, slow.peer());
    feed.serve({true}, fast.peer());
    for (int i = 0; i < 5; ++i) feed.take(event("x"));
    feed.publish();
    CHECK(slow.lines.size() == 2);
    CHECK(fast.lines.size() == 5);
    slow.room = 4;
    feed.take(event("y"));
    feed.publish();
    REQUIRE(slow.lines.size() == 4);
    CHECK(slow.lines[2] == R"({"lost":3})");
    CHECK(slow.lines[3].find("\"y\"") != std::string::npos);
}

TEST_CASE("a turn with more events than fit loses the rest, counted") {
    EventFeed feed;
    Reader reader;
    feed.serve({true}, reader.peer());
    for (int i = 0; i < 5000; ++i) feed.take(event("x"));
    feed.publish();
    std::size_t events = 0;
    for (const std::string& line : reader.lines) events += line.starts_with(R"({"lost")") ? 0 : 1;
    CHECK(events == 4096);
    CHECK(std::count(reader.lines.begin(), reader.lines.end(), R"({"lost":904})") == 1);
}

TEST_CASE("who has left is forgotten") {
    EventFeed feed;
    Reader reader;
    feed.serve({true}, reader.peer());
    CHECK(feed.followers() == 1);
    reader.is_connected = false;
    feed.take(event("x"));
    feed.publish();
    CHECK(feed.followers() == 0);
    CHECK(reader.lines.empty());
}

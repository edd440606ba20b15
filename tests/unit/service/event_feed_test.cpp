#include "service/event_feed.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/packed.h"

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

// The feed takes an event with that message, and these packets.
void take(EventFeed& feed, const std::string& message, std::unique_ptr<const runtime::Captures> captures = nullptr) {
    auto manifest = a_manifest();
    manifest.alerts[0].message = {message};
    runtime::PackedEvent event = packed(manifest, a_record());
    event.captures = std::move(captures);
    const runtime::PackedEvent* one = &event;
    feed.take(std::span(&one, 1));
}

}  // namespace

TEST_CASE("the last events come at once, 256 at most") {
    EventFeed feed;
    for (int i = 0; i < 300; ++i) take(feed, "number " + std::to_string(i));
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
    runtime::Captures captures;
    captures.packet.bytes.assign(3, 'a');
    captures.before.resize(64, captures.packet);
    Reader last, follower;
    feed.serve({true}, follower.peer());
    take(feed, "x", std::make_unique<const runtime::Captures>(std::move(captures)));
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
    take(feed, "before");
    Reader first, second;
    feed.serve({true}, first.peer());
    take(feed, "one");
    feed.serve({true}, second.peer());  // `one` came before it
    take(feed, "two");
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
    for (int i = 0; i < 5; ++i) take(feed, "x");
    feed.publish();
    CHECK(slow.lines.size() == 2);
    CHECK(fast.lines.size() == 5);
    slow.room = 4;
    take(feed, "y");
    feed.publish();
    REQUIRE(slow.lines.size() == 4);
    CHECK(slow.lines[2] == R"({"lost":3})");
    CHECK(slow.lines[3].find("\"message\":\"y\"") != std::string::npos);
}

TEST_CASE("a reader that reads again hears what it missed, though nothing new comes") {
    EventFeed feed;
    Reader reader;
    reader.room = 1;
    feed.serve({true}, reader.peer());
    for (int i = 0; i < 3; ++i) take(feed, "x");
    feed.publish();
    for (int i = 0; i < 400; ++i) take(feed, "y");  // for which nobody has room
    feed.publish();
    CHECK(reader.lines.size() == 1);
    reader.room = 10;
    feed.publish();
    take(feed, "z");
    feed.publish();
    REQUIRE(reader.lines.size() == 3);
    CHECK(reader.lines[1] == R"({"lost":402})");
    CHECK(reader.lines[2].find("\"message\":\"z\"") != std::string::npos);
    Reader last;
    feed.serve({false}, last.peer());
    CHECK(last.lines.size() == 256);
}

TEST_CASE("a turn with more events than fit loses the rest, counted") {
    EventFeed feed;
    Reader reader;
    feed.serve({true}, reader.peer());
    for (int i = 0; i < 5000; ++i) take(feed, "x");
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
    take(feed, "x");
    feed.publish();
    CHECK(feed.followers() == 0);
    CHECK(reader.lines.empty());
}

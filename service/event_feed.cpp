// Held by tests/unit/service/event_feed_test.cpp.
// Tested by tests/unit/service/event_feed_test.cpp.
#include "service/event_feed.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/sinks/eve_line.h"

namespace weir::service {
namespace {

constexpr std::size_t kLast = 256;
constexpr std::size_t kNews = 4096;  // a turn of the daemon reads no more than a quarter of that

std::string line_of(const runtime::PackedEvent& event) {
    std::string line = runtime::eve_line(event, runtime::EvePackets::kOwn);
    line.pop_back();  // the door ends lines itself
    return line;
}

}  // namespace

void EventFeed::say_lost(Follower& follower) {
    if (follower.lost != 0 && follower.peer.offer(fmt::format(R"({{"lost":{}}})", follower.lost))) follower.lost = 0;
}

void EventFeed::take(std::span<const runtime::PackedEvent* const> events) {
    // What nobody follows, or whoever follows has no room for, and others follow at once, is never made a line: sinks
    // wait for this thread.
    const bool is_read =
        std::any_of(followers_.begin(), followers_.end(), [](const Follower& follower) { return follower.lost == 0; });
    if (!is_read) {
        not_kept_ += events.size();
        if (events.size() > kLast) events = events.last(kLast);
    }
    for (const runtime::PackedEvent* event : events) {
        if (last_.size() == kLast) last_.pop_front();
        last_.push_back(line_of(*event));
        if (!is_read) continue;
        if (news_.size() < kNews)
            news_.push_back(last_.back());
        else
            ++not_kept_;
    }
}

void EventFeed::serve(const EventsCommand& command, Peer peer) {
    publish();  // to those who were here before
    if (command.follow) {
        peer.reply(EventsReply{0});
        followers_.push_back({std::move(peer)});
        return;
    }
    peer.reply(EventsReply{last_.size()});
    for (const std::string& line : last_) peer.offer(line);
}

void EventFeed::publish() {
    std::erase_if(followers_, [](const Follower& follower) { return !follower.peer.is_connected(); });
    for (Follower& follower : followers_) {
        follower.lost += not_kept_;
        for (const std::string& line : news_) {
            say_lost(follower);
            if (follower.lost != 0 || !follower.peer.offer(line)) ++follower.lost;
        }
        say_lost(follower);  // whether or not there is news
    }
    news_.clear();
    not_kept_ = 0;
}

}  // namespace weir::service

// Held by tests/unit/service/event_feed_test.cpp.
// Tested by tests/unit/service/event_feed_test.cpp.
#include "service/event_feed.h"

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

void EventFeed::take(std::span<const runtime::PackedEvent* const> events) {
    // What nobody follows, and others follow at once, is never made a line.
    if (followers_.empty() && events.size() > kLast) events = events.last(kLast);
    for (const runtime::PackedEvent* event : events) {
        if (last_.size() == kLast) last_.pop_front();
        last_.push_back(line_of(*event));
        if (followers_.empty()) continue;
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
            if (follower.lost != 0 && follower.peer.offer(fmt::format(R"({{"lost":{}}})", follower.lost)))
                follower.lost = 0;
            if (follower.lost != 0 || !follower.peer.offer(line)) ++follower.lost;
        }
    }
    news_.clear();
    not_kept_ = 0;
}

}  // namespace weir::service

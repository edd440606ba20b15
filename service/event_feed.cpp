#include "service/event_feed.h"

#include <fmt/format.h>

#include "runtime/sinks/eve.h"

namespace weir::service {
namespace {

constexpr std::size_t kLast = 256;
constexpr std::size_t kNews = 4096;  // a turn of the daemon reads no more than a quarter of that

std::string line_of(const runtime::Event& event) {
    std::string line = runtime::eve_line(event);
    line.pop_back();  // the control socket ends lines itself
    return line;
}

}  // namespace

void EventFeed::take(const runtime::Event& event) {
    if (last_.size() == kLast) last_.pop_front();
    last_.push_back(event);
    if (followers_.empty()) return;
    if (news_.size() < kNews)
        news_.push_back(line_of(event));
    else
        ++not_kept_;
}

void EventFeed::serve(ControlServer& control, std::uint64_t client, Until until) {
    publish(control);
    std::string all =
        R"({"ok":true,"status":0,"events":)" + std::to_string(until == Until::kFollow ? 0 : last_.size()) + "}";
    if (until == Until::kNow)
        for (const runtime::Event& event : last_) all += "\n" + line_of(event);
    control.answer(client, all);
    if (until == Until::kFollow) followers_[client] = {};
}

void EventFeed::publish(ControlServer& control) {
    std::erase_if(followers_, [&](const auto& follower) { return !control.is_connected(follower.first); });
    for (auto& [client, follower] : followers_) {
        follower.lost += not_kept_;
        for (const std::string& line : news_) {
            if (follower.lost != 0 && control.offer(client, fmt::format(R"({{"lost":{}}})", follower.lost)))
                follower.lost = 0;
            if (follower.lost != 0 || !control.offer(client, line)) ++follower.lost;
        }
    }
    news_.clear();
    not_kept_ = 0;
}

}  // namespace weir::service

// Tested by tests/http/door_test.py with `door`.
#include "service/http/door.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "runtime/kernel.h"
#include "service/command_codec.h"
#include "service/confine.h"
#include "service/http/api.h"
#include "service/http/channels.h"
#include "service/http/door_settings.h"
#include "service/http/guard.h"
#include "service/http/metrics.h"
#include "service/http/openapi.h"
#include "service/http/page_files.h"
#include "service/http/server.h"
#include "service/http/status_source.h"
#include "tooling/exit_status.h"

namespace weir::service::http {
namespace {

constexpr rlim_t kMostDataBytes = rlim_t{1} << 30;  // a status of 131,072 rules takes 150 MB to read
constexpr rlim_t kMostFiles = 2048;
constexpr std::size_t kEventBytes = 32 << 10;  // a turn: streams send what came before more comes
// A second, of events: what all streams are sent costs a CPU that packets and sinks need, too. The engine counts the
// rest as lost, which streams are told.
constexpr std::uint64_t kMostEventBytes = 4 << 20, kMostSentBytes = 8 << 20;
constexpr std::size_t kReplyBytes = 1 << 20;
constexpr std::uint64_t kSecond_ns = 1'000'000'000;
constexpr std::uint64_t kHeartbeat_ns = 15 * kSecond_ns;

void limit(__rlimit_resource resource, rlim_t most) {
    rlimit value{};
    getrlimit(resource, &value);
    value.rlim_cur = value.rlim_max = std::min(value.rlim_max, most);
    setrlimit(resource, &value);
}

Answer page(const Request& request) {
    const auto files = page_files();
    const auto file =
        std::find_if(files.begin(), files.end(), [&](const PageFile& one) { return one.path == request.path; });
    Answer answer;
    answer.type = file->type;
    answer.headers.emplace_back("ETag", file->etag);
    answer.headers.emplace_back("Cache-Control", "no-cache");  // asked for again, by its ETag
    answer.headers.emplace_back("Content-Security-Policy", kPageSecurityPolicy);
    if (header(request, "if-none-match") == file->etag)
        answer.status = 304;
    else
        answer.body = file->bytes;
    return answer;
}

class Door {
public:
    Door(DoorSettings settings, SideEnds ends)
        : settings_(std::move(settings)),
          ends_(std::move(ends)),
          server_(
              {}, [this](const Request& request, const Found& found) { return refused(request, found, settings_); },
              [this](Asked asked) { take(std::move(asked)); }, [this](std::uint64_t id) { withdraw(id); }) {
        for (runtime::UniqueFd& socket : ends_.channels) channels_.emplace_back(std::move(socket));
        status_.emplace(channel(ChannelOf::kStatus));
        channel(ChannelOf::kEvents).on_line([this](const std::string& line) { take_event(line); });
    }

    Status open();
    void run();  // until the engine is gone

private:
    Channel& channel(ChannelOf which) { return channels_[static_cast<std::size_t>(which)]; }
    void take(Asked asked);
    void ask(const Asked& asked);
    void withdraw(std::uint64_t id);
    void take_event(const std::string& line);
    void follow();
    int refill_ms();
    DoorStatus door_status() const;
    void report();
    bool wait();  // false where the engine is gone

    DoorSettings settings_;
    SideEnds ends_;
    SideReport said_{"ok", {}, {}, {}};
    std::deque<Channel> channels_{};
    Server server_;
    std::optional<StatusSource> status_{};
    const SharedAnswer description_{[] {
        Answer answer;
        answer.body = openapi_document();
        return answer;
    }()};
    bool follows_ = false;  // the engine's events
    std::uint64_t lost_events_ = 0;
    std::uint64_t event_room_ = kEventBytes;  // bytes that may be read of them now
    std::uint64_t refilled_ns_ = 0;
    std::uint64_t looked_ns_ = 0;
    std::uint64_t beat_ns_ = 0;
};

Status Door::open() {
    for (std::size_t i = 0; i < settings_.addresses.size(); ++i) {
        const Reach reach = settings_.addresses[i].reach;
        const Server::Tls tls =
            reach == Reach::kUnix ? Server::Tls{} : Server::Tls{settings_.certificate, settings_.key};
        if (Status done = server_.listen({std::move(ends_.given[i]), reach}, tls); !done) return done;
    }
    settings_.certificate.clear();
    settings_.key.clear();
    said_.lacks = confine_door(ends_.engine);
    status_->start();
    return Done{};
}

void Door::take(Asked asked) {
    switch (asked.found.route->operation) {
        case Operation::kHealth: {
            Answer answer;
            answer.type = "text/plain; charset=utf-8";
            answer.body = "ok\n";
            return server_.answer(asked.id, answer);
        }
        case Operation::kMetrics: return status_->ask(server_, asked.id, StatusSource::What::kMetrics);
        case Operation::kStatus: return status_->ask(server_, asked.id, StatusSource::What::kStatus);
        case Operation::kOpenApi: return server_.answer(asked.id, description_);
        case Operation::kEvents: return server_.stream(asked.id);
        case Operation::kPage: return server_.answer(asked.id, page(asked.request));
        default: return ask(asked);
    }
}

void Door::ask(const Asked& asked) {
    auto question = question_of(asked);
    if (const auto* refused = std::get_if<Answer>(&question)) return server_.answer(asked.id, *refused);
    auto& [which, line, attached] = std::get<Question>(question);
    constexpr std::size_t kMostWaiting = 64;
    if (channel(which).waiting() >= kMostWaiting)
        return server_.answer(asked.id, refusal(503, "too many requests wait for the engine", "ask again later"));
    const Right right = asked.found.route->right;
    channel(which).ask(
        line,
        [this, id = asked.id, right](const std::string& reply) {
            if (right == Right::kManage) status_->forget();
            server_.answer(id, answer_of(reply, right));
        },
        std::move(attached), asked.id);
}

// Nobody waits for the answer any more: what the engine has not put in force yet is given up.
void Door::withdraw(std::uint64_t id) {
    for (Channel& one : channels_)
        if (one.withdraw(id)) server_.answer(id, refusal(409, "withdrawn: nothing was done"));
}

void Door::take_event(const std::string& line) {
    lost_events_ += lost_of(line);
    if (server_.counts().streams == 0) return;
    server_.publish(as_event(settings_.token.empty() ? without_packet(line) : line));
}

// Only while somebody reads: lines that nobody follows are never written by the engine.
void Door::follow() {
    const bool wants = server_.counts().streams != 0;
    if (wants == follows_) return;
    follows_ = wants;
    // Any other request ends the following; this one has the shortest answer.
    const Command command = wants ? Command(EventsCommand{true}) : Command(WithdrawCommand{});
    channel(ChannelOf::kEvents).ask(encode(command), [](const std::string&) {});
}

DoorStatus Door::door_status() const {
    const ServerCounts& counts = server_.counts();
    return {counts.responses, counts.connections,     counts.refused_connections,
            counts.streams,   counts.dropped_streams, lost_events_};
}

void Door::report() {
    const ServerCounts& counts = server_.counts();
    std::uint64_t refused = 0;
    for (const auto& [status, times] : counts.responses)
        if (status >= 400) refused += times;
    said_.counts = {{"connections", counts.connections},
                    {"streams", counts.streams},
                    {"requests", counts.requests},
                    {"refused", refused},
                    {"refused_connections", counts.refused_connections},
                    {"closed_late", counts.closed_late},
                    {"dropped_streams", counts.dropped_streams},
                    {"lost_events", lost_events_}};
    send_report(ends_.report, said_);
}

// Lets events come again as time goes by. Returns how long to wait until they may, in ms; 0: they may now.
int Door::refill_ms() {
    const std::uint64_t streams = std::max<std::uint64_t>(server_.counts().streams, 1);
    const std::uint64_t rate = std::min(kMostEventBytes, kMostSentBytes / streams);
    const std::uint64_t now_ns = runtime::monotonic_ns(), passed_ns = std::min(now_ns - refilled_ns_, kSecond_ns);
    refilled_ns_ = now_ns;
    event_room_ = std::min<std::uint64_t>(event_room_ + passed_ns * rate / kSecond_ns, kEventBytes);
    if (event_room_ >= kEventBytes / 2) return 0;
    return static_cast<int>((kEventBytes / 2 - event_room_) * 1000 / rate + 1);
}

bool Door::wait() {
    constexpr int kTick_ms = 200;
    const int refill = refill_ms();
    std::vector<int> descriptors{status_->fd()};
    server_.add_descriptors(descriptors);
    std::vector<pollfd> ready;
    for (const int fd : descriptors) ready.push_back({fd, POLLIN, 0});
    const Channel& events = channel(ChannelOf::kEvents);
    for (const Channel& one : channels_) {
        const bool is_held = &one == &events && refill != 0;
        ready.push_back({one.fd(), static_cast<short>(is_held ? one.wants() & ~POLLIN : one.wants()), 0});
    }
    poll(ready.data(), ready.size(), server_.timeout_ms(refill == 0 ? kTick_ms : std::min(refill, kTick_ms)));
    const std::uint64_t before = events.received();
    for (Channel& one : channels_) {
        const std::size_t most = &one != &events ? kReplyBytes : refill == 0 ? event_room_ : 0;
        if (!one.step(most)) return false;
    }
    event_room_ -= events.received() - before;
    return true;
}

void Door::run() {
    report();
    while (wait()) {
        status_->step(server_, door_status());
        server_.run();
        follow();
        if (const std::uint64_t now_ns = runtime::monotonic_ns(); now_ns - looked_ns_ >= kSecond_ns) {
            looked_ns_ = now_ns;
            server_.close_late();
            server_.see_who_left();
            report();
            if (now_ns - beat_ns_ >= kHeartbeat_ns) {
                beat_ns_ = now_ns;
                server_.publish(":\n\n");  // a comment: connections that nobody holds any more are seen
            }
        }
    }
}

}  // namespace

int live_as_door(SideEnds ends) {
    limit(RLIMIT_DATA, kMostDataBytes);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, kMostFiles);
    std::signal(SIGPIPE, SIG_IGN);
    go_before_engine();
    auto settings = settings_from(ends.settings);
    if (settings && ends.channels.size() != kChannels) settings = Error{"the door lacks channels", {}, 0};
    if (!settings) {
        send_report(ends.report, {settings.error().message, {}, {}, {}});
        return kUsage;
    }
    const runtime::UniqueFd report = runtime::duplicate(ends.report.get());
    Door door(std::move(*settings), std::move(ends));
    if (Status done = door.open(); !done) {
        send_report(report, {done.error().message, done.error().help, {}, {}});
        return kWorldFault;
    }
    door.run();
    _exit(kOk);  // the engine is gone: nobody is to be told
}

}  // namespace weir::service::http

// Tested by tests/http/door_test.py with `"/api/v1/status"`.
#include "service/http/status_source.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/command_codec.h"

namespace weir::service::http {
namespace {

constexpr std::uint64_t kSecond_ns = 1'000'000'000;
constexpr std::uint64_t kFresh_ns = kSecond_ns;
constexpr std::uint64_t kRenew_ns = kSecond_ns * 9 / 10;
constexpr std::uint64_t kStale_ns = 2 * kSecond_ns;     // while the next one is under way
constexpr std::uint64_t kWanted_ns = 150 * kSecond_ns;  // Prometheus asks once a minute or more often

Answer unavailable(const Refusal& refused) { return refusal(503, refused.error, refused.help); }

}  // namespace

StatusSource::StatusSource(Channel& channel) : channel_(channel), ready_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StatusSource::~StatusSource() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    has_work_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void StatusSource::start() {
    thread_ = std::thread([this] { live(); });
}

StatusSource::Rendered StatusSource::render(const Job& job) {
    const auto reply = decode_reply(job.line, Command(StatusCommand{}));
    if (!reply)
        return {SharedAnswer(refusal(503, reply.error().message)), SharedAnswer(refusal(503, reply.error().message))};
    if (const auto* refused = std::get_if<Refusal>(&*reply))
        return {SharedAnswer(unavailable(*refused)), SharedAnswer(unavailable(*refused))};
    // What `weir status --format json` prints is the part "engine", the last one of the line.
    constexpr std::string_view kKey = R"("engine":)";
    const std::size_t begin = job.line.find(kKey) + kKey.size();
    Answer status, metrics;
    status.body = job.line.substr(begin, job.line.size() - begin - 1) + "\n";
    // By this machine's monotonic clock: a rate between two answers does not depend on when they were fetched.
    status.headers.emplace_back("Weir-Taken-Ms",
                                fmt::format("{}.{:03}", job.taken_ns / 1'000'000, job.taken_ns / 1000 % 1000));
    metrics.type = kMetricsType;
    metrics.body = metrics_text(std::get<StatusReply>(*reply), job.door);
    return {SharedAnswer(status), SharedAnswer(metrics)};
}

void StatusSource::live() {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            has_work_.wait(lock, [this] { return ends_ || job_; });
            if (ends_) return;
            job = std::move(*job_);
            job_.reset();
        }
        Rendered done = render(job);
        {
            const std::lock_guard lock(mutex_);
            done_ = std::move(done);
        }
        const std::uint64_t one = 1;
        static_cast<void>(write(ready_.get(), &one, sizeof(one)) == sizeof(one));
    }
}

void StatusSource::fetch() {
    asked_ns_ = runtime::monotonic_ns();
    is_old_ = false;
    channel_.ask(encode(Command(StatusCommand{})), [this](std::string line) { line_ = std::move(line); });
}

void StatusSource::ask(Server& server, std::uint64_t id, What what) {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    wanted_ns_ = now_ns;
    const std::uint64_t age_ns = now_ns - taken_ns_;
    const bool is_there = taken_ns_ != 0 && !is_old_ && !is_asked_again_ &&
                          (age_ns <= kFresh_ns || (asked_ns_ != 0 && age_ns <= kStale_ns));
    if (is_there) return server.answer(id, what == What::kStatus ? last_.status : last_.metrics);
    waiting_.push_back({id, what});
    if (asked_ns_ == 0)
        fetch();
    else if (is_old_)
        is_asked_again_ = true;
}

void StatusSource::step(Server& server, const DoorStatus& door) {
    if (auto line = std::exchange(line_, std::nullopt)) {
        const std::lock_guard lock(mutex_);
        job_ = {std::move(*line), door, asked_ns_};
        has_work_.notify_one();
    }
    std::uint64_t times = 0;
    if (read(ready_.get(), &times, sizeof(times)) == sizeof(times)) {
        std::optional<Rendered> done;
        {
            const std::lock_guard lock(mutex_);
            done = std::exchange(done_, std::nullopt);
        }
        if (done && is_asked_again_) {
            is_asked_again_ = false;
            fetch();
        } else if (done) {
            last_ = std::move(*done);
            taken_ns_ = std::exchange(asked_ns_, 0);
            for (const Waiting& one : std::exchange(waiting_, {}))
                server.answer(one.id, one.what == What::kStatus ? last_.status : last_.metrics);
        }
    }
    const std::uint64_t now_ns = runtime::monotonic_ns();
    const bool is_wanted = wanted_ns_ != 0 && now_ns - wanted_ns_ < kWanted_ns;
    if (asked_ns_ == 0 && is_wanted && now_ns - taken_ns_ >= kRenew_ns) fetch();
}

}  // namespace weir::service::http

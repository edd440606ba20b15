// Tested by tests/unit/service/follower_test.cpp.
#include "service/nats/follower.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "tooling/files/sha256.h"

namespace weir::service {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kConnect_ms = 1000;
constexpr std::uint64_t kFirstDelay_ms = 200, kMostDelay_ms = 8000;
constexpr std::uint64_t kStatusAgain_ms = 5000;  // where no acknowledgement came
constexpr std::uint64_t kMakeBucketAgain_ms = 600'000;
constexpr std::size_t kMaxMessageBytes = tooling::kMaxBundleBytes + (1 << 20);

std::string now_text() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(now.tv_sec), now.tv_nsec / 1'000'000);
}

Json json_of(const Revision& revision) {
    return {{"revision", revision.number}, {"serial", revision.serial}, {"sha256", revision.hash}};
}

}  // namespace

Follower::Follower(FollowTerms terms, Revision kept, Doors doors)
    : terms_(std::move(terms)),
      doors_(std::move(doors)),
      connection_(terms_.address.server, kMaxMessageBytes),
      random_(std::random_device{}()),
      in_force_(std::move(kept)) {
    if (!in_force_.hash.empty()) {
        outcome_ = Outcome::kInForce;
        outcome_of_ = in_force_;
    }
}

// Hosts that lost the same server do not come back all at once.
std::uint64_t Follower::jittered_ms(std::uint64_t most_ms) {
    return most_ms / 2 + std::uniform_int_distribution<std::uint64_t>(0, most_ms / 2)(random_);
}

// ---- the connection ----

void Follower::connect() {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    if (now_ns < connect_at_ns_) return;
    if (Status connected = connection_.connect(kConnect_ms, -1); !connected)
        return lose_connection(connected.error().message);
    inbox_ = new_inbox();
    answers_ = connection_.subscribe(inbox_ + ".*");
    const std::string deliver = new_inbox();
    watch_ = connection_.subscribe(deliver);
    const BucketRequest request =
        watch_request(terms_.address.bucket, terms_.address.key, deliver, terms_.heartbeat_ms * kMillisecond_ns);
    connection_.publish(request.subject, inbox_ + ".watch", {}, request.body);
    heard_ns_ = runtime::monotonic_ns();
    status_sent_ns_ = 0;
}

void Follower::lose_connection(const std::string& why) {
    connection_.close();
    watch_ = 0;
    problem_ = why;
    delay_ms_ = std::min(kMostDelay_ms, std::max(kFirstDelay_ms, delay_ms_ * 2));
    connect_at_ns_ = runtime::monotonic_ns() + jittered_ms(delay_ms_) * kMillisecond_ns;
}

void Follower::step() {
    keep_time();
    // To confirm: connections that are known may go on where new ones are dropped.
    if (std::exchange(wants_new_connection_, false)) {
        connection_.close();
        watch_ = 0;
        connect_at_ns_ = 0;
    }
    if (!connection_.is_open()) connect();
    if (!connection_.is_open()) return;
    send_status();
    const Status done = connection_.exchange(0, -1, [this](const auto& message) { take(message); });
    if (!done) return lose_connection(done.error().message);
    send_status();
    if (connection_.unsent() != 0)
        if (Status sent = connection_.exchange(0, -1, [this](const auto& message) { take(message); }); !sent)
            return lose_connection(sent.error().message);
    if (runtime::monotonic_ns() - heard_ns_ > 3 * terms_.heartbeat_ms * kMillisecond_ns)
        lose_connection("the server is silent");
}

std::uint64_t Follower::wait_ms() const {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    const auto until = [&](std::uint64_t at_ns) {
        return at_ns <= now_ns ? 0 : (at_ns - now_ns) / kMillisecond_ns + 1;
    };
    std::uint64_t wait = 1000;
    if (wants_new_connection_) return 0;
    if (!connection_.is_open()) wait = std::min(wait, until(connect_at_ns_));
    if (is_trial_) wait = std::min(wait, until(trial_until_ns_));
    return wait;
}

// ---- what comes ----

void Follower::take(const runtime::NatsConnection::Received& message) {
    if (message.subscription == watch_) {
        heard_ns_ = runtime::monotonic_ns();
        const auto facts = delivered(message);
        if (facts && facts->is_deleted) take_value({facts->revision, std::nullopt});
        if (facts && !facts->is_deleted) take_value({facts->revision, std::string(message.payload)});
        return;
    }
    if (message.subscription != answers_) return;
    const std::string_view what = message.subject.substr(std::min(message.subject.size(), inbox_.size() + 1));
    if (what == "watch") take_watch_answer(message);
    if (what == fmt::format("{}", status_number_)) take_status_answer(message);
}

// Where there is no bucket yet, it is asked for again.
void Follower::take_watch_answer(const runtime::NatsConnection::Received& message) {
    const auto refused =
        message.status == "503" ? std::optional<Refused>({0, "it has no JetStream"}) : refused_by(message.payload);
    if (!refused) {
        delay_ms_ = 0;
        problem_.clear();
        return;
    }
    // The connection may be used for no more from within exchange(): step() sees that nothing was heard.
    problem_ = fmt::format("bucket {}: {}", terms_.address.bucket, printable(refused->description));
    heard_ns_ = runtime::monotonic_ns() - 3 * terms_.heartbeat_ms * kMillisecond_ns;
}

void Follower::take_value(Next next) {
    if (proposed_) {
        next_ = std::move(next);  // the last one counts
        return;
    }
    if (next.value) return judge(next.revision, std::move(*next.value));
    judged_.clear();
    say({next.revision, 0, {}}, Outcome::kDeleted, "the key was deleted; what is in force stays");
}

void Follower::judge(std::uint64_t revision, std::string value) {
    const std::string identity = fmt::format("{} {}", revision, tooling::sha256(value));
    if (identity == judged_) return;  // the connection was made again
    judged_ = identity;
    const auto bundle = tooling::read_value(value, {terms_.address.bucket, terms_.address.key, terms_.signer});
    if (!bundle) return say({revision, 0, {}}, Outcome::kRefused, bundle.error().message);
    const tooling::Release release = bundle->release.value_or(tooling::Release{});
    const Revision judged{revision, release.serial, tooling::content_hash(*bundle)};
    // Where nothing of that serial is in force, the engine could not start with what it had: it is tried again.
    const bool is_again =
        release.serial == in_force_.serial && (judged.hash == in_force_.hash || in_force_.hash.empty());
    // Without a key anybody may write any serial, so it says nothing.
    if (terms_.signer && release.serial <= in_force_.serial && !is_again)
        return say(
            judged, Outcome::kRefused,
            fmt::format("its serial {} is not above {}, the last that was accepted", release.serial, in_force_.serial));
    if (!tooling::is_canary(terms_.host, release.canary))
        return say(judged, Outcome::kWaiting, "a canary that this host is not part of");
    proposed_ = Proposal{judged, bundle->policy, bundle->include_folders, release.confirm_within_ms, std::move(value)};
    doors_.apply(*proposed_);
}

// ---- what becomes of it ----

void Follower::applied(Outcome outcome, const std::string& reason, std::uint32_t generation) {
    if (!proposed_) return;
    if (outcome != Outcome::kRefused) generation_ = generation;
    if (outcome == Outcome::kUnconfirmed) {
        is_trial_ = true;
        is_confirming_ = false;
        trial_until_ns_ = runtime::monotonic_ns() + proposed_->confirm_within_ms * kMillisecond_ns;
        say(proposed_->revision, Outcome::kUnconfirmed, "");
        wants_new_connection_ = true;
        return;
    }
    end_trial(outcome, reason);
}

void Follower::confirmed(bool is_confirmed, const std::string& reason) {
    if (!is_trial_) return;
    end_trial(is_confirmed ? Outcome::kInForce : Outcome::kRolledBack, is_confirmed ? "" : reason);
}

void Follower::look(std::uint32_t generation, Origin origin) {
    if (generation != std::exchange(generation_, generation)) status_sent_ns_ = 0;
    if (is_trial_ || in_force_.hash.empty()) return;
    if (ours_ == 0 && origin == Origin::kBucket) ours_ = generation;
    const bool is_replaced = origin == Origin::kElsewhere || generation != ours_;
    if (is_replaced != std::exchange(is_replaced_, is_replaced)) status_sent_ns_ = 0;
}

// The proposal has ended, one way or the other.
void Follower::end_trial(Outcome outcome, const std::string& reason) {
    is_trial_ = false;
    const Proposal proposed = std::move(*std::exchange(proposed_, std::nullopt));
    if (outcome == Outcome::kInForce) {
        ours_ = generation_;
        is_replaced_ = false;
        in_force_ = proposed.revision;
        doors_.keep(in_force_, proposed.value);
    }
    say(proposed.revision, outcome, reason);
    if (auto next = std::exchange(next_, std::nullopt)) take_value(std::move(*next));
}

void Follower::keep_time() {
    if (is_trial_ && !is_confirming_ && runtime::monotonic_ns() >= trial_until_ns_)
        end_trial(Outcome::kRolledBack, "with it in force the server could not be reached in the time to confirm it");
}

// ---- the status ----

void Follower::say(const Revision& of, Outcome outcome, const std::string& reason) {
    outcome_of_ = of;
    outcome_ = outcome;
    reason_ = reason.substr(0, kMaxReasonBytes);
    status_sent_ns_ = 0;
}

std::string Follower::status_text() const {
    const Outcome outcome = is_replaced_ && outcome_ == Outcome::kInForce ? Outcome::kReplaced : outcome_;
    Json status = {{"key", terms_.address.key},
                   {"host", terms_.host},
                   {"outcome", kOutcomeNames[static_cast<std::size_t>(outcome)]},
                   {"reason", reason_},
                   {"value", json_of(outcome_of_)},
                   {"in_force", json_of(is_replaced_ ? Revision{} : in_force_)},
                   {"generation", generation_},
                   {"time", now_text()},
                   {"weir", terms_.version}};
    return status.dump(-1, ' ', true, Json::error_handler_t::replace);
}

void Follower::send_status() {
    if (!connection_.is_open()) return;
    const std::uint64_t now_ns = runtime::monotonic_ns();
    const std::uint64_t again_ms = is_status_known_ ? terms_.status_every_ms : kStatusAgain_ms;
    if (status_sent_ns_ != 0 && now_ns - status_sent_ns_ < again_ms * kMillisecond_ns) return;
    status_sent_ns_ = now_ns;
    is_status_known_ = false;
    ++status_number_;
    connection_.publish(subject_of(status_bucket(terms_.address.bucket), terms_.address.key + "." + terms_.host),
                        fmt::format("{}.{}", inbox_, status_number_), {}, status_text());
}

void Follower::take_status_answer(const runtime::NatsConnection::Received& message) {
    if (message.status == "503") return make_status_bucket();
    if (refused_by(message.payload)) return;  // and sent again after a while
    is_status_known_ = true;
    // The host reaches the server with the new policy in force.
    if (is_trial_ && !is_confirming_ && outcome_ == Outcome::kUnconfirmed) {
        is_confirming_ = true;
        doors_.confirm();
    }
}

// Now and then: where that is not allowed, the server ends the connection.
void Follower::make_status_bucket() {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    if (bucket_made_ns_ != 0 && now_ns - bucket_made_ns_ < kMakeBucketAgain_ms * kMillisecond_ns) return;
    bucket_made_ns_ = now_ns;
    const BucketRequest request = bucket_request(status_bucket(terms_.address.bucket), 1);
    connection_.publish(request.subject, {}, {}, request.body);
    status_sent_ns_ = now_ns - (kStatusAgain_ms - 300) * kMillisecond_ns;
}

}  // namespace weir::service

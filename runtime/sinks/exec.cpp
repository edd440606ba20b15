// Tested by tests/unit/sinks/exec_test.cpp.
#include "runtime/sinks/exec.h"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

constexpr const char* kNotAllowed = "not allowed";
constexpr const char* kOptionLike = "refused: option-like value";
constexpr const char* kAbsent = "refused: no value";
constexpr const char* kTooLong = "refused: too long";
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kRound_ms = 500;  // after that deliver() returns, so that its state is seen

// Why it was lost; null: delivered.
const char* loss(const ExecAnswer& answer) {
    switch (answer.outcome) {
        case ExecOutcome::kEnded: return nullptr;
        case ExecOutcome::kTimedOut: return "timed out";
        case ExecOutcome::kNotStarted: return "not started";
        case ExecOutcome::kFailed:
        case ExecOutcome::kSignal: break;
    }
    return "failed";
}

std::string sentence(const ExecAnswer& answer, const ExecTerms& terms) {
    const std::string said = answer.text.empty() ? "" : ": " + printable(answer.text);
    switch (answer.outcome) {
        case ExecOutcome::kEnded: return "ok";
        case ExecOutcome::kFailed: return fmt::format("{} ended with status {}{}", terms.path, answer.status, said);
        case ExecOutcome::kSignal:
            return fmt::format("{} was ended by SIG{}{}", terms.path, sigabbrev_np(answer.status), said);
        case ExecOutcome::kTimedOut:
            return fmt::format("{} took more than {} ms{}", terms.path, terms.timeout_ms, said);
        case ExecOutcome::kNotStarted: break;
    }
    return printable(answer.text);
}

}  // namespace

ExecArguments exec_arguments(const std::vector<std::vector<bpf::MessagePart>>& written, const PackedEvent& event) {
    ExecArguments arguments;
    TextBuffer text;
    std::size_t bytes = 0;
    for (const auto& parts : written) {
        std::string word;
        for (const bpf::MessagePart& part : parts) {
            text.clear();
            append_part(text, event, part, TextForm::kPrintable);
            const std::string_view value = text.text();
            if (!std::holds_alternative<std::string>(part)) {
                if (value == "-") return {{}, kAbsent};
                if (value.starts_with('-')) return {{}, kOptionLike};
            }
            word += value;
        }
        bytes += word.size() + 1;
        arguments.words.push_back(std::move(word));
    }
    if (bytes > kMaxArgumentBytes || written.size() > kMaxArguments) return {{}, kTooLong};
    return arguments;
}

ExecSink::ExecSink(ExecTerms terms, std::vector<std::vector<bpf::MessagePart>> arguments, const ExecBroker* broker)
    : terms_(std::move(terms)), arguments_(std::move(arguments)), broker_(broker) {
    if (broker_ == nullptr) state_ = "programs are not allowed: start weir with --allow-exec=DIR";
}

void ExecSink::prepare() {
    if (broker_ == nullptr || !open_session()) return;
    constexpr int kFirst_ms = 1000;
    pollfd ready{session_.get(), POLLIN, 0};
    poll(&ready, 1, kFirst_ms);
    take_answers();
}

bool ExecSink::open_session() {
    if (session_) return true;
    auto opened = broker_->open_session(terms_);
    if (opened)
        session_ = std::move(*opened);
    else
        state_ = opened.error().message;
    return static_cast<bool>(opened);
}

void ExecSink::forget_session() {
    session_ = {};
    for (Began& one : began_)
        if (!one.answer && one.refused == nullptr) one.refused = "process lost";
    running_ = 0;
    state_ = "the process that runs programs has ended";
}

// The engine gave up those that had begun.
void ExecSink::forget_others(Batch& batch) {
    if (began_.empty() || batch.size() == 0 || began_.front().id == batch.id(0)) return;
    forget_session();
    began_.clear();
}

void ExecSink::begin(const PackedEvent& event, std::string_view id) {
    ExecArguments arguments = exec_arguments(arguments_, event);
    const std::uint64_t number = next_number_++;
    began_.push_back({std::string(id), {}, arguments.refused});
    if (arguments.refused != nullptr) return;
    ++running_;
    if (!send_request(session_.get(), {number, std::string(id), std::move(arguments.words)})) forget_session();
}

void ExecSink::take_answers() {
    ExecAnswer answer;
    while (session_) {
        const Answered answered = receive_answer(session_.get(), answer);
        if (answered == Answered::kNothing) return;
        if (answered == Answered::kClosed) return forget_session();
        state_ = sentence(answer, terms_);
        const std::uint64_t first = next_number_ - began_.size();
        if (answer.number < first || answer.number >= next_number_) continue;  // the session's first; never another
        Began& one = began_[answer.number - first];
        if (one.answer || one.refused != nullptr) continue;
        one.answer = answer;
        --running_;
    }
}

void ExecSink::settle(Batch& batch) {
    while (!began_.empty() && batch.size() != 0) {
        const Began& one = began_.front();
        if (!one.answer && one.refused == nullptr) return;
        const char* reason = one.refused != nullptr ? one.refused : loss(*one.answer);
        if (reason == nullptr)
            batch.delivered(1);
        else
            batch.lost(reason, 1);
        began_.pop_front();
    }
}

void ExecSink::deliver(Batch& batch) {
    if (broker_ == nullptr) return batch.lost(kNotAllowed, batch.size());
    forget_others(batch);
    const std::uint64_t until_ns = monotonic_ns() + kRound_ms * kMillisecond_ns;
    while (batch.size() != 0) {
        take_answers();
        settle(batch);
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= until_ns || !open_session()) break;
        // What has begun is at the front of the batch. Nothing more is begun when the engine ends.
        while (!batch.is_ending() && session_ && running_ < terms_.at_once && began_.size() < batch.size())
            begin(*batch.event(began_.size()), batch.id(began_.size()));
        if (batch.size() == 0 || (running_ == 0 && !batch.is_ending())) continue;
        if (running_ == 0) break;
        pollfd ready{session_.get(), POLLIN, 0};
        poll(&ready, 1, static_cast<int>((until_ns - now_ns) / kMillisecond_ns + 1));
    }
    if (running_ != 0) batch.retry_after(1);
}

}  // namespace weir::runtime

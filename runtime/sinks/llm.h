// Asks a chat endpoint what it makes of the alerts of a while: docs/http-sinks.md. What leaves the host is a digest
// (llm_digest.h); what comes back is a note for people and, at most, a proposal in a file. Nothing of it is executed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/sinks/daily_budget.h"
#include "runtime/sinks/http_client.h"
#include "runtime/sinks/llm_answer.h"
#include "runtime/sinks/llm_dialect.h"
#include "runtime/sinks/secret_header.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

struct LlmTimes {
    std::uint32_t every_ms = 60'000;  // between two calls
    std::uint32_t gather_ms = 5'000;  // from the first alert after a quiet time to the call
    std::uint32_t timeout_ms = 60'000;
    std::uint32_t first_pause_ms = 2'000;  // after a failure; doubles
    std::uint32_t breaker_ms = 60'000;     // after kBreakAfter failures in a row: one try so often
};

struct LlmOptions {
    std::string name{};  // of the sink
    std::string url{}, model{};
    std::vector<SecretHeader> headers{};
    const ChatDialect* dialect = nullptr;
    std::uint64_t calls_a_day = 0, tokens_a_day = 0;  // 0: no bound
    Addresses addresses = Addresses::kPseudonym;
    std::string budget_file{};  // empty: the budget ends with the engine
    OnTriage on_triage{};       // may be empty
    LlmTimes times{};
};

// Events are delivered once the digest that has them is answered, or equals one that was answered within a day. They
// are lost by "over budget", by "no answer" after kTries tries, and by "refused".
class Llm : public Sink {
public:
    explicit Llm(LlmOptions options);
    void deliver(Batch& batch) override;
    void reopen() override;  // asks again although the provider's money was spent
    std::string state() const override;
    std::size_t batch_size() const override { return 65'536; }
    std::uint32_t gather_ms() const override;
    // Asks at once, whatever was asked before.
    void probe(Batch& batch) override;

    static constexpr unsigned kTries = 3, kBreakAfter = 5;
    static constexpr std::uint32_t kMaxAnswerTokens = 2000;
    static constexpr std::size_t kMaxReplyBytes = 256 << 10;

private:
    void ask(Batch& batch, Digest& digest);
    std::optional<HttpRequest> request_to(const std::string& body);
    void take_reply(Batch& batch, Digest& digest, const HttpReply& reply, std::uint64_t expected_tokens);
    void take_answer(Batch& batch, Digest& digest, const Completion& completion);
    void fail(Batch& batch, const std::string& why, std::uint32_t retry_after_ms);
    std::string body_of(std::string_view user) const;
    bool is_known(const Digest& digest) const;
    void remember(const Digest& digest);

    LlmOptions options_;
    std::string origin_;
    HttpClient client_{};
    DailyBudget budget_;
    AnswerForm form_ = AnswerForm::kSchema;              // the strictest that the endpoint has not refused
    std::map<std::uint64_t, std::uint64_t> answered_{};  // hash of a digest's fingerprint -> when, CLOCK_MONOTONIC
    std::uint64_t seed_;                                 // of those hashes: nobody outside can make two digests one
    std::string state_ = "ok";
    std::uint64_t last_call_ns_ = 0, not_before_ns_ = 0;  // CLOCK_MONOTONIC; 0: never
    std::uint64_t spent_until_day_ = 0;                   // the provider has no money for us before that day
    unsigned tries_ = 0, failures_ = 0;                   // of this digest; in a row
};

}  // namespace weir::runtime

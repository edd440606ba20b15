// Follows one key of a bucket of NATS for one host: judges what lies there, has it put in force, and says what became
// of it in the bucket of statuses. It has no thread, and knows the engine by two functions. docs/fleet.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "runtime/sinks/nats_connection.h"
#include "service/nats/bucket.h"
#include "tooling/files/signed_bundle.h"

namespace weir::service {

// What became of a value. kWaiting: it is a canary's, and this host is not one of them. kUnconfirmed: in force, until
// the host has shown that it still reaches the server. kRolledBack: it did not. kReplaced: it was in force, until
// somebody on the host put another policy there.
enum class Outcome : std::uint8_t {
    kNone,
    kInForce,
    kUnconfirmed,
    kWaiting,
    kRefused,
    kRolledBack,
    kDeleted,
    kReplaced,
};
inline constexpr const char* kOutcomeNames[] = {"none",    "in force",    "unconfirmed", "waiting",
                                                "refused", "rolled back", "deleted",     "replaced"};
// Of what is in force: a value of the bucket, as the engine names it, or something else.
enum class Origin : std::uint8_t { kBucket, kElsewhere };

inline constexpr std::size_t kMaxReasonBytes = 4000;  // of a status

// A value, or what is in force.
struct Revision {
    std::uint64_t number = 0;  // of the bucket
    std::uint64_t serial = 0;  // of the release; 0: it has none
    std::string hash{};        // content_hash()
    friend bool operator==(const Revision&, const Revision&) = default;
};

struct FollowTerms {
    BucketAddress address{};
    std::string host{};  // key_part() of its name
    std::optional<tooling::PublicKey> signer{};
    std::string version{};  // of the program, for the status
    std::uint64_t status_every_ms = 60'000;
    std::uint64_t heartbeat_ms = 10'000;  // of the server; none in three times that ends the connection
};

class Follower {
public:
    // To be put in force. The answer is a call of applied(), later or at once. What is in force already, as far as the
    // follower knows, is proposed, too: is_in_force(), after a look(), says whether that is so.
    struct Proposal {
        Revision revision{};
        std::string policy{};             // the name of its file in the bundle
        std::size_t include_folders = 0;  // of the bundle
        std::uint64_t confirm_within_ms = 0;
        std::string value{};  // as it lies in the bucket
    };
    struct Doors {
        std::function<void(const Proposal&)> apply;
        std::function<void()> confirm;                                  // answered by confirmed()
        std::function<void(const Revision&, const std::string&)> keep;  // in force for good; with its value
    };
    // `kept`: what is in force already.
    Follower(FollowTerms terms, Revision kept, Doors doors);

    // Does what there is to do; never waits, but up to a second to connect. To be called where fd() is ready, and after
    // wait_ms().
    void step();
    int fd() const { return connection_.fd(); }
    bool wants_to_write() const { return connection_.unsent() != 0; }
    std::uint64_t wait_ms() const;

    // What became of the proposal: kInForce, kUnconfirmed or kRefused with the reason.
    void applied(Outcome outcome, const std::string& reason, std::uint32_t generation);
    void confirmed(bool is_confirmed, const std::string& reason);
    // What the engine has in force now: a person may have changed it.
    void look(std::uint32_t generation, Origin origin);

    const Revision& in_force() const { return in_force_; }
    bool is_in_force(const Proposal& proposal) const {
        return !is_replaced_ && proposal.revision.hash == in_force_.hash;
    }
    Outcome outcome() const { return outcome_; }
    bool is_connected() const { return connection_.is_open() && watch_ != 0; }
    const std::string& problem() const { return problem_; }  // of the connection; empty: there is none

private:
    struct Next {
        std::uint64_t revision = 0;
        std::optional<std::string> value{};  // nothing: the key was deleted
    };

    void connect();
    void lose_connection(const std::string& why);
    void take(const runtime::NatsConnection::Received& message);
    void take_watch_answer(const runtime::NatsConnection::Received& message);
    void take_status_answer(const runtime::NatsConnection::Received& message);
    void take_value(Next next);
    void judge(std::uint64_t revision, std::string value);
    void end_trial(Outcome outcome, const std::string& reason);
    void say(const Revision& of, Outcome outcome, const std::string& reason);
    void send_status();
    void make_status_bucket();
    void keep_time();
    std::string status_text() const;
    std::uint64_t jittered_ms(std::uint64_t most_ms);

    FollowTerms terms_;
    Doors doors_;
    runtime::NatsConnection connection_;
    std::minstd_rand random_;
    std::string inbox_{};
    std::uint32_t answers_ = 0, watch_ = 0;  // subscriptions
    std::uint64_t heard_ns_ = 0;             // from the watch, last
    std::uint64_t connect_at_ns_ = 0;
    std::uint64_t delay_ms_ = 0;  // before the next attempt, at most
    std::string problem_{};

    Revision in_force_;
    std::string judged_{};  // revision and hash of the value that was judged last
    std::optional<Proposal> proposed_{};
    bool is_trial_ = false;  // the proposal is in force, unconfirmed, and the status that says so is on its way
    bool is_confirming_ = false;
    bool wants_new_connection_ = false;
    std::uint64_t trial_until_ns_ = 0;
    std::optional<Next> next_{};  // came while another was being put in force

    // What the status says. Of a proposal it says nothing until it has ended, or is unconfirmed.
    Revision outcome_of_{};
    Outcome outcome_ = Outcome::kNone;
    std::string reason_{};
    std::uint32_t generation_ = 0;
    std::uint32_t ours_ = 0;            // the generation of in_force_; 0: not known yet
    bool is_replaced_ = false;          // in_force_ is not in force
    std::uint64_t status_number_ = 0;   // of the last one made
    std::uint64_t status_sent_ns_ = 0;  // 0: the last one is to be sent
    bool is_status_known_ = false;      // the server has acknowledged it
    std::uint64_t bucket_made_ns_ = 0;  // when it was last tried; 0: never
};

}  // namespace weir::service

// Key-value buckets of NATS JetStream, as they are on the wire: a bucket is the stream KV_BUCKET, a key the subject
// $KV.BUCKET.KEY. https://docs.nats.io/nats-concepts/jetstream/key-value-store, ADR-8 of nats-architecture-and-design
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/sinks/nats_connection.h"

namespace weir::service {

// "nats://[USER:PASSWORD@]HOST[:PORT]/BUCKET/KEY", or tls://.
struct BucketAddress {
    runtime::NatsServer server{};
    std::string bucket{};
    std::string key{};    // empty: the whole bucket
    std::string shown{};  // without secrets
};
enum class KeyPart : std::uint8_t { kNeeded, kNone };
bool is_nats_url(std::string_view text);
// Errors never quote what may be a password.
Result<BucketAddress> bucket_address(const std::string& url, KeyPart part);
// With the credentials in `file`, as `nsc` writes them; its name empty: without. Errors quote nothing of it.
Status log_in_with(runtime::NatsServer& server, const std::string& file);
// Where the hosts that follow `bucket` say how they are, under KEY.HOST.
std::string status_bucket(const std::string& bucket);
// A host's name as a part of a key: other bytes become `_`.
std::string key_part(std::string_view host);

std::string stream_of(const std::string& bucket);
std::string subject_of(const std::string& bucket, const std::string& key);
// Subject and body of a request for a consumer that sends the last value of each key (`key` may end with `>`), then
// what comes, to `inbox`. `heartbeat_ns` 0: none.
struct BucketRequest {
    std::string subject, body;
};
BucketRequest watch_request(const std::string& bucket, const std::string& key, const std::string& inbox,
                            std::uint64_t heartbeat_ns);
// The same for the bucket itself. `history`: values of a key that are kept.
BucketRequest bucket_request(const std::string& bucket, int history);
// Of a message that a consumer sent.
struct Delivered {
    std::uint64_t revision = 0;  // of the value in its bucket
    std::uint64_t left = 0;      // messages behind this one
    bool is_deleted = false;     // the key was deleted: there is no value
    std::int64_t put_s = 0;      // when, since 1970, by the server's clock
};
std::optional<Delivered> delivered(const runtime::NatsConnection::Received& message);
// Subjects of this process alone: "_INBOX.…".
std::string new_inbox();
// What JetStream says went wrong; empty where nothing did. `answer`: its JSON.
struct Refused {
    int code = 0;  // err_code
    std::string description{};
};
std::optional<Refused> refused_by(std::string_view answer);
inline constexpr int kWrongRevision = 10071;
inline constexpr int kNoStream = 10059;

// For a command: each call waits for its answer.
class BucketClient {
public:
    struct Entry {
        std::string key{}, value{};
        std::uint64_t revision = 0;
        std::int64_t put_s = 0, listed_s = 0;  // since 1970, both by the server's clock
        std::int64_t age_s() const { return listed_s > put_s ? listed_s - put_s : 0; }
    };
    static Result<BucketClient> connect(const BucketAddress& address);

    // Makes it where it is missing. `history`: values of a key that are kept.
    Status make(const std::string& bucket, int history);
    // Keys that match `key`, which may end with ">"; deleted ones are left out. Empty where there is no bucket.
    Result<std::vector<Entry>> list(const std::string& bucket, const std::string& key);
    Result<std::optional<Entry>> get(const std::string& bucket, const std::string& key);
    // Only where the key's last revision is `expected`, 0: it has none. The new revision; an error ESTALE where another
    // came first.
    Result<std::uint64_t> put(const std::string& bucket, const std::string& key, std::string_view value,
                              std::uint64_t expected);
    std::size_t max_value_bytes() const { return connection_->max_payload(); }

private:
    BucketClient(std::string shown, std::unique_ptr<runtime::NatsConnection> connection);
    Result<std::string> ask(const std::string& subject, std::string_view headers, std::string_view body);
    Result<std::vector<Entry>> list_to(const std::string& inbox, const std::string& bucket, const std::string& key);
    Status wait(std::uint64_t until_ns);

    std::string shown_;
    std::unique_ptr<runtime::NatsConnection> connection_;
    std::string inbox_;
    std::uint32_t listing_ = 0;  // the subscription of list()
    std::optional<std::string> answer_{};
    std::string answer_status_{};
    std::vector<Entry> entries_{};
    std::uint64_t revision_of_last_ = 0;  // of a key that was asked for, deleted or not
    bool is_last_ = false;
    std::uint64_t next_ = 1;
};

}  // namespace weir::service

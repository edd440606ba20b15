// Tested by tests/fleet/push_test.py with `push`.
#include "service/nats/bucket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "tooling/files/bundle.h"
#include "tooling/files/read.h"

namespace weir::service {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMillisecond_ns = 1'000'000, kSecond_ns = 1000 * kMillisecond_ns;
constexpr std::uint64_t kConnect_ms = 5000, kAnswer_ms = 10'000;
// nats-server takes a longer record and never finds it again: rlBadThresh of its server/filestore.go.
constexpr std::size_t kMaxStoredBytes = (std::size_t{32} << 20) - 4096;
constexpr std::size_t kMaxMessageBytes = tooling::kMaxBundleBytes + (1 << 20);  // and its headers

bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string text_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Of "2026-01-02T03:04:05.678Z", since 1970; that of this host's clock where it is none.
std::int64_t seconds_of(const std::string& time) {
    std::tm parts{};
    return strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr ? std::time(nullptr) : timegm(&parts);
}

Error failed(const std::string& shown, const std::string& why) { return {printable(shown + ": " + why), {}, EIO}; }

}  // namespace

bool is_nats_url(std::string_view text) { return text.starts_with("nats://") || text.starts_with("tls://"); }

Result<BucketAddress> bucket_address(const std::string& url, KeyPart part) {
    const bool wants_key = part == KeyPart::kNeeded;
    const Error wrong{
        wants_key ? "this is no address of a key in a bucket of NATS" : "this is no address of a bucket of NATS",
        wants_key ? "nats://HOST:4222/BUCKET/KEY; names have letters, digits, `-` and `_`"
                  : "nats://HOST:4222/BUCKET; names have letters, digits, `-` and `_`",
        EINVAL};
    if (!is_nats_url(url)) return wrong;
    BucketAddress address;
    const std::size_t at = url.rfind('@'), host = at == std::string::npos ? url.find("://") + 3 : at + 1;
    const std::size_t slash = url.find('/', host);
    if (slash == std::string::npos || slash == host) return wrong;
    const std::string_view path = std::string_view(url).substr(slash + 1);
    const std::size_t second = path.find('/');
    address.bucket = path.substr(0, second);
    address.key = second == std::string_view::npos ? std::string_view() : path.substr(second + 1);
    if (!is_word(address.bucket) || (wants_key ? !is_word(address.key) : second != std::string_view::npos))
        return wrong;
    address.server = runtime::nats_server(url.substr(0, slash));
    address.shown = address.server.shown + url.substr(slash);
    if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr) address.server.authorities = file;
    return address;
}

Status log_in_with(runtime::NatsServer& server, const std::string& file) {
    if (file.empty()) return Done{};
    const auto text = tooling::read_file(file);
    if (!text) return text.error();
    if (Status taken = runtime::take_credentials(server, *text); !taken)
        return Error{file + ": " + taken.error().message, taken.error().help, EINVAL};
    return Done{};
}

std::string status_bucket(const std::string& bucket) { return bucket + "-status"; }

std::string key_part(std::string_view host) {
    std::string part(host.substr(0, 128));
    for (char& c : part)
        if (!is_word({&c, 1}) && c != '.') c = '_';
    while (part.starts_with('.')) part.erase(0, 1);
    while (part.ends_with('.')) part.pop_back();
    for (std::size_t twice; (twice = part.find("..")) != std::string::npos;) part.erase(twice, 1);
    return part.empty() ? "_" : part;
}

std::string stream_of(const std::string& bucket) { return "KV_" + bucket; }
std::string subject_of(const std::string& bucket, const std::string& key) {
    return fmt::format("$KV.{}.{}", bucket, key);
}

BucketRequest watch_request(const std::string& bucket, const std::string& key, const std::string& inbox,
                            std::uint64_t heartbeat_ns) {
    json config = {{"deliver_subject", inbox},
                   {"deliver_policy", "last_per_subject"},
                   {"filter_subject", subject_of(bucket, key)},
                   {"ack_policy", "none"},
                   {"max_deliver", 1},
                   {"replay_policy", "instant"},
                   {"inactive_threshold", 5 * kSecond_ns},
                   {"num_replicas", 1},
                   {"mem_storage", true}};
    if (heartbeat_ns != 0) config["idle_heartbeat"] = heartbeat_ns;
    return {"$JS.API.CONSUMER.CREATE." + stream_of(bucket),
            json{{"stream_name", stream_of(bucket)}, {"config", std::move(config)}}.dump()};
}

BucketRequest bucket_request(const std::string& bucket, int history) {
    const std::string stream = stream_of(bucket);
    const json config = {{"name", stream},
                         {"subjects", {fmt::format("$KV.{}.>", bucket)}},
                         {"max_msgs_per_subject", history},
                         {"retention", "limits"},
                         {"discard", "new"},
                         {"storage", "file"},
                         {"num_replicas", 1},
                         {"max_msgs", -1},
                         {"max_bytes", -1},
                         {"max_age", 0},
                         {"max_msg_size", -1},
                         {"max_consumers", -1},
                         {"duplicate_window", 120 * kSecond_ns},
                         {"deny_delete", true},
                         {"allow_rollup_hdrs", true},
                         {"allow_direct", true}};
    return {"$JS.API.STREAM.CREATE." + stream, config.dump()};
}

// $JS.ACK.STREAM.CONSUMER.TIMES.REVISION.NUMBER.TIME.LEFT, or with domain and account behind ACK.
std::optional<Delivered> delivered(const runtime::NatsConnection::Received& message) {
    std::vector<std::string_view> parts;
    for (std::string_view rest = message.reply; !rest.empty();) {
        const std::size_t dot = rest.find('.');
        parts.push_back(rest.substr(0, dot));
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    }
    if (parts.size() < 9 || parts[0] != "$JS" || parts[1] != "ACK") return std::nullopt;
    const std::size_t behind = parts.size() >= 11 ? 2 : 0;
    Delivered facts{number(parts[5 + behind]), number(parts[8 + behind]), false,
                    static_cast<std::int64_t>(number(parts[7 + behind]) / kSecond_ns)};
    facts.is_deleted = message.headers.find("KV-Operation: ") != std::string_view::npos;
    return facts;
}

std::string new_inbox() {
    std::random_device random;
    return fmt::format("_INBOX.weir{:08x}{:08x}{:08x}", random(), random(), random());
}

std::optional<Refused> refused_by(std::string_view answer) {
    const json said = json::parse(answer, nullptr, false);
    if (!said.is_object()) return Refused{0, "what answers is not JetStream"};
    const auto error = said.find("error");
    if (error == said.end() || !error->is_object()) return std::nullopt;
    const auto code = error->find("err_code");
    return Refused{code != error->end() && code->is_number_integer() ? code->get<int>() : 0,
                   text_of(*error, "description")};
}

BucketClient::BucketClient(std::string shown, std::unique_ptr<runtime::NatsConnection> connection)
    : shown_(std::move(shown)), connection_(std::move(connection)), inbox_(new_inbox()) {}

Result<BucketClient> BucketClient::connect(const BucketAddress& address) {
    BucketClient client(address.server.shown,
                        std::make_unique<runtime::NatsConnection>(address.server, kMaxMessageBytes));
    if (Status connected = client.connection_->connect(kConnect_ms, -1); !connected)
        return failed(client.shown_, connected.error().message);
    client.connection_->subscribe(client.inbox_ + ".*");
    return client;
}

// Until the answer, or the last entry, is there.
Status BucketClient::wait(std::uint64_t until_ns) {
    const std::string answers = fmt::format("{}.{}", inbox_, next_);
    const auto take = [&](const runtime::NatsConnection::Received& message) {
        if (message.subject == answers) {
            answer_ = std::string(message.payload);
            answer_status_ = message.status;
        }
        const auto facts = message.subscription == listing_ ? delivered(message) : std::nullopt;
        if (!facts) return;
        is_last_ = facts->left == 0;
        revision_of_last_ = facts->revision;
        if (facts->is_deleted) return;
        const std::size_t bucket_end = message.subject.find('.', 4);  // "$KV.BUCKET.KEY"
        entries_.push_back({std::string(message.subject.substr(std::min(bucket_end + 1, message.subject.size()))),
                            std::string(message.payload), facts->revision, facts->put_s, 0});
    };
    const bool wants_answer = !answer_;
    while (wants_answer ? !answer_ : !is_last_) {
        const std::uint64_t now_ns = runtime::monotonic_ns();
        if (now_ns >= until_ns) return failed(shown_, "the server does not answer");
        const Status done = connection_->exchange((until_ns - now_ns) / kMillisecond_ns + 1, -1, take);
        if (!done) return failed(shown_, done.error().message);
    }
    return Done{};
}

Result<std::string> BucketClient::ask(const std::string& subject, std::string_view headers, std::string_view body) {
    ++next_;
    answer_.reset();
    answer_status_.clear();
    entries_.clear();
    is_last_ = false;
    revision_of_last_ = 0;
    connection_->publish(subject, fmt::format("{}.{}", inbox_, next_), headers, body);
    if (Status answered = wait(runtime::monotonic_ns() + kAnswer_ms * kMillisecond_ns); !answered)
        return answered.error();
    if (answer_status_ == "503") return failed(shown_, "the server has no JetStream, or not for this account");
    return *answer_;
}

Status BucketClient::make(const std::string& bucket, int history) {
    const std::string stream = stream_of(bucket);
    const auto known = ask("$JS.API.STREAM.INFO." + stream, {}, {});
    if (!known) return known.error();
    if (!refused_by(*known)) return Done{};
    const BucketRequest request = bucket_request(bucket, history);
    const auto made = ask(request.subject, {}, request.body);
    if (!made) return made.error();
    if (const auto refused = refused_by(*made))
        return failed(shown_, fmt::format("bucket {} cannot be made: {}", bucket, refused->description));
    return Done{};
}

Result<std::vector<BucketClient::Entry>> BucketClient::list(const std::string& bucket, const std::string& key) {
    // Without interest in its inbox the server drops the consumer.
    const std::string inbox = new_inbox();
    listing_ = connection_->subscribe(inbox);
    auto entries = list_to(inbox, bucket, key);
    connection_->unsubscribe(std::exchange(listing_, 0));
    return entries;
}

Result<std::vector<BucketClient::Entry>> BucketClient::list_to(const std::string& inbox, const std::string& bucket,
                                                               const std::string& key) {
    const BucketRequest request = watch_request(bucket, key, inbox, 0);
    const auto made = ask(request.subject, {}, request.body);
    if (!made) return made.error();
    if (const auto refused = refused_by(*made)) {
        if (refused->code == kNoStream) return std::vector<Entry>();
        return failed(shown_, fmt::format("bucket {}: {}", bucket, refused->description));
    }
    const json facts = json::parse(*made, nullptr, false);
    const auto waiting = facts.find("num_pending");
    const bool has_any = waiting != facts.end() && waiting->is_number_unsigned() && waiting->get<std::uint64_t>() != 0;
    if (has_any)
        if (Status got = wait(runtime::monotonic_ns() + kAnswer_ms * kMillisecond_ns); !got) return got.error();
    // The consumer was made now, by the same clock that the values were put by.
    const std::int64_t now_s = seconds_of(text_of(facts, "created"));
    for (Entry& entry : entries_) entry.listed_s = now_s;
    return std::exchange(entries_, {});
}

Result<std::optional<BucketClient::Entry>> BucketClient::get(const std::string& bucket, const std::string& key) {
    auto entries = list(bucket, key);
    if (!entries) return entries.error();
    if (!entries->empty()) return std::optional<Entry>(std::move(entries->back()));
    if (revision_of_last_ == 0) return std::optional<Entry>();
    return std::optional<Entry>(Entry{key, {}, revision_of_last_, 0, 0});  // deleted
}

Result<std::uint64_t> BucketClient::put(const std::string& bucket, const std::string& key, std::string_view value,
                                        std::uint64_t expected) {
    if (value.size() + 1024 > connection_->max_payload())
        return Error{
            fmt::format("the value has {} bytes; {} takes {}", value.size(), shown_, connection_->max_payload()),
            "max_payload in the server's configuration, up to 64MB", EFBIG};
    if (value.size() > kMaxStoredBytes)
        return Error{fmt::format("the value has {} bytes; nats-server keeps {} at most", value.size(), kMaxStoredBytes),
                     "smaller set files, or captures, of the policy's tests", EFBIG};
    const auto answer =
        ask(subject_of(bucket, key), fmt::format("Nats-Expected-Last-Subject-Sequence: {}\r\n", expected), value);
    if (!answer) return answer.error();
    if (const auto refused = refused_by(*answer)) {
        if (refused->code == kWrongRevision)
            return Error{fmt::format("somebody else has put {}/{} meanwhile; nothing was changed", bucket, key),
                         "look at what is there now, then push again", ESTALE};
        return failed(shown_, fmt::format("{}/{}: {}", bucket, key, refused->description));
    }
    const json said = json::parse(*answer, nullptr, false);
    const auto revision = said.find("seq");
    if (revision == said.end() || !revision->is_number_unsigned())
        return failed(shown_, "what answers is not JetStream");
    return revision->get<std::uint64_t>();
}

}  // namespace weir::service

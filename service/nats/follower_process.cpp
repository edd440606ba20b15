// Tested by tests/fleet/follow_test.py with `nats://`.
#include "service/nats/follower_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "runtime/memory_file.h"
#include "service/bundle_files.h"
#include "service/command_codec.h"
#include "service/confine.h"
#include "service/message_socket.h"
#include "tooling/files/read.h"

namespace weir::service {
namespace {

constexpr const char* kArgument = "policy-follower";

// Of a follower that was taken over, too: what it hands over is verified where it is compiled.
bool may_give(const Command& command) {
    if (const auto* reload = std::get_if<ReloadCommand>(&command))
        return reload->from == "bundle" && !reload->no_tests && !reload->shadow && reload->samples.empty();
    return std::holds_alternative<StatusCommand>(command) || std::holds_alternative<ConfirmCommand>(command);
}

// ---- settings, from the engine to the process ----

struct Settings {
    std::string url{}, jwt{}, seed{}, authorities{}, host{}, version{};
    std::optional<tooling::PublicKey> signer{};
};

std::string to_text(const Settings& settings) {
    runtime::ByteWriter out;
    for (const std::string* text :
         {&settings.url, &settings.jwt, &settings.seed, &settings.authorities, &settings.host, &settings.version})
        out.put(*text);
    out.put(settings.signer.has_value());
    if (settings.signer) out.put(*settings.signer);
    return {reinterpret_cast<const char*>(out.bytes().data()), out.bytes().size()};
}

Settings settings_from(const std::string& text) {
    runtime::ByteReader in({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    Settings settings;
    for (std::string* one :
         {&settings.url, &settings.jwt, &settings.seed, &settings.authorities, &settings.host, &settings.version})
        *one = in.text();
    if (in.get<bool>()) settings.signer = in.get<tooling::PublicKey>();
    return settings;
}

// ---- the channel ----

// The engine's answers, one at a time.
class Channel {
public:
    explicit Channel(runtime::UniqueFd socket) : socket_(std::move(socket)) {
        fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
    }
    int fd() const { return socket_.get(); }

    // False where the engine is gone.
    bool send(const Command& command, int attached = -1) {
        const std::string line = encode(command) + "\n";
        // One request at a time, of some hundred bytes: the socket has room for it.
        return send_some(socket_.get(), line, attached) == static_cast<ssize_t>(line.size());
    }
    // False where the engine is gone.
    bool read() {
        char buffer[64 << 10];
        for (;;) {
            const ssize_t got = recv(socket_.get(), buffer, sizeof(buffer), 0);
            if (got == 0) return false;
            if (got < 0) return errno == EAGAIN || errno == EINTR;
            in_.append(buffer, static_cast<std::size_t>(got));
        }
    }
    std::optional<std::string> line() {
        const std::size_t end = in_.find('\n');
        if (end == std::string::npos) return std::nullopt;
        std::string one = in_.substr(0, end);
        in_.erase(0, end + 1);
        return one;
    }

private:
    runtime::UniqueFd socket_;
    std::string in_{};
};

// What the author of the policy reads: its diagnostics are of files of the bundle only.
std::string reason_of(const Refusal& refusal) {
    std::string reason = refusal.error;
    if (!refusal.diagnostics.empty()) reason += "\n" + refusal.diagnostics;
    if (!refusal.help.empty()) reason += "\n" + refusal.help;
    return reason;
}

// ---- the process ----

constexpr std::uint64_t kAskAgain_ns = 50'000'000;  // where the engine starts
constexpr std::uint64_t kLook_ns = 10'000'000'000;  // at what is in force

class Process {
public:
    Process(const Settings& settings, BucketAddress address, SideEnds ends, std::vector<std::string> lacks)
        : where_{address.bucket, address.key, settings.signer},
          ends_(std::move(ends)),
          lacks_(std::move(lacks)),
          kept_(KeptValue::Files{std::move(ends_.given[0]), std::move(ends_.given[1])}),
          channel_(std::move(ends_.channels.front())),
          follower_(
              {std::move(address), settings.host, settings.signer, settings.version}, in_force(),
              {[this](const Follower::Proposal& proposal) { apply(proposal); }, [this] { wants_confirmation_ = true; },
               [this](const Revision& revision, const std::string& value) { keep(revision, value); }}) {}

    int run() {
        for (;;) {
            follower_.step();
            if (!ask_next()) return 0;
            report();
            const short events = static_cast<short>(follower_.wants_to_write() ? POLLIN | POLLOUT : POLLIN);
            pollfd ready[] = {{follower_.fd(), events, 0}, {channel_.fd(), POLLIN, 0}, {ends_.report.get(), 0, 0}};
            const std::uint64_t wait_ms = proposed_ && asked_ == Asked::kNothing ? 20 : follower_.wait_ms();
            poll(ready, std::size(ready), static_cast<int>(std::min<std::uint64_t>(wait_ms, 1000)));
            if (ready[2].revents != 0 || (ready[1].revents != 0 && !channel_.read())) return 0;
            while (auto line = channel_.line()) take(*line);
        }
    }

private:
    Revision in_force() const {
        const auto kept = kept_.read();
        return kept && tooling::read_value(kept->bytes, where_) ? kept->revision : Revision{};
    }

    void apply(const Follower::Proposal& proposal) {
        proposed_ = &proposal;
        has_seen_ = false;
        ask_at_ns_ = 0;
    }
    // One request at a time. False where the engine is gone.
    bool ask_next() {
        const std::uint64_t now_ns = runtime::monotonic_ns();
        if (asked_ != Asked::kNothing) return true;
        if (wants_confirmation_) {
            wants_confirmation_ = false;
            asked_ = Asked::kConfirm;
            return channel_.send(ConfirmCommand{});
        }
        // What seems to be in force is looked at before it is put there once more.
        const bool is_to_be_seen = proposed_ != nullptr && !has_seen_ && follower_.is_in_force(*proposed_);
        if (proposed_ != nullptr && !is_to_be_seen) return now_ns < ask_at_ns_ || ask_reload();
        if (now_ns < (proposed_ != nullptr ? ask_at_ns_ : look_at_ns_)) return true;
        asked_ = Asked::kStatus;
        return channel_.send(StatusCommand{});
    }
    bool ask_reload() {
        auto memory = runtime::make_memory_file("weir-value", proposed_->value);
        if (!memory) {
            end(Outcome::kRefused, memory.error().message, 0);
            return true;
        }
        ReloadCommand command;
        command.from = "bundle";
        command.file = path_in_bundle(where_, proposed_->policy);
        command.include = include_dirs_of_bundle(where_, proposed_->include_folders);
        command.confirm_within_ms = proposed_->confirm_within_ms;
        const int value = (*memory).get();
        command.text = std::move(*memory);
        asked_ = Asked::kReload;
        return channel_.send(Command(std::move(command)), value);
    }
    void keep(const Revision& revision, const std::string& value) {
        const Status written = kept_.write(revision, value);
        problem_ = written ? "" : written.error().message;
    }
    void end(Outcome outcome, const std::string& reason, std::uint32_t generation) {
        proposed_ = nullptr;
        follower_.applied(outcome, reason, generation);
    }

    void take(const std::string& line) {
        const Asked asked = std::exchange(asked_, Asked::kNothing);
        auto reply = decode_reply(line, asked == Asked::kConfirm  ? Command(ConfirmCommand{})
                                        : asked == Asked::kStatus ? Command(StatusCommand{})
                                                                  : Command(ReloadCommand{}));
        const Refusal* refusal = reply ? std::get_if<Refusal>(&*reply) : nullptr;
        const std::string reason = !reply ? reply.error().message : refusal != nullptr ? reason_of(*refusal) : "";
        if (asked == Asked::kConfirm) return follower_.confirmed(reason.empty(), reason);
        if (asked == Asked::kStatus) return take_status(reply);
        if (refusal != nullptr && refusal->error == kStarting) {
            ask_at_ns_ = runtime::monotonic_ns() + kAskAgain_ns;
            return;
        }
        const auto* done = reply ? std::get_if<ReloadReply>(&*reply) : nullptr;
        if (done == nullptr) return end(Outcome::kRefused, reason, 0);
        const auto* committed = std::get_if<Committed>(&done->outcome);
        const bool is_trial = committed != nullptr && committed->confirm_within_ms.has_value();
        end(is_trial ? Outcome::kUnconfirmed : Outcome::kInForce, "", done->generation);
    }
    // A person may have changed what is in force.
    void take_status(const Result<Reply>& reply) {
        const auto* status = reply ? std::get_if<StatusReply>(&*reply) : nullptr;
        look_at_ns_ = runtime::monotonic_ns() + (status != nullptr ? kLook_ns : kAskAgain_ns);
        ask_at_ns_ = status != nullptr ? 0 : look_at_ns_;
        if (status == nullptr) return;
        const auto& now = status->engine.in_force;
        follower_.look(now.generation,
                       is_path_in_bundle(where_, now.origin.file) ? Origin::kBucket : Origin::kElsewhere);
        has_seen_ = true;
        if (proposed_ != nullptr && follower_.is_in_force(*proposed_)) end(Outcome::kInForce, "", now.generation);
    }

    // For `weir status`.
    void report() {
        const std::string state = !follower_.problem().empty() ? follower_.problem()
                                  : !problem_.empty()          ? problem_
                                  : follower_.is_connected()   ? "ok"
                                                               : kConnecting;
        SideReport now{
            state, {}, lacks_, {{"revision", follower_.in_force().number}, {"serial", follower_.in_force().serial}}};
        const std::string text = encode(now);
        if (text == said_) return;
        said_ = text;
        static_cast<void>(send_report(ends_.report, now));
    }

    tooling::Expected where_;
    SideEnds ends_;
    std::vector<std::string> lacks_;
    KeptValue kept_;
    Channel channel_;
    const Follower::Proposal* proposed_ = nullptr;  // that the engine has not answered yet
    enum class Asked : std::uint8_t { kNothing, kReload, kConfirm, kStatus };
    Asked asked_ = Asked::kNothing;
    bool has_seen_ = false;  // what is in force, since the proposal came
    bool wants_confirmation_ = false;
    std::uint64_t ask_at_ns_ = 0, look_at_ns_ = 0;
    std::string problem_{}, said_{};
    Follower follower_;
};

}  // namespace

Result<Following> prepare_following(const FollowOptions& options) {
    auto address = bucket_address(options.url, KeyPart::kNeeded);
    if (!address) return address.error();
    Settings settings{options.url, {}, {}, address->server.authorities, options.host, options.version, {}};
    if (settings.host.empty()) {
        char name[HOST_NAME_MAX + 1] = {};
        if (gethostname(name, sizeof(name) - 1) != 0) return runtime::kernel_error(errno, "asking for the host's name");
        settings.host = name;
    }
    settings.host = key_part(settings.host);
    if (!options.public_key_file.empty()) {
        const auto text = tooling::read_file(options.public_key_file);
        if (!text) return text.error();
        const auto key = tooling::public_key_from_pem(*text);
        if (!key) return Error{options.public_key_file + ": " + key.error().message, key.error().help, EINVAL};
        settings.signer = *key;
    }
    if (Status known = log_in_with(address->server, options.credentials_file); !known) return known.error();
    settings.jwt = address->server.jwt;
    settings.seed = address->server.seed;
    auto kept = KeptValue::open(options.state_folder + "/nats");
    if (!kept) return kept.error();
    Following following{{}, {}, {}, std::move(*kept), {}};
    following.shown = address->shown;
    following.expected = {address->bucket, address->key, settings.signer};
    following.kept = following.files.read();
    // One that this host does not believe any more: its key has changed, or it follows another bucket.
    if (following.kept && !tooling::read_value(following.kept->bytes, following.expected)) following.kept.reset();
    following.process.argument = kArgument;
    following.process.name = "the policy follower";
    following.process.addresses = {following.shown};
    following.process.settings = to_text(settings);
    following.process.may_give = may_give;
    for (const runtime::UniqueFd& file : following.files.files())
        following.process.given.push_back(runtime::duplicate(file.get()));
    return following;
}

int live_as_follower(SideEnds ends) {
    if (ends.given.size() != 2 || ends.channels.size() != 1) return kUsage;
    const Settings settings = settings_from(ends.settings);
    auto address = bucket_address(settings.url, KeyPart::kNeeded);
    if (!address) return kUsage;
    address->server.jwt = settings.jwt;
    address->server.seed = settings.seed;
    address->server.authorities = settings.authorities;
    go_before_engine();
    std::vector<std::string> lacks = confine_follower(ends.engine);
    return Process(settings, std::move(*address), std::move(ends), std::move(lacks)).run();
}

}  // namespace weir::service

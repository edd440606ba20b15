// weir push: a policy for the hosts that follow a bucket of NATS.
// Tested by tests/fleet/push_test.py with `"push"`.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "runtime/kernel.h"
#include "service/duration.h"
#include "service/nats/bucket.h"
#include "service/nats/fleet.h"
#include "tooling/files/signed_bundle.h"
#include "tooling/judge/change_report.h"
#include "tooling/judge/own_tests.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostChanges = 20;  // classes of packets that are shown
constexpr int kHistory = 8;               // values of a key that the bucket keeps
constexpr std::uint64_t kTests_ms = 60'000;

struct PushArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::string to{};
    std::string signing_key{};
    std::string credentials{};
    std::string new_key{};
    std::string canary{};
    std::string confirm_within{};
    std::string wait = "60s";
    bool dry_run = false;
};

// "10%", "2.5%"; nothing where it is none. In 10,000ths.
std::optional<std::uint32_t> parse_percent(const std::string& text) {
    char* end = nullptr;
    const double percent = std::strtod(text.c_str(), &end);
    const std::string_view rest = end;
    if (end == text.c_str() || (!rest.empty() && rest != "%") || !(percent >= 0.01) || percent > 100)
        return std::nullopt;
    return static_cast<std::uint32_t>(percent * 100 + 0.5);
}

// A file that was not there before.
Status write_new(const std::string& path, const std::string& text, mode_t mode) {
    const runtime::UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file) return runtime::kernel_error(errno, "writing " + path);
    const bool is_written = write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (is_written && fsync(file.get()) == 0) return Done{};
    const int problem = is_written ? errno : ENOSPC;
    unlink(path.c_str());
    return runtime::kernel_error(problem, "writing " + path);
}

int make_key(const std::string& path) {
    const auto key = tooling::SigningKey::generate();
    if (!key) return say_error(key.error());
    const std::string shown = path + ".pub";
    if (Status written = write_new(shown, tooling::to_pem(key->public_key()), 0644); !written)
        return say_error(written.error());
    if (Status written = write_new(path, key->pem(), 0600); !written) {
        unlink(shown.c_str());  // both or none
        return say_error(written.error());
    }
    put("{} signs: weir push FILE --to nats://… --signing-key {}\n{} is for the hosts: weir run nats://… "
        "--public-key {}\n",
        printable(path), printable(path), printable(shown), printable(shown));
    return kOk;
}

Result<std::optional<tooling::SigningKey>> read_signing_key(const std::string& path) {
    if (path.empty()) return std::optional<tooling::SigningKey>();
    struct stat facts{};
    if (stat(path.c_str(), &facts) != 0) return runtime::kernel_error(errno, "reading " + path);
    if ((facts.st_mode & 077) != 0)
        return Error{fmt::format("{} can be read by others than its owner", path), "chmod 600 " + path, EPERM};
    const auto text = tooling::read_file(path);
    if (!text) return text.error();
    auto key = tooling::SigningKey::from_pem(*text);
    if (!key) return Error{fmt::format("{}: {}", path, key.error().message), key.error().help, EINVAL};
    return std::optional<tooling::SigningKey>(std::move(*key));
}

// Checked and tested, as an engine does it before it puts a policy in force. Nothing where it is refused.
std::optional<tooling::Bundle> checked(const PushArguments& arguments, int& status) {
    PolicyFiles files(arguments.options);
    const tooling::LoadedPolicy& loaded = files.load(arguments.file, tooling::Depth::kMeaning);
    files.write_sarif();
    status = loaded.status;
    if (!loaded.compiled) return std::nullopt;
    const auto tests = tooling::run_own_tests(loaded, tooling::Capture::open_regular, kTests_ms);
    if (!tests) return status = say_error(tests.error()), std::nullopt;
    if (!tests->failed.empty()) {
        std::fputs(render(*tests, loaded, arguments.options.format).c_str(), stderr);
        return status = kPolicyFault, std::nullopt;
    }
    say_note(fmt::format("{} passes its tests: {}", arguments.file, tests->tests));
    auto collected = tooling::collect(arguments.file, arguments.options);
    if (!collected) return status = say_error(collected.error()), std::nullopt;
    return std::move(collected->bundle);
}

struct There {
    std::uint64_t revision = 0;  // 0: nothing
    std::optional<tooling::Bundle> bundle{};
};

// What is there now, and what would change.
There compare(const service::BucketAddress& address, const std::optional<service::BucketClient::Entry>& entry,
              const tooling::Bundle& bundle, const tooling::PolicyOptions& options) {
    if (!entry || entry->value.empty()) {
        say_note(fmt::format("{} has no value yet", address.shown));
        return {entry ? entry->revision : 0, {}};
    }
    There there{entry->revision, {}};
    auto read = tooling::read_value(entry->value, {address.bucket, address.key, {}});
    if (!read) {
        say_note(fmt::format("revision {} is not compared: {}", entry->revision, read.error().message));
        return there;
    }
    there.bundle = std::move(*read);
    const tooling::LoadedPolicy before = tooling::analyse_bundle(*there.bundle, options),
                                after = tooling::analyse_bundle(bundle, options);
    if (!before.compiled || !after.compiled) {
        say_note(fmt::format("revision {} is not compared: it is not a policy of this version", entry->revision));
        return there;
    }
    Progress progress("comparing with revision " + fmt::to_string(entry->revision));
    const tooling::PolicyChanges changes = tooling::compare_policies(*before.compiled, *after.compiled, kMostChanges);
    progress.finish();
    if (is_quiet() || options.format != "human") return there;
    put("against revision {}:\n{}", entry->revision,
        tooling::human_text(changes, kMostChanges, colour_of(STDOUT_FILENO)));
    return there;
}

// Above those that were, and above those of a bucket that was deleted meanwhile, or whose last value is somebody
// else's: in milliseconds, since two pushes may come in one second.
std::uint64_t next_serial(std::uint64_t last) {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
    return std::max(last + 1, static_cast<std::uint64_t>(std::max<decltype(now_ms)>(now_ms, 1)));
}

std::string listed(const std::vector<std::string>& hosts) {
    return printable(fmt::format("{}", fmt::join(hosts, ", ")));
}

class Push {
public:
    Push(const PushArguments& arguments, service::BucketAddress address, service::BucketClient client,
         std::optional<tooling::SigningKey> key)
        : arguments_(arguments), address_(std::move(address)), client_(std::move(client)), key_(std::move(key)) {}

    int run(tooling::Bundle bundle) {
        for (const std::string& bucket : {address_.bucket, service::status_bucket(address_.bucket)})
            if (arguments_.dry_run)
                break;
            else if (Status made = client_.make(bucket, bucket == address_.bucket ? kHistory : 1); !made)
                return say_error(made.error());
        const auto entry = client_.get(address_.bucket, address_.key);
        if (!entry) return say_error(entry.error());
        const There there = compare(address_, *entry, bundle, arguments_.options);
        revision_ = there.revision;
        hash_ = tooling::content_hash(bundle);
        if (arguments_.dry_run) {
            put("nothing was pushed; sha256 {}\n", hash_);
            return kOk;
        }
        const bool is_plain = !key_ && arguments_.canary.empty() && arguments_.confirm_within.empty() &&
                              bundle.files.size() == 1 && !(there.bundle && there.bundle->release);
        if (is_plain) return put_value(bundle.files.front().bytes) ? done(0) : kWorldFault;
        bundle.release = tooling::Release{address_.bucket, address_.key, next_serial(last_serial(there))};
        if (!arguments_.confirm_within.empty())
            bundle.release->confirm_within_ms = *service::parse_duration_ms(arguments_.confirm_within);
        if (!arguments_.canary.empty())
            if (const int status = first_some(bundle); status != kOk) return status;
        return put_release(bundle) ? done(bundle.release->serial) : kWorldFault;
    }

private:
    // With a key, that of a value which the key has signed: whoever may write to the bucket could otherwise name the
    // last serial that there is, and no push would come after it.
    std::uint64_t last_serial(const There& there) const {
        if (!there.bundle || !there.bundle->release) return 0;
        const bool is_believed = !key_ || tooling::is_signed_by(key_->public_key(), tooling::manifest_of(*there.bundle),
                                                                there.bundle->signature);
        return is_believed ? there.bundle->release->serial : 0;
    }
    bool put_value(std::string_view value) {
        const auto put = client_.put(address_.bucket, address_.key, value, revision_);
        if (!put) return say_error(put.error()), false;
        revision_ = *put;
        return true;
    }
    bool put_release(const tooling::Bundle& bundle) {
        const auto value = tooling::make_value(bundle, key_ ? &*key_ : nullptr);
        if (!value) return say_error(value.error()), false;
        return put_value(*value);
    }

    // The canary's hosts; the release is that for all when it returns kOk.
    int first_some(tooling::Bundle& bundle) {
        const auto statuses = service::host_statuses(client_, address_.bucket, address_.key);
        if (!statuses) return say_error(statuses.error());
        const std::uint32_t asked = *parse_percent(arguments_.canary);
        const auto canaries = service::choose_canaries(*statuses, asked);
        if (!canaries) return say_error(canaries.error());
        if (canaries->canary > asked)
            say_note(fmt::format("no host is among the first {}: {:.2f}% are asked, so that one is", arguments_.canary,
                                 canaries->canary / 100.0));
        for (const std::string& host : canaries->silent)
            say_note(fmt::format("{} has not said anything for minutes: not waited for", host));
        bundle.release->canary = canaries->canary;
        if (!put_release(bundle)) return kWorldFault;
        say(fmt::format("revision {}: {} of {} hosts first: {}", revision_, canaries->hosts.size(), statuses->size(),
                        fmt::join(canaries->hosts, ", ")));
        const std::uint64_t within_ms =
            *service::parse_duration_ms(arguments_.wait) + bundle.release->confirm_within_ms;
        const auto report = service::wait_for_canaries(
            client_, address_.bucket, address_.key, *canaries, bundle.release->serial, within_ms,
            [&](const service::CanaryReport& now) {
                say(fmt::format("in force on {} of {}", now.done.size(), canaries->hosts.size()));
            });
        if (!report) return say_error(report.error());
        if (!report->is_good()) return stopped(*report);
        ++bundle.release->serial;
        bundle.release->canary = tooling::kEveryHost;
        return kOk;
    }

    int stopped(const service::CanaryReport& report) const {
        for (const service::HostStatus& bad : report.bad)
            put(stderr, "weir: {}: {}: {}\n", printable(bad.host), printable(bad.outcome), quoted_lines(bad.reason));
        if (report.bad.empty())
            put(stderr, "weir: no word within {} from {}\n", arguments_.wait, listed(report.waiting));
        put(stderr,
            "weir: the rollout has stopped: only the first hosts were asked; it is in force on {}\n"
            "      push the policy from before to take it back there; weir fleet status shows all hosts\n",
            report.done.empty() ? "none" : listed(report.done));
        return kPolicyFault;
    }

    void say(const std::string& text) const {
        if (arguments_.options.format == "human") put("{}\n", printable(text));
        std::fflush(stdout);
    }
    int done(std::uint64_t serial) const {
        if (arguments_.options.format == "json") {
            nlohmann::ordered_json said = {{"bucket", address_.bucket}, {"key", address_.key},
                                           {"revision", revision_},     {"serial", serial},
                                           {"sha256", hash_},           {"signed", key_.has_value()}};
            put("{}\n", said.dump());
        } else {
            say(fmt::format("pushed {}: revision {}{}{}, sha256 {}", address_.shown, revision_,
                            serial == 0 ? "" : fmt::format(", serial {}", serial), key_ ? ", signed" : "", hash_));
        }
        return kOk;
    }

    const PushArguments& arguments_;
    service::BucketAddress address_;
    service::BucketClient client_;
    std::optional<tooling::SigningKey> key_;
    std::uint64_t revision_ = 0;
    std::string hash_{};
};

int push(const PushArguments& arguments) {
    end_on_interrupt();
    if (!arguments.new_key.empty()) return make_key(arguments.new_key);
    auto address = service::bucket_address(arguments.to, service::KeyPart::kNeeded);
    if (!address) return say_error(address.error()), kUsage;
    if (Status known = service::log_in_with(address->server, arguments.credentials); !known)
        return say_error(known.error());
    auto key = read_signing_key(arguments.signing_key);
    if (!key) return say_error(key.error());
    int status = kOk;
    auto bundle = checked(arguments, status);
    if (!bundle) return status;
    auto client = service::BucketClient::connect(*address);
    if (!client) return say_error(client.error());
    return Push(arguments, std::move(*address), std::move(*client), std::move(*key)).run(std::move(*bundle));
}

CLI::Validator duration() {
    return CLI::Validator(
        [](std::string& text) {
            return service::parse_duration_ms(text) ? std::string()
                                                    : "`" + text + "` is not a time such as 60s or 5m, up to a week";
        },
        "");
}

}  // namespace

void add_push(CLI::App& app, int& status) {
    static PushArguments arguments;
    CLI::App* command = app.add_subcommand("push", "puts a policy into a bucket of NATS, for the hosts that follow it");
    command->footer(
        "The policy is checked and its tests run here first, and once more on each host. What changes against the\n"
        "value that is there is printed. Two that push at once do not overwrite each other: the second is refused.\n"
        "    weir push --new-key fleet.key\n"
        "    weir push edge.rules --to nats://127.0.0.1:4222/policies/edge --signing-key fleet.key --canary 10%\n"
        "On the hosts: weir run nats://127.0.0.1:4222/policies/edge -i eth0 --public-key fleet.key.pub\n"
        "Status 1 where the policy or a host of the canary refuses, 3 where the server does.");
    CLI::Option* file =
        command->add_option("FILE", arguments.file, "policy; its imports, set files and captures go along");
    CLI::Option* to =
        command->add_option("--to", arguments.to, "nats://[USER:PASSWORD@]HOST:PORT/BUCKET/KEY, or tls://")
            ->type_name("URL");
    file->needs(to);
    command->add_option("--signing-key", arguments.signing_key, "sign with the private key in F: Ed25519, PEM")
        ->type_name("F");
    command
        ->add_option("--canary", arguments.canary,
                     "the first P% of the hosts, by the hash of their names, take it first; the others when it is in "
                     "force on all of them")
        ->check([](const std::string& text) {
            return parse_percent(text) ? std::string() : "`" + text + "` is no percentage from 0.01% to 100%";
        })
        ->type_name("P%");
    command
        ->add_option("--confirm-within", arguments.confirm_within,
                     "each host restores its previous policy unless it reaches the server within this time: 60s, 5m")
        ->check(duration())
        ->type_name("TIME");
    command->add_option("--wait", arguments.wait, "with --canary: stop where a host has not answered in this time")
        ->check(duration())
        ->type_name("TIME")
        ->capture_default_str();
    command->add_option("--nats-creds", arguments.credentials, "credentials of NATS (JWT and seed), as nsc writes them")
        ->type_name("F");
    command->add_flag("--dry-run", arguments.dry_run, "check, test and compare, and push nothing");
    command
        ->add_option("--new-key", arguments.new_key,
                     "make a key: F, which signs, and F.pub, for the hosts; nothing else is done")
        ->excludes(file)
        ->type_name("F");
    add_policy_options(*command, arguments.options);
    command->callback([&status] {
        if (arguments.new_key.empty() && arguments.file.empty()) throw CLI::RequiredError("FILE");
        status = push(arguments);
    });
}

}  // namespace weir::cli

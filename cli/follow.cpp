// Tested by tests/fleet/follow_test.py with `nats://`.
#include "cli/follow.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "cli/terminal.h"
#include "runtime/memory_file.h"
#include "service/bundle_files.h"
#include "service/notice.h"

namespace weir::cli {
namespace {

// As the daemon refuses it: docs/fleet.md.
Status admitted(const service::WorkerOutcome& compiled, const service::WorkerRequest& request) {
    return runtime::admit_from_others(request.rights, compiled.names.manifest.sinks);
}

void say_diagnostics(const service::WorkerOutcome& compiled) {
    if (!compiled.diagnostics.empty()) std::fputs(compiled.diagnostics.c_str(), stderr);
}

}  // namespace

Result<Follow> Follow::prepare(const service::FollowOptions& options, service::WorkerRequest& request) {
    auto following = service::prepare_following(options);
    if (!following) return following.error();
    request.from = service::From::kBundle;
    request.expected = following->expected;
    request.options.include_dirs.clear();
    request.colour = Colour::kOff;  // what is wrong with it goes into the bucket, too
    auto process = std::make_unique<service::SideProcess>(std::move(following->process));
    return Follow(std::move(*following), std::move(process));
}

std::optional<service::WorkerOutcome> Follow::last_policy(service::Startup& startup, service::Worker& worker,
                                                          service::WorkerRequest& request) const {
    const auto bundle = tooling::read_value(following_.kept->bytes, following_.expected);
    const auto memory = runtime::make_memory_file("weir-value", following_.kept->bytes);
    if (!bundle || !memory) return std::nullopt;
    request.file = service::path_in_bundle(following_.expected, bundle->policy);
    request.options.include_dirs = service::include_dirs_of_bundle(following_.expected, bundle->include_folders);
    auto compiled = startup.compile(worker, request, (*memory).get());
    if (!compiled) return std::nullopt;
    say_diagnostics(*compiled);
    const Status fits = compiled->status == kOk ? admitted(*compiled, request) : Status(Done{});
    if (!fits) service::say_problem(fits.error());
    if (compiled->status == kOk && fits) return compiled;
    service::say_problem({"the last policy that was in force is refused now", "waiting for another one", 0});
    return std::nullopt;
}

std::optional<service::WorkerOutcome> Follow::first_policy(service::Startup& startup,
                                                           std::optional<service::Worker>& worker,
                                                           service::WorkerRequest& request) {
    if (following_.kept) {
        if (auto compiled = last_policy(startup, *worker, request); compiled || startup.is_stopped()) return compiled;
        // Its serial stays the last that was accepted.
        const service::Revision none{following_.kept->revision.number, following_.kept->revision.serial, {}};
        if (Status written = following_.files.write(none, following_.kept->bytes); !written)
            service::say_problem(written.error());
    }
    service::say_notice(fmt::format("waiting for a policy of {}", following_.shown));
    while (auto asked = startup.wait_for_bundle(*process_)) {
        request.file = asked->command.file;
        request.options.include_dirs = asked->command.include;
        if (!worker->is_alive())  // the policy before was too much for it
            if (auto fresh = service::Worker::start()) worker.emplace(std::move(*fresh));
        auto compiled = startup.compile(*worker, request, asked->command.text.get());
        if (!compiled) return std::nullopt;
        say_diagnostics(*compiled);
        const Status fits = compiled->status == kOk ? admitted(*compiled, request) : Status(Done{});
        if (compiled->status == kOk && fits) {
            asked_ = std::move(asked);
            return compiled;
        }
        const std::string sentence = fits ? "the policy is refused" : fits.error().message;
        startup.answer(*asked, service::Refusal{fits ? compiled->status : kWorldFault, sentence,
                                                fits ? std::string() : fits.error().help, compiled->diagnostics});
    }
    return std::nullopt;
}

void Follow::started(service::Startup& startup, const runtime::InForceStatus& now,
                     const service::WorkerOutcome& compiled) {
    if (!asked_) return;
    service::ReloadReply reply;
    reply.policy = now.policy;
    reply.generation = now.generation;
    reply.rules = now.rules;
    reply.compile_ms = compiled.milliseconds;
    reply.outcome = service::Committed{};
    startup.answer(*asked_, reply);
}

// The program ends with it: the follower gets the time to say why.
void Follow::failed(service::Startup& startup, const Error& error) {
    constexpr std::uint64_t kToSay_ms = 1500;
    if (!asked_) return;
    startup.answer(*asked_, service::Refusal{kWorldFault, error.message, error.help});
    startup.serve(*process_, kToSay_ms);
}

}  // namespace weir::cli

// weir run: attaches a policy, in the foreground.
// Tested by tests/cli/live_test.py with `"run"`.
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/door_options.h"
#include "cli/follow.h"
#include "cli/nonblocking_stderr.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "runtime/engine/pins.h"
#include "runtime/kernel.h"
#include "runtime/sinks/exec_broker.h"
#include "service/daemon.h"
#include "service/duration.h"
#include "service/notice.h"
#include "service/prepared_programs.h"
#include "service/startup.h"
#include "service/worker.h"

namespace weir::cli {
namespace {

struct RunArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::vector<std::string> interfaces{};
    std::string mode = "auto";
    std::string name{};
    std::string state{};
    std::string keep_every = "30s";
    std::uint64_t reject_limit = runtime::EngineOptions().reject_limit;
    bool observe = false;
    bool watch = false;
    bool no_tests = false;
    bool strict_sinks = false;
    std::string allow_exec{};
    std::string allow_sinks{};
    std::string sink_dir{};
    bool try_proposals = false;
    service::http::DoorOptions door{};
    std::string public_key{};
    std::string nats_credentials{};
    std::string host_name{};
};

// From here on these signals are read from a descriptor, so that one that comes during the start is not lost.
runtime::UniqueFd signal_fd() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    for (const int signal : {SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);  // they mean nothing, and end nothing
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return runtime::UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// A policy holds some ten descriptors, and five policies are kept: as many as this process may have.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::string places(const runtime::EngineStatus& status) {
    std::string text;
    for (const auto& interface : status.interfaces)
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", interface.name,
                            !interface.attached                              ? "not attached"
                            : interface.mode == runtime::AttachMode::kNative ? "native"
                                                                             : "generic");
    return text;
}

// An engine that goes on after a kill waits for what is missing.
Status find_interfaces(const std::vector<std::string>& interfaces, const std::string& engine) {
    if (!runtime::interfaces_left_by(engine).empty()) return Done{};
    for (const std::string& interface : interfaces)
        if (auto index = runtime::interface_index(interface); !index) return index.error();
    return Done{};
}

void say_left(const std::string& name) {
    for (const std::string& interface : runtime::interfaces_left_by(name))
        put(stderr, "{}: the policy that a killed engine left in force stays\n", printable(interface));
}

// SIGTERM or Ctrl-C came before the policy was in force.
int say_stopped(const std::string& name) {
    service::say_notice(name + ": stopped before the policy was in force: nothing was attached");
    say_left(name);
    return kOk;
}

// The words have been checked.
runtime::SinkRights rights_of(const RunArguments& arguments) {
    runtime::SinkRights rights;
    if (!arguments.allow_exec.empty()) rights.programs = tooling::from_root(arguments.allow_exec);
    if (!arguments.allow_sinks.empty()) rights.kinds = *runtime::sink_kinds(arguments.allow_sinks);
    if (!arguments.sink_dir.empty()) rights.folder = tooling::from_root(arguments.sink_dir);
    return rights;
}

// Before this process has threads, and while it has its rights. Null where no programs are allowed.
Result<std::unique_ptr<runtime::ExecBroker>> start_programs(const RunArguments& arguments) {
    if (arguments.allow_exec.empty()) return std::unique_ptr<runtime::ExecBroker>();
    return runtime::ExecBroker::start(tooling::from_root(arguments.allow_exec));
}

runtime::EngineOptions options_of(const RunArguments& arguments, const std::string& name) {
    runtime::EngineOptions options;
    options.name = name;
    options.interfaces = arguments.interfaces;
    options.lifetime = runtime::Lifetime::kPinned;
    if (!arguments.state.empty()) options.state_folder = tooling::from_root(arguments.state) + "/" + name;
    options.keep_every_ms = *service::parse_duration_ms(arguments.keep_every);
    options.mode = arguments.mode == "native"    ? runtime::AttachMode::kNative
                   : arguments.mode == "generic" ? runtime::AttachMode::kGeneric
                                                 : runtime::AttachMode::kAuto;
    options.reject_limit = arguments.reject_limit;
    options.strict_sinks = arguments.strict_sinks;
    options.sink_rights = rights_of(arguments);
    options.on_notice = [name](const std::string& notice) { service::say_notice(name + ": " + notice); };
    return options;
}

// Takes what the policy's models say.
std::unique_ptr<service::TriageInbox> inbox_for(const RunArguments& arguments, runtime::EngineOptions& options) {
    service::ProposalOptions proposals;
    if (!options.state_folder.empty()) proposals.folder = options.state_folder + "/proposals";
    proposals.tries = arguments.try_proposals;
    auto inbox = std::make_unique<service::TriageInbox>(std::move(proposals));
    options.on_triage = [taker = inbox.get()](runtime::TriageNote note) { taker->take(std::move(note)); };
    return inbox;
}

// What the engine hands its events, samples and models' answers to, and where it gets programs that were loaded before.
struct Takers {
    std::unique_ptr<service::EventFeed> feed = std::make_unique<service::EventFeed>();
    std::unique_ptr<service::Samples> samples = std::make_unique<service::Samples>();
    std::unique_ptr<service::TriageInbox> triages{};
    std::unique_ptr<service::PreparedPrograms> prepared = std::make_unique<service::PreparedPrograms>();
};
Takers takers_for(const RunArguments& arguments, runtime::EngineOptions& options) {
    Takers takers;
    options.on_events = [taker = takers.feed.get()](std::span<const runtime::PackedEvent* const> events) {
        taker->take(events);
    };
    options.on_disagreement = [taker = takers.samples.get()](const runtime::Disagreement& one) { taker->take(one); };
    takers.triages = inbox_for(arguments, options);
    options.load = [taker = takers.prepared.get()](const bpf::Object& object, const runtime::ProgramOptions& with) {
        return taker->take(object, with);
    };
    return takers;
}

// Nothing where FILE is no address of NATS.
Result<std::optional<Follow>> prepare_follow(const RunArguments& arguments, const std::string& name,
                                             service::WorkerRequest& request) {
    if (!service::is_nats_url(arguments.file)) return std::optional<Follow>();
    const std::string state = arguments.state.empty() ? "/var/lib/weir" : tooling::from_root(arguments.state);
    auto follow = Follow::prepare({arguments.file, arguments.public_key, arguments.nats_credentials,
                                   arguments.host_name, state + "/" + name, version_number()},
                                  request);
    if (!follow) return follow.error();
    return std::optional<Follow>(std::move(*follow));
}

// Says what is wrong with the policy. Nothing where a signal came.
auto first_compiled(const RunArguments& arguments, service::Startup& startup, service::Worker& worker,
                    const service::WorkerRequest& request) {
    Progress progress("compiling " + arguments.file);
    auto compiled = startup.compile(worker, request);
    progress.finish();
    const bool only_warnings = compiled && compiled->status == kOk && arguments.options.format == "human";
    if (compiled && !(is_quiet() && only_warnings)) std::fputs(compiled->diagnostics.c_str(), stderr);
    return compiled;
}

// Nothing without --watch.
Result<std::optional<tooling::Watcher>> watch(const RunArguments& arguments,
                                              const std::vector<runtime::SourceFile>& files) {
    if (!arguments.watch) return std::optional<tooling::Watcher>();
    auto created = tooling::Watcher::create();
    if (!created) return created.error();
    std::vector<std::string> paths;
    for (const runtime::SourceFile& file : files) paths.push_back(file.path);
    created->follow(paths);
    return std::optional<tooling::Watcher>(std::move(*created));
}

service::WorkerRequest first_request(const RunArguments& arguments) {
    service::WorkerRequest request;
    request.file = tooling::from_root(arguments.file);
    request.options = arguments.options;
    request.colour = colour_of(STDERR_FILENO);
    request.observe = arguments.observe;
    request.tests = arguments.no_tests ? service::TestsFirst::kLeaveOut : service::TestsFirst::kRun;
    request.rights = rights_of(arguments);
    for (std::string& folder : request.options.include_dirs) folder = tooling::from_root(folder);
    return request;
}

int run(const RunArguments& arguments) {
    make_stderr_nonblocking();
    raise_descriptor_limit();
    runtime::UniqueFd signals = signal_fd();
    if (!signals) return say_error(runtime::kernel_error(errno, "making a descriptor of signals"));
    service::WorkerRequest request = first_request(arguments);
    const auto door_settings = cli::door_settings(arguments.door);
    if (!door_settings) return say_error(door_settings.error());
    if (!runtime::may_load_programs())
        return say_error({"this process may not load BPF programs",
                          "run weir as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON", EPERM});
    const std::string name = arguments.name.empty() ? arguments.interfaces.front() : arguments.name;
    if (Status found = find_interfaces(arguments.interfaces, name); !found) return say_error(found.error());
    auto control = service::ControlServer::listen(name);
    if (!control) return say_error(control.error());
    auto door = open_door(*door_settings, *control);
    if (!door) return say_error(door.error());

    auto programs = start_programs(arguments);
    if (!programs) return say_error(programs.error());
    auto followed = prepare_follow(arguments, name, request);
    if (!followed) return say_error(followed.error());
    std::optional<Follow>& follow = *followed;
    auto started = service::Worker::start();
    if (!started) return say_error(started.error());
    std::optional<service::Worker> worker(std::move(*started));
    service::Startup startup(signals, *control);
    const auto compiled =
        follow ? follow->first_policy(startup, worker, request) : first_compiled(arguments, startup, *worker, request);
    if (!compiled) return say_stopped(name);
    if (compiled->status != kOk) {
        say_left(name);
        return compiled->status;
    }

    runtime::EngineOptions options = options_of(arguments, name);
    options.origin = {request.file, compiled->files};
    options.programs = programs->get();
    Takers takers = takers_for(arguments, options);
    takers.prepared->otherwise = [&](const bpf::Object&, const runtime::ProgramOptions& with) {
        return startup.load(*compiled, with);
    };
    const auto object = service::object_of(*compiled);
    if (!object) return say_error(object.error());
    auto engine = runtime::Engine::start(*object, std::move(options));
    takers.prepared->otherwise = {};
    if (startup.is_stopped()) return say_stopped(name);
    if (!engine && follow) follow->failed(startup, engine.error());
    if (!engine) return say_error(engine.error());
    if (follow) follow->started(startup, (*engine)->in_force(), *compiled);
    if (Status added = startup.add_first_entries(); !added) say_error(added.error());
    auto status = (*engine)->status();
    if (!status) return say_error(status.error());
    service::say_notice(fmt::format("{}: policy {} of {} in force on {}, generation {}{}", status->name,
                                    status->in_force.policy, follow ? follow->shown() : arguments.file, places(*status),
                                    status->in_force.generation,
                                    arguments.observe ? "; observe: verdicts are not enforced" : ""));
    auto watcher = watch(arguments, compiled->files);
    if (!watcher) return say_error(watcher.error());
    service::Daemon daemon(std::move(*engine), std::move(*control), std::move(signals), std::move(request),
                           std::move(*worker), std::move(takers.prepared), std::move(takers.feed),
                           std::move(takers.samples), std::move(takers.triages), std::move(*watcher),
                           compiled->milliseconds);
    daemon.keep_text(compiled->text);
    if (*door) daemon.add((*door)->take_process());
    if (follow) daemon.add(follow->take_process());
    return daemon.run();
}

// What the sinks of a policy may do here.
void add_sink_options(CLI::App& command, RunArguments& arguments) {
    const auto is_folder = [](const std::string& folder) {
        struct stat facts{};
        return stat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) ? std::string()
                                                                           : "`" + folder + "` is not a folder";
    };
    command
        .add_option("--allow-exec", arguments.allow_exec,
                    "let sinks run the programs in DIR; without it, a policy with an `exec` sink is refused")
        ->check(is_folder)
        ->type_name("DIR");
    command
        .add_option("--allow-sinks", arguments.allow_sinks,
                    "refuse a policy with a sink of another kind than these: eve,pcap,stdout")
        ->check([](const std::string& list) {
            const auto kinds = runtime::sink_kinds(list);
            return kinds ? std::string() : kinds.error().message + ": " + kinds.error().help;
        })
        ->type_name("KINDS");
    command
        .add_option("--sink-dir", arguments.sink_dir,
                    "refuse a policy with a sink whose file or socket is not below DIR")
        ->check(is_folder)
        ->type_name("DIR");
}

// FILE is nats://…
void add_follow_options(CLI::App& command, RunArguments& arguments) {
    command
        .add_option("--public-key", arguments.public_key,
                    "with nats://: only policies that the key of F has signed (weir push --new-key)")
        ->type_name("F");
    command
        .add_option("--nats-creds", arguments.nats_credentials,
                    "with nats://: credentials of NATS (JWT and seed), as nsc writes them")
        ->type_name("F");
    command
        .add_option("--host-name", arguments.host_name, "with nats://: this host's name in the fleet; default: its own")
        ->type_name("NAME");
}

}  // namespace

void add_run(CLI::App& app, int& status) {
    static RunArguments arguments;
    CLI::App* command =
        app.add_subcommand("run", "compiles and attaches a policy, and delivers its alerts; in the foreground");
    command->footer(
        "The tests in FILE run first, for 5 s at most; one that fails refuses the policy (status 1).\n"
        "SIGHUP reloads the file and reopens logs. SIGTERM and Ctrl-C detach and leave nothing behind.\n"
        "While it runs: weir status, weir reload. Needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.");
    command->add_option("FILE", arguments.file, "policy; nats://HOST:PORT/BUCKET/KEY follows a bucket of NATS")
        ->required()
        ->check([](const std::string& file) {
            if (file == "-") return std::string("weir run reads the policy again later: name a file");
            if (!service::is_nats_url(file)) return std::string();
            const auto address = service::bucket_address(file, service::KeyPart::kNeeded);
            return address ? std::string() : address.error().message + ": " + address.error().help;
        });
    command->add_option("-i,--interface", arguments.interfaces, "attach to this interface; may be given several times")
        ->type_name("IFACE")
        ->required();
    command
        ->add_option(
            "--mode", arguments.mode,
            "native (in the driver), generic (in the stack: slower, works everywhere), or auto: native if possible")
        ->check(CLI::IsMember({"auto", "native", "generic"}))
        ->capture_default_str();
    command->add_option("--name", arguments.name, "name of the engine; default: the first interface");
    command
        ->add_option("--state", arguments.state,
                     "keep the entries of sets that change in DIR/NAME/sets across restarts")
        ->type_name("DIR");
    command->add_option("--keep-every", arguments.keep_every, "with --state: write changes at most this often")
        ->check([](const std::string& text) {
            return service::parse_duration_ms(text) ? std::string()
                                                    : "`" + text + "` is not a time such as 30s or 5m, up to a week";
        })
        ->type_name("TIME")
        ->capture_default_str();
    command
        ->add_option("--reject-limit", arguments.reject_limit,
                     "answer at most N rejected packets a second and interface; the others are dropped")
        ->check(CLI::Range(std::uint64_t{0}, runtime::kMaxRejectLimit))
        ->type_name("N")
        ->capture_default_str();
    add_follow_options(*command, arguments);
    command->add_flag("--watch", arguments.watch, "reload the policy when its file, an import or a set file changes");
    command->add_flag("--no-tests", arguments.no_tests,
                      "put the policy in force without running its tests first; reloads by SIGHUP and --watch, too");
    command->add_flag("--strict-sinks", arguments.strict_sinks,
                      "refuse a policy with a sink that cannot open what it writes to; without it, a warning");
    add_sink_options(*command, arguments);
    add_door_options(*command, arguments.door);
    command->add_flag(
        "--try-proposals", arguments.try_proposals,
        "run what a model proposes beside the policy in force, where no other candidate runs; needs --state");
    command->add_flag("--observe", arguments.observe, "count and alert, but enforce no verdict");
    add_policy_options(*command, arguments.options);
    add_memory_option(*command, arguments.options);
    command->callback([&status] { status = run(arguments); });
}

}  // namespace weir::cli

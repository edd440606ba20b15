// weir stop: ends a running engine by its name, and detaches what a killed one left.
// Tested by tests/cli/stop_test.py with `"stop"`.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "runtime/engine/left.h"
#include "runtime/engine/pins.h"
#include "runtime/kernel.h"
#include "service/engine_connection.h"

namespace weir::cli {
namespace {

struct StopArguments {
    std::string format = "human";
    std::string name{};
    bool leave = false;
};

void print_done(const StopArguments& arguments, const std::string& name, const std::vector<std::string>& interfaces,
                const std::string& sentence) {
    if (arguments.format == "json")
        put("{}\n", nlohmann::ordered_json{{"name", name}, {"interfaces", interfaces}}.dump(
                        -1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    else
        put("{}: {}\n", printable(name), printable(sentence));
}

// What it is attached to; nothing where it does not say (it may be starting).
std::vector<std::string> interfaces_of(const std::string& name) {
    constexpr int kTimeout_ms = 1000;
    std::vector<std::string> interfaces;
    const auto reply = ask_any(name, service::StatusCommand{}, kTimeout_ms);
    const auto* status = reply ? std::get_if<service::StatusReply>(&*reply) : nullptr;
    if (status != nullptr)
        for (const runtime::InterfaceStatus& interface : status->engine.interfaces)
            if (interface.attached) interfaces.push_back(interface.name);
    return interfaces;
}

int stop_running(const StopArguments& arguments) {
    const auto engine = service::EngineConnection::open(arguments.name);
    if (!engine) return say_error(engine.error());
    const std::string& name = engine->name();
    const auto process = engine->process();
    if (!process) return say_error(process.error());
    const std::vector<std::string> interfaces = interfaces_of(name);
    const Interrupt interrupt;
    if (syscall(SYS_pidfd_send_signal, (*process).get(), SIGTERM, nullptr, 0) != 0 && errno != ESRCH)
        return say_error(runtime::kernel_error(errno, fmt::format("stopping engine `{}`", name)));
    if (wait_for((*process).get(), POLLIN, interrupt, -1) != Waited::kReady)
        return say_error(Error{fmt::format("engine `{}` was asked to stop and is still stopping", name), {}, EINTR});
    if (const auto left = runtime::interfaces_left_by(name); !left.empty())
        return say_error({fmt::format("engine `{}` was killed while it stopped; its policy is still in force on {}",
                                      name, runtime::in_words(left)),
                          fmt::format("weir stop --leave --name {} detaches it", name), 0});
    print_done(arguments, name, interfaces,
               interfaces.empty()
                   ? "stopped; it was attached nowhere"
                   : fmt::format("stopped; no policy of it is on {} now", runtime::in_words(interfaces)));
    return kOk;
}

int detach_left(const StopArguments& arguments) {
    const std::vector<std::string> running = service::running_engines();
    const auto runs = [&](const std::string& name) {
        return std::find(running.begin(), running.end(), name) != running.end();
    };
    std::string name = arguments.name;
    if (name.empty()) {
        const auto left = service::killed_engines();
        if (left.empty()) return say_error(Error{"no engine that was killed left a policy in force here", {}, ENOENT});
        if (left.size() != 1) {
            std::string names;
            for (const auto& one : left) names += (names.empty() ? "" : ", ") + one.name;
            return say_error({"several engines were killed here: " + names, "say which one: --name NAME", 0}),
                   int{kUsage};
        }
        name = left.front().name;
    }
    if (runs(name))
        return say_error({fmt::format("engine `{}` runs: --leave is for what a killed one left", name),
                          fmt::format("weir stop --name {} stops it", name), EBUSY});
    const auto interfaces = runtime::detach_left(name);
    if (!interfaces) return say_error(interfaces.error());
    print_done(arguments, name, *interfaces,
               fmt::format("detached what a killed engine had left in force on {}", runtime::in_words(*interfaces)));
    return kOk;
}

}  // namespace

void add_stop(CLI::App& app, int& status) {
    static StopArguments arguments;
    CLI::App* command = app.add_subcommand("stop", "stops a running engine, and waits until it has ended");
    command->footer("Pending events are delivered, and the policy is detached. Packets are not filtered from then on.");
    command->add_flag("--leave", arguments.leave,
                      "detach the policy that a killed engine left in force; `weir status` lists it");
    add_asking_options(*command, arguments.name, arguments.format);
    command->callback([&status] { status = arguments.leave ? detach_left(arguments) : stop_running(arguments); });
}

}  // namespace weir::cli

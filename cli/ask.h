// Asking a running engine: the commands' side of the control socket (docs/cli.md, "The control socket").
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "cli/interrupt.h"
#include "grammar/base/result.h"
#include "service/command.h"
#include "service/engine_connection.h"

namespace weir::cli {

// What Ctrl-C does while an engine has not replied. Without it the program ends.
struct OnInterrupt {
    const Interrupt& interrupt;
    // True: wait on. The reply may still come; what is sent on the connection comes after the command.
    std::function<bool(service::EngineConnection&)> waits_on;
};

// What engine `name`, or the only one running where it is empty, replies; its refusal, too. An error where none does.
// EINTR: Ctrl-C, and `on_interrupt` did not wait on.
Result<service::Reply> ask_any(const std::string& name, const service::Command& command, int timeout_ms,
                               const OnInterrupt* on_interrupt = nullptr);
// The status of an engine; a refusal is an error.
Result<service::StatusReply> ask_status(const std::string& name);
// Diagnostics and the refusal on standard error; returns the status that the command ends with.
int say_refusal(const service::Refusal& refusal);

// The reply to `command`. Nothing where the engine refuses or cannot be reached: that has been said, and `status` is
// what the command ends with.
template <typename C>
std::optional<typename service::ReplyOf<C>::Type> ask(const std::string& name, C command, int timeout_ms, int& status);

// --name and --format human|json: of every command that asks.
void add_asking_options(CLI::App& command, std::string& name, std::string& format,
                        const std::string& formats = "human or json");

// ---- ----

int say_unreachable(const Error& error);

template <typename C>
std::optional<typename service::ReplyOf<C>::Type> ask(const std::string& name, C command, int timeout_ms, int& status) {
    auto reply = ask_any(name, service::Command(std::move(command)), timeout_ms);
    if (!reply) return status = say_unreachable(reply.error()), std::nullopt;
    if (const auto* refusal = std::get_if<service::Refusal>(&*reply))
        return status = say_refusal(*refusal), std::nullopt;
    return std::get<typename service::ReplyOf<C>::Type>(std::move(*reply));
}

}  // namespace weir::cli

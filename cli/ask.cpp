// Tested by tests/cli/kept_test.py with `"status"`.
#include "cli/ask.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cli/options.h"
#include "cli/terminal.h"
#include "grammar/rendered.h"
#include "service/command_codec.h"

namespace weir::cli {

Result<service::Reply> ask_any(const std::string& name, const service::Command& command, int timeout_ms,
                               const OnInterrupt* on_interrupt) {
    auto engine = service::EngineConnection::open(name);
    if (!engine) return engine.error();
    const auto* reload = std::get_if<service::ReloadCommand>(&command);
    const auto* record = std::get_if<service::RecordCommand>(&command);
    const int attached = reload != nullptr ? reload->text.get() : record != nullptr ? record->channel.get() : -1;
    if (Status sent = engine->send(service::encode(command), timeout_ms, attached); !sent) return sent.error();
    const int wake = on_interrupt == nullptr ? -1 : on_interrupt->interrupt.fd();
    for (;;) {
        auto said = engine->receive(timeout_ms, wake);
        if (said) return service::decode_reply(*said, command);
        const bool is_interrupted = said.error().number == EINTR;
        if (is_interrupted && !on_interrupt->interrupt.take()) continue;
        if (!is_interrupted || !on_interrupt->waits_on(*engine)) return said.error();
    }
}

Result<service::StatusReply> ask_status(const std::string& name) {
    constexpr int kTimeout_ms = 10'000;
    auto reply = ask_any(name, service::StatusCommand{}, kTimeout_ms);
    if (!reply) return reply.error();
    if (const auto* refusal = std::get_if<service::Refusal>(&*reply)) return Error{refusal->error, refusal->help, 0};
    return std::get<service::StatusReply>(std::move(*reply));
}

int say_refusal(const service::Refusal& refusal) {
    std::fputs(printable_rendered(refusal.diagnostics, colour_of(STDERR_FILENO)).c_str(), stderr);
    say_error({refusal.error, refusal.help, 0});
    return refusal.status;
}

int say_unreachable(const Error& error) { return say_error(error); }

void add_asking_options(CLI::App& command, std::string& name, std::string& format, const std::string& formats) {
    add_name_option(command, name);
    command.add_option("--format", format, formats)
        ->check(CLI::IsMember(tooling::format_words(tooling::FormatsOf::kEngines)))
        ->capture_default_str();
}

}  // namespace weir::cli

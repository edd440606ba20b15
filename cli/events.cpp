// weir events: the alerts of a running engine.
// Tested by tests/cli/show_test.py with `"events"`.
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "service/command_codec.h"
#include "service/engine_connection.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTimeout_ms = 10'000;
constexpr int kForEver = -1;

struct EventsArguments {
    std::string format = "human";
    std::string name{};
    bool follow = false;
};

std::string place(const Json& event, const char* address, const char* port) {
    const std::string text = event.value(address, "-");
    if (!event.contains(port)) return text;
    const bool v6 = text.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", text, v6 ? "]" : "", event.value(port, 0));
}

// One line for people. The engine has made names and messages printable.
void print_event(const Json& event, Colour colour) {
    const Json weir = event.value("weir", Json::object());
    const std::string severity = weir.value("severity", "");
    const bool grave = severity == "high" || severity == "critical";
    put("{} {}{}{} {}: {} [{}{}{}{} {} -> {}]\n", event.value("timestamp", ""),
        colour == Colour::kOn && grave ? "\x1b[1;31m" : "", severity, colour == Colour::kOn && grave ? "\x1b[0m" : "",
        weir.value("alert", ""), weir.value("message", ""), weir.value("rule", ""),
        weir.value("verdict", "").empty() ? "" : ", " + weir.value("verdict", ""),
        event.contains("in_iface") ? ", " + event.value("in_iface", "") : "",
        event.contains("proto") ? ", " + event.value("proto", "") : "", place(event, "src_ip", "src_port"),
        place(event, "dest_ip", "dest_port"));
}

int print_line(const std::string& line, const EventsArguments& arguments, Colour colour) {
    const Json event = Json::parse(line, nullptr, false);
    if (!event.is_object()) return say_error("the engine's answer cannot be read: is it of another version?");
    if (const auto lost = event.find("lost"); lost != event.end()) {
        put(stderr, "this reader was too slow and missed {} events; sinks and counters have them\n", lost->dump());
        return kOk;
    }
    if (arguments.format == "json")
        put("{}\n", line);
    else
        print_event(event, colour);
    // Write each line at once; stop when the reader is gone.
    return std::fflush(stdout) == 0 ? kOk : finish_output(kWorldFault);
}

int events(const EventsArguments& arguments) {
    auto engine = service::EngineConnection::open(arguments.name);
    if (!engine) return say_error(engine.error());
    const service::EventsCommand command{arguments.follow};
    if (Status sent = engine->send(service::encode(command), kTimeout_ms); !sent) return say_error(sent.error());
    auto first = engine->receive(kTimeout_ms);
    if (!first) return say_error(first.error());
    const auto reply = service::decode_reply(*first, command);
    if (!reply) return say_error(reply.error());
    if (const auto* refusal = std::get_if<service::Refusal>(&*reply)) return say_refusal(*refusal);
    const Colour colour = colour_of(STDOUT_FILENO);
    for (auto left = std::get<service::EventsReply>(*reply).events; arguments.follow || left != 0; --left) {
        auto line = engine->receive(arguments.follow ? kForEver : kTimeout_ms);
        if (!line) return say_error(line.error());
        if (const int status = print_line(*line, arguments, colour); status != kOk) return status;
    }
    return kOk;
}

}  // namespace

void add_events(CLI::App& app, int& status) {
    static EventsArguments arguments;
    CLI::App* command = app.add_subcommand(
        "events", "prints the last alerts of a running engine; with --follow, new ones as they happen");
    command->add_flag("-f,--follow", arguments.follow, "print new alerts, until Ctrl-C");
    add_asking_options(*command, arguments.name, arguments.format, "human, or json: EVE, one object a line");
    command->callback([&status] { status = events(arguments); });
}

}  // namespace weir::cli

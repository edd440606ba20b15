// weir status: what a running engine is doing.
#include <unistd.h>

#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "runtime/control.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTimeout_ms = 10'000;

struct StatusArguments { std::string format = "human"; std::string name{}; };

std::uint64_t number(const Json& object, const char* key) { return object.value(key, std::uint64_t{0}); }

std::size_t widest(const Json& rows, std::size_t least) {
    for (const Json& row : rows) least = std::max(least, row.value("name", "").size());
    return least;
}

void print_counters(const Json& engine) {
    const std::size_t width = widest(engine["rules"], 9);
    fmt::print("\n{}  {:>14}  {:>16}\n", padded("rule", width), "packets", "bytes");
    const auto row = [&](const std::string& name, const Json& counter) {
        fmt::print("{}  {:>14}  {:>16}\n", padded(name, width), number(counter, "packets"), number(counter, "bytes"));
    };
    for (const Json& rule : engine["rules"]) row(rule.value("name", ""), rule);
    row("default", engine["default"]);
    row("malformed", engine["malformed"]);
}

void print_alerts(const Json& engine) {
    if (engine["alerts"].empty()) return;
    const std::size_t width = widest(engine["alerts"], 5);
    fmt::print("\n{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded("alert", width), "matched", "delivered", "suppressed", "lost", "pending");
    for (const Json& alert : engine["alerts"])
        fmt::print("{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded(alert.value("name", ""), width), number(alert, "matched"),
                   number(alert, "delivered"), number(alert, "suppressed"), number(alert, "lost"), number(alert, "pending"));
}

void print_shadow(const Json& engine) {
    if (!engine.contains("shadow")) return;
    const Json& shadow = engine["shadow"];
    fmt::print("    candidate {} beside it: {} disagreements in {} packets; samples in {}\n", shadow.value("file", ""), number(shadow, "disagreements"),
               number(shadow, "packets"), shadow.value("samples", ""));
    for (const Json& pair : shadow["pairs"])
        fmt::print("        {:>12}  {} by {}; candidate: {} by {}\n", number(pair, "packets"), pair.value("live_verdict", ""), pair.value("live", ""),
                   pair.value("candidate_verdict", ""), pair.value("candidate", ""));
}

void print_status(const Json& engine) {
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    fmt::print("{}{}{}: policy {}, generation {}, loaded at {}\n", colour ? "\x1b[1m" : "", engine.value("name", ""), colour ? "\x1b[0m" : "",
               engine.value("policy", ""), engine.value("generation", 0), engine.value("loaded_at", ""));
    for (const Json& interface : engine["interfaces"])
        fmt::print("    on {} ({}){}\n", interface.value("name", ""), interface.value("mode", ""),
                   interface.value("attached", true) ? "" : ": gone, the policy waits for it");
    if (engine.contains("confirm_within_ms"))
        fmt::print("    unconfirmed: generation {} will be in force again in {:.0f} s\n", number(engine, "falls_back_to"),
                   static_cast<double>(number(engine, "confirm_within_ms")) / 1000);
    print_shadow(engine);
    print_counters(engine);
    print_alerts(engine);
    if (engine["sets"].empty() && engine["sinks"].empty()) return;
    fmt::print("\n");
    for (const Json& set : engine["sets"]) fmt::print("set {}: {} entries\n", set.value("name", ""), number(set, "entries"));
    for (const Json& sink : engine["sinks"])
        fmt::print("sink {}: {} delivered, {} lost, {} pending{}\n", sink.value("name", ""), number(sink, "delivered"), number(sink, "lost"),
                   number(sink, "pending"), sink.value("state", "ok") == "ok" ? "" : ": " + sink.value("state", ""));
}

int status_of(const StatusArguments& arguments) {
    auto said = runtime::ask_engine(arguments.name, R"({"command":"status"})", kTimeout_ms);
    if (!said) return say_error(said.error());
    const Json answer = Json::parse(*said, nullptr, false);
    if (!answer.is_object() || !answer.contains("engine")) return say_error(std::string("the engine's answer cannot be read: is it of another version?"));
    if (arguments.format == "json") fmt::print("{}\n", answer["engine"].dump());
    else print_status(answer["engine"]);
    return kOk;
}

}  // namespace

void add_status(CLI::App& app, int& status) {
    static StatusArguments arguments;
    CLI::App* command = app.add_subcommand("status", "what a running engine is doing: attachment, counters, alert accounts");
    command->add_option("--name", arguments.name, "which engine, where several run");
    command->add_option("--format", arguments.format, "human or json")->check(CLI::IsMember({"human", "json"}))->capture_default_str();
    command->callback([&status] { status = status_of(arguments); });
}

}  // namespace weir::cli

// weir status: what a running engine is doing.
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

struct StatusArguments {
    std::string format = "human";
    std::string name{};
};

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
    fmt::print("\n{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded("alert", width), "matched", "delivered",
               "suppressed", "lost", "pending");
    for (const Json& alert : engine["alerts"])
        fmt::print("{}  {:>10}  {:>10}  {:>10}  {:>10}  {:>10}\n", padded(alert.value("name", ""), width),
                   number(alert, "matched"), number(alert, "delivered"), number(alert, "suppressed"),
                   number(alert, "lost"), number(alert, "pending"));
}

void print_state(const Json& engine) {
    if (!engine["terms"].empty()) {
        const std::size_t width = widest(engine["terms"], 5);
        fmt::print("\n{}  {:>10}  {:>10}  {:>10}\n", padded("state", width), "keys", "evicted", "refused");
        for (const Json& term : engine["terms"])
            fmt::print("{}  {:>10}  {:>10}  {:>10}\n", padded(term.value("name", ""), width), number(term, "keys"),
                       number(term, "evicted"), number(term, "refused"));
    }
    if (engine["sets"].empty()) return;
    const std::size_t width = widest(engine["sets"], 5);
    fmt::print("\n{}  {:>10}  {:>10}\n", padded("set", width), "entries", "refused");
    for (const Json& set : engine["sets"])
        fmt::print("{}  {:>10}  {:>10}\n", padded(set.value("name", ""), width), number(set, "entries"),
                   number(set, "refused"));
}

void print_sets_file(const Json& engine) {
    const auto found = engine.find("sets_file");
    if (found == engine.end()) return;
    const std::string saved_at = found->value("saved_at", ""), state = found->value("state", "ok");
    fmt::print("    sets are kept in {}: {}{}\n", found->value("path", ""),
               saved_at.empty() ? std::string("not written yet")
                                : fmt::format("{} entries, at {}", number(*found, "entries"), saved_at),
               state == "ok" ? "" : "; " + state);
}

// What went wrong since the engine started, where anything did.
void print_problems(const Json& engine) {
    for (const Json& interface : engine["interfaces"])
        if (const auto gaps = number(interface, "gaps"); gaps != 0)
            fmt::print("    {} was gone and came back {} times, the last time for {} ms\n", interface.value("name", ""),
                       gaps, number(interface, "last_gap_ms"));
    if (const auto failed = number(engine, "reload_failed"); failed != 0)
        fmt::print("    {} reloads were refused\n", failed);
    if (const auto back = number(engine, "auto_rollbacks"); back != 0)
        fmt::print("    {} policies were not confirmed in time\n", back);
}

void print_shadow(const Json& engine) {
    if (!engine.contains("shadow")) return;
    const Json& shadow = engine["shadow"];
    fmt::print("    candidate {} beside it: {} disagreements in {} packets; samples in {}\n", shadow.value("file", ""),
               number(shadow, "disagreements"), number(shadow, "packets"), shadow.value("samples", ""));
    for (const Json& pair : shadow["pairs"])
        fmt::print("        {:>12}  {} by {}; candidate: {} by {}\n", number(pair, "packets"),
                   pair.value("live_verdict", ""), pair.value("live", ""), pair.value("candidate_verdict", ""),
                   pair.value("candidate", ""));
}

void print_status(const Json& engine) {
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    fmt::print("{}{}{}: policy {}, generation {}, loaded at {}\n", colour ? "\x1b[1m" : "", engine.value("name", ""),
               colour ? "\x1b[0m" : "", engine.value("policy", ""), engine.value("generation", 0),
               engine.value("loaded_at", ""));
    for (const Json& interface : engine["interfaces"])
        fmt::print("    on {} ({}){}\n", interface.value("name", ""), interface.value("mode", ""),
                   interface.value("attached", true) ? "" : ": gone, the policy waits for it");
    if (engine.contains("confirm_within_ms"))
        fmt::print("    unconfirmed: generation {} will be in force again in {:.0f} s\n",
                   number(engine, "falls_back_to"), static_cast<double>(number(engine, "confirm_within_ms")) / 1000);
    print_sets_file(engine);
    print_problems(engine);
    print_shadow(engine);
    print_counters(engine);
    print_state(engine);
    print_alerts(engine);
    if (!engine["sinks"].empty()) fmt::print("\n");
    for (const Json& sink : engine["sinks"])
        fmt::print("sink {}: {} delivered, {} lost, {} pending{}\n", sink.value("name", ""), number(sink, "delivered"),
                   number(sink, "lost"), number(sink, "pending"),
                   sink.value("state", "ok") == "ok" ? "" : ": " + sink.value("state", ""));
}

int status_of(const StatusArguments& arguments) {
    auto engine = ask_status(arguments.name);
    if (!engine) return say_error(engine.error());
    if (arguments.format == "json")
        fmt::print("{}\n", engine->dump());
    else
        print_status(*engine);
    return kOk;
}

}  // namespace

void add_status(CLI::App& app, int& status) {
    static StatusArguments arguments;
    CLI::App* command =
        app.add_subcommand("status", "what a running engine is doing: attachment, counters, alert accounts");
    add_asking_options(*command, arguments.name, arguments.format);
    command->callback([&status] { status = status_of(arguments); });
}

}  // namespace weir::cli

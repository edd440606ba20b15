// weir flows: the flows that a running engine remembers.
// Tested by tests/cli/flows_test.py with `"flows"`.
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "grammar/base/printable.h"
#include "service/command_codec.h"

namespace weir::cli {
namespace {

struct FlowsArguments {
    std::string name{};
    std::string format = "human";
    std::uint64_t top = 50;
};

// "850us", "12.3ms", "4.2s", "3m10s", "2h05m", "4d"
std::string short_duration(std::uint64_t ns) {
    constexpr std::uint64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
    const double us = static_cast<double>(ns) / 1e3;
    if (us < 1'000) return fmt::format("{:.0f}us", us);
    if (us < 1'000'000) return fmt::format("{:.1f}ms", us / 1e3);
    const std::uint64_t seconds = ns / 1'000'000'000;
    if (seconds < kMinute) return fmt::format("{:.1f}s", us / 1e6);
    if (seconds < kHour) return fmt::format("{}m{:02}s", seconds / kMinute, seconds % kMinute);
    if (seconds < kDay) return fmt::format("{}h{:02}m", seconds / kHour, seconds % kHour / kMinute);
    return fmt::format("{}d{:02}h", seconds / kDay, seconds % kDay / kHour);
}

void print(const runtime::FlowList& list) {
    std::size_t client = 6, server = 6;
    for (const runtime::ListedFlow& flow : list.top) {
        client = std::max(client, flow.client.size());
        server = std::max(server, flow.server.size());
    }
    if (!list.top.empty())
        put("{:<8}  {:<{}}  {:<{}}  {:<11}  {:>10}  {:>14}  {:>8}  {:>8}  {:>8}\n", "protocol", "client", client,
            "server", server, "state", "packets", "bytes", "age", "idle", "rtt");
    for (const runtime::ListedFlow& flow : list.top)
        put("{:<8}  {:<{}}  {:<{}}  {:<11}  {:>10}  {:>14}  {:>8}  {:>8}  {:>8}\n", printable(flow.protocol),
            printable(flow.client), client, printable(flow.server), server, printable(flow.state), flow.packets,
            flow.bytes, short_duration(flow.age_ns), short_duration(flow.idle_ns),
            flow.rtt_ns ? short_duration(*flow.rtt_ns) : "-");
    put("{} flow{}{}\n", list.flows, list.flows == 1 ? "" : "s",
        list.top.size() < list.flows ? fmt::format(", {} shown: those with most bytes", list.top.size()) : "");
}

int list(const FlowsArguments& arguments) {
    constexpr int kTimeout_ms = 10'000;
    int status = kOk;
    const auto reply = ask(arguments.name, service::FlowsCommand{arguments.top}, kTimeout_ms, status);
    if (!reply) return status;
    if (arguments.format == "json")
        put("{}\n", service::encode_result(*reply));
    else
        print(reply->list);
    return kOk;
}

}  // namespace

void add_flows(CLI::App& app, int& status) {
    static FlowsArguments arguments;
    CLI::App* command = app.add_subcommand("flows", "lists the flows that a running engine remembers");
    command->footer("Of a policy that reads none, status 3.");
    command->add_option("--top", arguments.top, "so many flows, those with most bytes")
        ->check(CLI::Range(std::uint64_t{0}, service::kMostFlows))
        ->capture_default_str();
    add_asking_options(*command, arguments.name, arguments.format);
    command->callback([&status] { status = list(arguments); });
}

}  // namespace weir::cli

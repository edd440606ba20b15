// weir set: the sets of a running engine.
// Tested by tests/cli/kept_test.py with `"set"`.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "grammar/base/utf8.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTimeout_ms = 60'000;
constexpr std::ptrdiff_t kValuesARequest = 1000;  // of 64 bytes at most: a request has 64 KB

struct SetArguments {
    std::string engine{}, format = "human", set{};
    std::vector<std::string> values{};
};

// "90s", "10m": as policies write them.
std::optional<std::uint64_t> duration_ns(const std::string& text) {
    struct Unit {
        std::string_view word;
        std::uint64_t ns;
    };
    constexpr Unit kUnits[] = {{"us", 1'000},         {"ms", 1'000'000},        {"s", 1'000'000'000},
                               {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
    std::uint64_t count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc()) return std::nullopt;
    for (const Unit& unit : kUnits)
        if (unit.word == std::string_view(end) && count != 0 && count <= ~std::uint64_t{0} / unit.ns)
            return count * unit.ns;
    return std::nullopt;
}

std::string duration_text(std::uint64_t ns) {
    const std::uint64_t s = ns / 1'000'000'000;
    if (s >= 86'400) return fmt::format("{}d{}h", s / 86'400, s % 86'400 / 3'600);
    if (s >= 3'600) return fmt::format("{}h{}m", s / 3'600, s % 3'600 / 60);
    if (s >= 60) return fmt::format("{}m{}s", s / 60, s % 60);
    return fmt::format("{}.{}s", s, ns / 100'000'000 % 10);
}

// Lines of standard input; `#` begins a comment.
std::vector<std::string> read_lines() {
    std::vector<std::string> lines;
    bool is_first = true;
    for (std::string line; std::getline(std::cin, line);) {
        if (is_first) line = without_byte_order_mark(line);
        is_first = false;
        line = line.substr(0, line.find('#'));
        const std::size_t first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
        if (first != std::string::npos) lines.push_back(line.substr(first, last - first + 1));
    }
    return lines;
}

int list(const SetArguments& arguments) {
    int status = kOk;
    const auto reply = ask(arguments.engine, service::ListSetCommand{arguments.set}, kTimeout_ms, status);
    if (!reply) return status;
    for (const auto& [value, expires_in_ns] : reply->entries) {
        if (arguments.format == "json") {
            Json entry{{"value", value}};
            if (expires_in_ns != 0) entry["expires_in_ns"] = expires_in_ns;
            fmt::print("{}\n", entry.dump(-1, ' ', true, Json::error_handler_t::replace));
        } else if (expires_in_ns != 0) {
            fmt::print("{} for {}\n", printable(value), duration_text(expires_in_ns));
        } else {
            fmt::print("{}\n", printable(value));
        }
    }
    return kOk;
}

// Sends `values` as several commands where they are many; `count` gets each reply. Ends with the first refusal.
template <typename C, typename Count>
int send_values(const std::string& engine, C command, const std::vector<std::string>& values, const Count& count) {
    for (auto begin = values.begin(); begin != values.end();) {
        const auto end = begin + std::min<std::ptrdiff_t>(values.end() - begin, kValuesARequest);
        command.values.assign(begin, end);
        int status = kOk;
        const auto reply = ask(engine, command, kTimeout_ms, status);
        if (!reply) return status;
        count(*reply);
        begin = end;
    }
    return kOk;
}

int add(SetArguments arguments) {
    service::AddToSetCommand command{arguments.set, {}, {}};
    std::vector<std::string>& values = arguments.values;
    if (values.size() >= 2 && values[values.size() - 2] == "for") {
        command.for_ns = duration_ns(values.back());
        if (!command.for_ns)
            return say_error({fmt::format("`{}` is not a duration", values.back()),
                              "write `for 10m`; the units are us, ms, s, m, h and d", 0}),
                   int{kUsage};
        values.resize(values.size() - 2);
    }
    if (values == std::vector<std::string>{"-"}) values = read_lines();
    std::uint64_t added = 0, refused = 0;
    const int status = send_values(arguments.engine, command, values, [&](const service::SetAddedReply& reply) {
        added += reply.added;
        refused += reply.refused;
    });
    if (status != kOk) return status;
    if (arguments.format == "json")
        fmt::print("{}\n", Json{{"added", added}, {"refused", refused}}.dump());
    else
        fmt::print("{} added\n", added);
    if (refused == 0) return kOk;
    return say_error({fmt::format("{} had no room", refused),
                      "give the set a larger `size` in the policy, or add for a shorter time", 0});
}

int remove(SetArguments arguments) {
    if (arguments.values == std::vector<std::string>{"-"}) arguments.values = read_lines();
    std::uint64_t removed = 0;
    const int status = send_values(arguments.engine, service::RemoveFromSetCommand{arguments.set, {}}, arguments.values,
                                   [&](const service::SetRemovedReply& reply) { removed += reply.removed; });
    if (status != kOk) return status;
    if (arguments.format == "json")
        fmt::print("{}\n", Json{{"removed", removed}, {"refused", 0}}.dump());
    else
        fmt::print("{} removed\n", removed);
    return kOk;
}

}  // namespace

void add_set(CLI::App& app, int& status) {
    static SetArguments arguments;
    CLI::App* command = app.add_subcommand("set", "lists and changes the sets of a running engine");
    command->require_subcommand(1);
    const auto common = [&](CLI::App* action) {
        action->add_option("NAME", arguments.set, "name of the set")->required();
        add_asking_options(*action, arguments.engine, arguments.format);
        return action;
    };
    common(command->add_subcommand("list", "lists the entries that have not expired"))->callback([&status] {
        status = list(arguments);
    });
    CLI::App* adding = common(command->add_subcommand("add", "adds values, or sets a new expiry time"));
    adding
        ->add_option("VALUE", arguments.values,
                     "values, then optionally `for DURATION`; - reads values from standard input, one a line")
        ->required();
    adding->callback([&status] { status = add(arguments); });
    CLI::App* removing = common(command->add_subcommand("remove", "removes values"));
    removing->add_option("VALUE", arguments.values, "values; - reads them from standard input")->required();
    removing->callback([&status] { status = remove(arguments); });
}

}  // namespace weir::cli

// weir set: the sets of a running engine.
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

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTimeout_ms = 60'000;
constexpr std::size_t kValuesARequest = 1000;  // of 64 bytes at most: a request has 64 KB

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
    for (std::string line; std::getline(std::cin, line);) {
        line = line.substr(0, line.find('#'));
        const std::size_t first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
        if (first != std::string::npos) lines.push_back(line.substr(first, last - first + 1));
    }
    return lines;
}

// The engine's answer; nothing where it refuses, which has been said, with the status in `status`.
std::optional<Json> granted(const SetArguments& arguments, const Json& request, int& status) {
    auto answer = ask(arguments.engine, request, kTimeout_ms);
    if (!answer) return status = say_error(answer.error()), std::nullopt;
    if (status = say_refusal(*answer); status != kOk) return std::nullopt;
    return std::move(*answer);
}

int list(const SetArguments& arguments) {
    int status = kOk;
    const auto answer = granted(arguments, {{"command", "set"}, {"action", "list"}, {"set", arguments.set}}, status);
    if (!answer) return status;
    for (const Json& entry : (*answer)["entries"]) {
        if (arguments.format == "json")
            fmt::print("{}\n", entry.dump());
        else if (entry.contains("expires_in_ns"))
            fmt::print("{} for {}\n", entry.value("value", ""), duration_text(entry["expires_in_ns"]));
        else
            fmt::print("{}\n", entry.value("value", ""));
    }
    return kOk;
}

int change(SetArguments arguments, const char* action) {
    Json request{{"command", "set"}, {"action", action}, {"set", arguments.set}};
    std::vector<std::string>& values = arguments.values;
    if (values.size() >= 2 && values[values.size() - 2] == "for" && action == std::string_view("add")) {
        const auto for_ns = duration_ns(values.back());
        if (!for_ns)
            return say_error({fmt::format("`{}` is no duration", values.back()),
                              "write `for 10m`; the units are us, ms, s, m, h and d", 0}),
                   int{kUsage};
        request["for_ns"] = *for_ns;
        values.resize(values.size() - 2);
    }
    if (values == std::vector<std::string>{"-"}) values = read_lines();
    std::uint64_t done = 0, refused = 0;
    for (std::size_t begin = 0; begin < values.size(); begin += kValuesARequest) {
        request["values"] = std::vector<std::string>(
            values.begin() + static_cast<std::ptrdiff_t>(begin),
            values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), begin + kValuesARequest)));
        int status = kOk;
        const auto answer = granted(arguments, request, status);
        if (!answer) return status;
        done += answer->value("added", std::uint64_t{0}) + answer->value("removed", std::uint64_t{0});
        refused += answer->value("refused", std::uint64_t{0});
    }
    const char* word = action == std::string_view("add") ? "added" : "removed";
    if (arguments.format == "json")
        fmt::print("{}\n", Json{{word, done}, {"refused", refused}}.dump());
    else
        fmt::print("{} {}\n", done, word);
    if (refused == 0) return kOk;
    return say_error({fmt::format("{} had no room", refused), "a larger `size` in the policy, or a shorter time", 0});
}

}  // namespace

void add_set(CLI::App& app, int& status) {
    static SetArguments arguments;
    CLI::App* command = app.add_subcommand("set", "the sets of a running engine: what is in them, and changes by hand");
    command->require_subcommand(1);
    const auto common = [&](CLI::App* action) {
        action->add_option("NAME", arguments.set, "name of the set")->required();
        add_asking_options(*action, arguments.engine, arguments.format);
        return action;
    };
    common(command->add_subcommand("list", "entries whose time is not over"))->callback([&status] {
        status = list(arguments);
    });
    CLI::App* add = common(command->add_subcommand("add", "adds values, or gives those that are there a new time"));
    add->add_option("VALUE", arguments.values,
                    "values, then `for DURATION`; - reads values from standard input, one a line")
        ->required();
    add->callback([&status] { status = change(arguments, "add"); });
    CLI::App* remove = common(command->add_subcommand("remove", "removes values"));
    remove->add_option("VALUE", arguments.values, "values; - reads them from standard input")->required();
    remove->callback([&status] { status = change(arguments, "remove"); });
}

}  // namespace weir::cli

// Tested by tests/cli/usage_test.py with `did you mean`.
#include "cli/usage.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <span>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/terminal.h"
#include "grammar/base/nearest.h"

namespace weir::cli {
namespace {

std::string did_you_mean(const std::string& near) {
    return near.empty() ? std::string() : fmt::format("; did you mean `{}`?", near);
}

// "weir set add"
std::string full_name(const CLI::App* command) {
    const CLI::App* parent = command->get_parent();
    return parent == nullptr ? command->get_name() : full_name(parent) + " " + command->get_name();
}

// The command that the words lead to, and the word that should have been one of its commands; empty where all are.
struct Path {
    const CLI::App* command;
    std::string unknown{};
};
Path follow(const CLI::App& app, std::span<const char* const> words) {
    Path path{&app, {}};
    for (const std::string word : words) {
        if (word == "--") break;
        if (word.starts_with('-')) continue;
        const auto below = path.command->get_subcommands([](const CLI::App*) { return true; });
        if (below.empty()) break;
        const auto known =
            std::find_if(below.begin(), below.end(), [&](const CLI::App* one) { return one->get_name() == word; });
        if (known == below.end()) {
            path.unknown = word;
            break;
        }
        path.command = *known;
    }
    return path;
}

std::string nearest_command(const CLI::App& app, const std::string& word) {
    Nearest near(word);
    for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) near.offer(one->get_name());
    return near.best();
}

std::string nearest_option(const CLI::App& command, const std::string& word) {
    const std::string bare = word.substr(word.find_first_not_of('-'));
    Nearest near(bare);
    for (const CLI::Option* option : command.get_options())
        for (const std::string& name : option->get_lnames()) near.offer(name);
    return near.best().empty() ? std::string() : "--" + near.best();
}

// The first of the words that looks like an option and is none of `command`.
std::string unknown_option(const CLI::App& command, std::span<const char* const> words) {
    for (const std::string word : words) {
        if (word == "--") break;
        const std::string name = word.substr(0, word.find('='));
        if (name.size() > 2 && name.starts_with("--") && command.get_option_no_throw(name) == nullptr) return name;
    }
    return {};
}

}  // namespace

int say_usage(const std::string& sentence) {
    const bool colour = colour_of(STDERR_FILENO) == Colour::kOn;
    put(stderr, "{}weir: {}{}\n", colour ? "\x1b[1;31m" : "", colour ? "\x1b[0m" : "", printable(sentence));
    return kUsage;
}

int say_wrong_usage(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv) {
    const std::span<const char* const> words(argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0)));
    const Path path = follow(app, words);
    const std::string name = full_name(path.command);
    const bool at_top = path.command == &app;
    const std::string of = at_top ? "" : fmt::format(" of `{}`", name);
    if (!path.unknown.empty()) {
        say_usage(fmt::format("unknown command `{}`{}{}", path.unknown, of,
                              did_you_mean(nearest_command(*path.command, path.unknown))));
    } else if (const std::string option = unknown_option(*path.command, words); !option.empty()) {
        say_usage(
            fmt::format("unknown option `{}`{}{}", option, of, did_you_mean(nearest_option(*path.command, option))));
    } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
               !path.command->get_subcommands([](const CLI::App*) { return true; }).empty()) {
        say_usage(fmt::format("`{}` needs a command", name));
    } else {
        say_usage(at_top ? std::string(error.what()) : fmt::format("{}: {}", name.substr(5), error.what()));
    }
    put(stderr, "      `{} --help` says how it is used\n", name);
    return kUsage;
}

bool reads_stdin(const std::vector<std::string>& files) {
    return std::find(files.begin(), files.end(), "-") != files.end();
}

int refuse_repeated_stdin(const std::vector<std::string>& files) {
    if (std::count(files.begin(), files.end(), "-") < 2) return kOk;
    return say_usage("standard input can be read once: name `-` once");
}

}  // namespace weir::cli

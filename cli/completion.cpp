// weir completion: completion scripts for shells.
// Tested by tests/cli/answers_test.py with `"completion"`.
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace weir::cli {
namespace {

struct Command {
    std::string name;
    std::string description;
    std::vector<std::string> options;
};

std::vector<Command> commands_of(const CLI::App& app) {
    std::vector<Command> commands;
    for (const CLI::App* sub : app.get_subcommands({})) {
        Command command{sub->get_name(), sub->get_description(), {}};
        for (const CLI::Option* option : sub->get_options())
            for (const std::string& name : option->get_lnames()) command.options.push_back("--" + name);
        commands.push_back(std::move(command));
    }
    return commands;
}

// In single quotes, for any of the shells.
std::string in_quotes(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string bash(const std::vector<Command>& commands) {
    std::string names, cases;
    for (const Command& command : commands) {
        names += command.name + " ";
        std::string options;
        for (const std::string& option : command.options) options += option + " ";
        cases += fmt::format("        {}) words={} ;;\n", command.name, in_quotes(options));
    }
    return fmt::format(R"(# weir completion bash > /etc/bash_completion.d/weir
_weir() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} words=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W {} -- "$current"))
        return
    fi
    case ${{COMP_WORDS[1]}} in
{}    esac
    case $current in
        -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
        *) COMPREPLY=($(compgen -f -- "$current")) ;;
    esac
}}
complete -o filenames -F _weir weir
)",
                       in_quotes(names), cases);
}

std::string zsh(const std::vector<Command>& commands) {
    std::string names, cases;
    for (const Command& command : commands) {
        names += fmt::format("        {}\n", in_quotes(command.name + ":" + command.description));
        std::string options;
        for (const std::string& option : command.options) options += option + " ";
        cases += fmt::format("        {}) compadd -- {} ;;\n", command.name, options);
    }
    return fmt::format(R"(#compdef weir
# weir completion zsh > "${{fpath[1]}}/_weir"
_weir() {{
    local -a commands
    commands=(
{}    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    case $words[2] in
{}    esac
    _files
}}
_weir "$@"
)",
                       names, cases);
}

std::string fish(const std::vector<Command>& commands) {
    std::string out = "# weir completion fish > ~/.config/fish/completions/weir.fish\n";
    for (const Command& command : commands) {
        out += fmt::format("complete -c weir -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                           in_quotes(command.description));
        for (const std::string& option : command.options)
            out += fmt::format("complete -c weir -n '__fish_seen_subcommand_from {}' -l {}\n", command.name,
                               option.substr(2));
    }
    return out;
}

}  // namespace

void add_completion(CLI::App& app, int& status) {
    static std::string shell;
    CLI::App* command = app.add_subcommand("completion", "prints a completion script for bash, zsh or fish");
    command->footer("    weir completion bash > /etc/bash_completion.d/weir");
    command->add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->callback([&app, &status] {
        const std::vector<Command> commands = commands_of(app);
        std::fputs((shell == "bash"  ? bash(commands)
                    : shell == "zsh" ? zsh(commands)
                                     : fish(commands))
                       .c_str(),
                   stdout);
        status = kOk;
    });
}

}  // namespace weir::cli

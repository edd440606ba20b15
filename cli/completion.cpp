// weir completion: completion scripts for shells. They ask `weir __complete` on each Tab (cli/complete.h).
// Tested by tests/cli/completion_test.py with `"completion"`.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace weir::cli {
namespace {

// Candidates are data: they are never expanded (`compgen -W` would do that), and are quoted as the shell itself quotes.
constexpr const char* kBash = R"(# weir completion bash > /etc/bash_completion.d/weir
_weir() {
    local candidate files pattern quoted
    local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}") answer patterns
    words=("${words[@]//\\/}")
    local current=${words[-1]}
    COMPREPLY=()
    mapfile -t answer < <("$1" __complete bash "${words[@]}" 2>/dev/null)
    files=${answer[0]}
    for candidate in "${answer[@]:1}"; do
        printf -v quoted %q "$candidate"
        COMPREPLY+=("$quoted")
    done
    [ -n "$files" ] || return
    compopt -o filenames 2>/dev/null
    if [ "$files" != folders ]; then
        read -ra patterns <<< "$files"
        for pattern in "${patterns[@]}"; do
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!$pattern" -- "$current")
        done
    fi
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current")
    [ "${#COMPREPLY[@]}" -gt 0 ] || [ "$files" = folders ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -F _weir weir
)";

constexpr const char* kZsh = R"(#compdef weir
# weir completion zsh > "${fpath[1]}/_weir"
_weir() {
    local -a answer values described
    local line files
    answer=("${(@f)$("${words[1]}" __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    files=$answer[1]
    for line in "${(@)answer[2,-1]}"; do
        values+=("${line%%$'\t'*}")
        described+=("${line/$'\t'/  -- }")
    done
    (( $#values )) && compadd -d described -a values
    case $files in
        '') ;;
        folders) _files -/ ;;
        *) _files -g "$files" ;;
    esac
}
if [ "$funcstack[1]" = "_weir" ]; then _weir "$@"; else compdef _weir weir; fi
)";

constexpr const char* kFish = R"(# weir completion fish > ~/.config/fish/completions/weir.fish
function __weir_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l answer ($program __complete fish $words "$current" 2>/dev/null)
    set -l files $answer[1]
    set -e answer[1]
    if test (count $answer) -gt 0
        printf '%s\n' $answer
    end
    switch "$files"
        case ''
        case folders
            __fish_complete_directories "$current"
        case '*'
            for pattern in (string split ' ' -- $files)
                __fish_complete_suffix (string sub -s 2 -- $pattern)
            end
    end
end
complete -c weir -f -a '(__weir_complete)'
)";

}  // namespace

void add_completion(CLI::App& app, int& status) {
    static std::string shell;
    CLI::App* command = app.add_subcommand("completion", "prints a completion script for bash, zsh or fish");
    command->footer("    weir completion bash > /etc/bash_completion.d/weir");
    command->add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->callback([&status] {
        std::fputs(shell == "bash" ? kBash : shell == "zsh" ? kZsh : kFish, stdout);
        status = kOk;
    });
}

}  // namespace weir::cli

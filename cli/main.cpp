// weir: arguments to commands, commands to an exit status.
#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace {

constexpr const char* kAbout =
    "weir: policies for packets, compiled to eBPF and swapped live.\n\n"
    "A first policy, edge.rules:\n"
    "    rule telnet { when tcp.dport == 23 then alert telnet, drop }\n"
    "    alert telnet { message \"telnet from {ip.src}\" }\n\n"
    "    weir check edge.rules              is it in order?\n"
    "    weir test edge.rules               do its own tests hold?\n"
    "    weir replay edge.rules some.pcap   what would it have done?\n"
    "    weir run edge.rules -i eth0        in force, in the foreground\n";

constexpr const char* kStatuses =
    "Exit status: 0 done; 1 the policy, a test or a comparison is at fault; 2 usage; 3 the world failed (file, "
    "kernel,\n"
    "network). The language: docs/language.md. Each command explains itself: weir COMMAND --help";

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves is an error to be told, not a death
    CLI::App app{kAbout, "weir"};
    app.footer(kStatuses);
    app.set_version_flag("--version", WEIR_VERSION);
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::simple);
    int status = weir::kOk;
    for (const auto add :
         {weir::cli::add_check, weir::cli::add_test, weir::cli::add_fmt, weir::cli::add_explain, weir::cli::add_replay,
          weir::cli::add_compile, weir::cli::add_bench, weir::cli::add_run, weir::cli::add_reload,
          weir::cli::add_promote, weir::cli::add_confirm, weir::cli::add_rollback, weir::cli::add_status,
          weir::cli::add_top, weir::cli::add_events, weir::cli::add_set, weir::cli::add_completion})
        add(app, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {  // CLI11's way to say both "help" and "wrong"
        return app.exit(error) == 0 ? weir::kOk : weir::kUsage;
    }
    return weir::cli::finish_output(status);
}

// weir: arguments to commands, commands to an exit status.
// Tested by tests/cli/answers_test.py with `"--help"`.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "cli/version.h"
#include "service/side_process.h"
#include "service/worker_process.h"

namespace {

constexpr const char* kAbout =
    "weir filters packets: policies are compiled to eBPF, attached to XDP, and swapped live.\n\n"
    "A first policy, edge.rules:\n"
    "    rule telnet { when tcp.dport == 23 then alert telnet, drop }\n"
    "    alert telnet { message \"telnet from {ip.src}\" }\n\n"
    "    weir check edge.rules              checks the policy\n"
    "    weir test edge.rules               runs its tests\n"
    "    weir replay edge.rules some.pcap   runs a capture through it\n"
    "    weir run edge.rules -i eth0        attaches it, in the foreground\n";

constexpr const char* kStatuses =
    "Exit status: 0 done; 1 the policy, a test or a comparison is at fault; 2 usage; 3 a file, the "
    "kernel\n"
    "or the network failed. The language: docs/language.md. Help on a command: weir COMMAND --help";

// A file that is opened must not become standard output because that was closed.
void open_standard_descriptors() {
    for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd <= STDERR_FILENO; fd = open("/dev/null", O_RDWR)) {}
}

// Of each command, and before it.
void add_quiet(CLI::App& command) {
    command.add_flag_callback("-q,--quiet", weir::cli::be_quiet, "print only errors and results");
    for (CLI::App* below : command.get_subcommands([](CLI::App*) { return true; })) add_quiet(*below);
}

// `--version` belongs to no command, and is answered before other options are read.
bool asks_for_json(int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (const std::string_view word = argv[i];
            word == "--format=json" || (word == "--format" && i + 1 < argc && std::string_view(argv[i + 1]) == "json"))
            return true;
    return false;
}

// Made when there is still memory.
std::string& out_of_memory_text() {
    static std::string text;
    return text;
}

// Where memory ends there is nothing to go on with: LLVM cannot be unwound. One sentence, and the status of the world.
void end_without_memory(int argc, char** argv) {
    std::string call = "weir";
    for (int i = 1; i < argc; ++i) call += " " + weir::printable(argv[i]);
    out_of_memory_text() = "weir: too little memory for `" + call +
                           "`: the policy, or a file that it reads, is too large for this machine\n"
                           "      or for the limits of this process: ulimit -v, memory.max of its control group\n";
    std::set_new_handler([] {
        const std::string& text = out_of_memory_text();
        static_cast<void>(write(STDERR_FILENO, text.data(), text.size()) == 0);
        _exit(weir::kWorldFault);
    });
}

}  // namespace

int main(int argc, char** argv) {
    if (weir::service::is_worker(argc, argv)) return weir::service::worker_main();
    if (weir::service::is_side_process(argc, argv)) return weir::service::side_process_main(argc, argv);
    open_standard_descriptors();
    end_without_memory(argc, argv);
    // A closed pipe and a file that is as large as it may be are errors (EPIPE, EFBIG), no ends.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    CLI::App app{kAbout, "weir"};
    app.footer(kStatuses);
    app.set_version_flag("--version", [argc, argv] {
        return asks_for_json(argc, argv) ? weir::cli::version_json() : weir::cli::version_text();
    });
    app.require_subcommand(1);
    int status = weir::kOk;
    for (const auto add :
         {weir::cli::add_check,     weir::cli::add_test,   weir::cli::add_fmt,     weir::cli::add_explain,
          weir::cli::add_import,    weir::cli::add_replay, weir::cli::add_compile, weir::cli::add_bench,
          weir::cli::add_run,       weir::cli::add_reload, weir::cli::add_promote, weir::cli::add_confirm,
          weir::cli::add_rollback,  weir::cli::add_status, weir::cli::add_stop,    weir::cli::add_top,
          weir::cli::add_events,    weir::cli::add_flows,  weir::cli::add_set,     weir::cli::add_record,
          weir::cli::add_diff,      weir::cli::add_push,   weir::cli::add_fleet,   weir::cli::add_lsp,
          weir::cli::add_completion})
        add(app, status);
    add_quiet(app);
    if (weir::cli::is_completion(argc, argv)) return weir::cli::complete(app, argc, argv);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {  // CLI11 throws it for --help and for wrong usage
        if (error.get_exit_code() != 0) return weir::cli::say_wrong_usage(app, error, argc, argv);
        status = app.exit(error);
    } catch (const std::system_error& error) {  // a thread that cannot be started
        status = weir::cli::say_error(error.what());
    }
    return weir::cli::finish_output(status);
}

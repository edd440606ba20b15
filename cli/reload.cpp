// weir reload, confirm, rollback, promote: changes the policy of a running engine.
// Tested by tests/cli/live_test.py with `"reload"`.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "grammar/rendered.h"
#include "runtime/kernel.h"
#include "runtime/memory_file.h"
#include "service/command_codec.h"
#include "service/duration.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {
namespace {

constexpr int kTimeout_ms = 330'000;  // the compiler is ended after 180 s, the verifier after 120 s

struct ReloadArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::string name{};
    std::string confirm_within{};
    std::string samples{};
    bool shadow = false;
    bool no_tests = false;
    bool dry_run = false;
};

// What programs read. People read what the commands below print.
bool print_json(const std::string& format, const service::Reply& reply) {
    if (format != "json") return false;
    put("{}\n", service::encode_result(reply));
    return true;
}

void print_compared(const service::ReloadReply& reply, const service::Compared& compared) {
    put("candidate {} runs beside policy {}, generation {}; weir status has the disagreements, {} samples of them\n",
        printable(compared.candidate), printable(reply.policy), reply.generation, printable(compared.samples));
}

void print_committed(const service::ReloadReply& reply, const service::Committed& committed,
                     const std::string& confirm_within) {
    put("policy {} in force: generation {}, {} rules (compiled in {:.0f} ms, loaded in {:.0f} ms, swapped in {:.1f} "
        "us)\n",
        printable(reply.policy), reply.generation, reply.rules, reply.compile_ms, committed.load_ms,
        committed.commit_us);
    for (const std::string& identity : committed.forgotten)
        put("the state of `{}` is gone: this policy does not use it\n", printable(identity));
    if (!confirm_within.empty())
        put("unless `weir confirm` comes within {}, generation {} will be in force again\n", confirm_within,
            committed.falls_back_to.value_or(0));
}

// The policy on standard input, as a file in memory. Its imports are relative to this process's folder.
Status attach_stdin(service::ReloadCommand& command) {
    auto text = tooling::read_file("-");
    if (!text) return text.error();
    auto memory = runtime::make_memory_file("weir-stdin", *text);
    if (!memory) return memory.error();
    command.text = std::move(*memory);
    command.file = tooling::from_root(service::kStdinName);
    return Done{};
}

// "a, b and 7 more"
std::string some_of(const std::vector<std::string>& names) {
    constexpr std::size_t kMost = 20;
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kMost; ++i) text += (i == 0 ? "" : ", ") + printable(names[i]);
    return names.size() <= kMost ? text : fmt::format("{} and {} more", text, names.size() - kMost);
}

void print_planned(const service::ReloadReply& reply, const service::Planned& planned) {
    put("nothing was changed; generation {} stays in force\n"
        "policy {} would follow it: {} rules (compiled in {:.0f} ms, loaded in {:.0f} ms)\n",
        reply.generation, printable(reply.policy), reply.rules, reply.compile_ms, planned.load_ms);
    if (!planned.new_rules.empty()) put("    new rules: {}\n", some_of(planned.new_rules));
    if (!planned.removed_rules.empty()) put("    rules that go: {}\n", some_of(planned.removed_rules));
    for (const std::string& identity : planned.forgotten)
        put("    the state of `{}` would be lost: that policy does not use it\n", printable(identity));
    if (!planned.changes.empty()) put("\n{}", printable_rendered(planned.changes, Colour::kOff));
}

// The first Ctrl-C withdraws the reload, the second ends the waiting.
struct Withdrawal {
    bool is_asked = false;
    bool operator()(service::EngineConnection& engine) {
        constexpr int kSend_ms = 1000;
        if (std::exchange(is_asked, true)) return false;
        return static_cast<bool>(engine.send(service::encode(service::WithdrawCommand{}), kSend_ms));
    }
};

std::optional<service::ReloadReply> ask_or_withdraw(const std::string& name, service::ReloadCommand command,
                                                    int& status) {
    const Interrupt interrupt;
    Withdrawal withdrawal;
    const OnInterrupt on_interrupt{interrupt, std::ref(withdrawal)};
    auto reply = ask_any(name, std::move(command), kTimeout_ms, &on_interrupt);
    if (!reply && reply.error().number == EINTR) {
        status = say_error(Error{"the engine has not said yet what became of the reload",
                                 "weir status shows which policy is in force", EINTR});
        return std::nullopt;
    }
    if (!reply) return status = say_error(reply.error()), std::nullopt;
    if (const auto* refusal = std::get_if<service::Refusal>(&*reply))
        return status = say_refusal(*refusal), std::nullopt;
    if (withdrawal.is_asked)
        put(stderr, "weir: too late to withdraw the reload: it is done\n      weir rollback undoes it\n");
    return std::get<service::ReloadReply>(std::move(*reply));
}

int reload(const ReloadArguments& arguments) {
    service::ReloadCommand command;
    if (arguments.file == "-") {
        if (Status attached = attach_stdin(command); !attached) return say_error(attached.error());
    } else if (!arguments.file.empty()) {
        command.file = tooling::from_root(arguments.file);
    }
    for (const std::string& folder : arguments.options.include_dirs)
        command.include.push_back(tooling::from_root(folder));
    if (!arguments.confirm_within.empty())
        command.confirm_within_ms = *service::parse_duration_ms(arguments.confirm_within);
    command.deny_warnings = arguments.options.deny_warnings;
    command.format = arguments.options.format;
    command.colour = colour_of(STDERR_FILENO) == Colour::kOn;
    command.shadow = arguments.shadow;
    command.no_tests = arguments.no_tests;
    command.dry_run = arguments.dry_run;
    if (!arguments.samples.empty()) command.samples = tooling::from_root(arguments.samples);
    int status = kOk;
    const auto reply = ask_or_withdraw(arguments.name, std::move(command), status);
    if (!reply) return status;
    if (!is_quiet() || arguments.options.format != "human")
        std::fputs(printable_rendered(reply->diagnostics, colour_of(STDERR_FILENO)).c_str(), stderr);
    for (const std::string& problem : reply->problems)
        if (!is_quiet())
            put(stderr, "weir: warning: {}; its events are lost until that is repaired\n", printable(problem));
    if (print_json(arguments.options.format, *reply)) return kOk;
    if (reply->observe) put("observe: verdicts are not enforced\n");
    if (const auto* planned = std::get_if<service::Planned>(&reply->outcome))
        print_planned(*reply, *planned);
    else if (const auto* compared = std::get_if<service::Compared>(&reply->outcome))
        print_compared(*reply, *compared);
    else
        print_committed(*reply, std::get<service::Committed>(reply->outcome), arguments.confirm_within);
    return kOk;
}

struct ChangeArguments {
    std::string format = "human";
    std::string name{};
};

template <typename C>
int change(const ChangeArguments& arguments, const C& command, const char* sentence) {
    int status = kOk;
    const auto reply = ask(arguments.name, command, kTimeout_ms, status);
    if (!reply) return status;
    if (!print_json(arguments.format, *reply))
        put("policy {} in force{}: generation {}\n", printable(reply->policy), sentence, reply->generation);
    return kOk;
}

struct PromoteArguments : ChangeArguments {
    service::PromoteCommand command{};
};

CLI::App* add_change(CLI::App& app, ChangeArguments& arguments, const char* name, const char* about) {
    CLI::App* command = app.add_subcommand(name, about);
    add_asking_options(*command, arguments.name, arguments.format);
    return command;
}

}  // namespace

void add_reload(CLI::App& app, int& status) {
    static ReloadArguments arguments;
    CLI::App* command =
        app.add_subcommand("reload", "swaps the policy of a running engine; returns when it is in force or refused");
    command->footer(
        "The tests in FILE run first; one that fails refuses the policy. A refused policy changes nothing.\n"
        "Ctrl-C withdraws a reload that is not in force yet.\n"
        "Counters continue for rules that keep their name.");
    command->add_option("FILE", arguments.file, "policy; - is standard input; default: read the file in force again");
    add_name_option(*command, arguments.name);
    command
        ->add_option("--confirm-within", arguments.confirm_within,
                     "the kernel restores the previous policy unless `weir confirm` is run within this time: 60s, 5m")
        ->type_name("TIME")
        ->check([](const std::string& text) {
            return service::parse_duration_ms(text) ? std::string()
                                                    : "`" + text + "` is not a time such as 60s or 5m, up to a week";
        });
    CLI::Option* shadow =
        command->add_flag("--shadow", arguments.shadow,
                          "run the policy beside the one in force, on the same packets, without enforcing it");
    command
        ->add_option(
            "--samples", arguments.samples,
            "with --shadow: file for packets on which they disagree; default: /var/lib/weir/NAME/disagreements.pcapng")
        ->type_name("F.pcapng")
        ->needs(shadow);
    shadow->excludes("--confirm-within");
    command
        ->add_flag("--dry-run", arguments.dry_run,
                   "check, test, compile and load the policy, say what would change, and change nothing")
        ->excludes(shadow)
        ->excludes("--confirm-within");
    command->add_flag("--no-tests", arguments.no_tests, "put the policy in force without running its tests first");
    add_policy_options(*command, arguments.options);
    command->callback([&status] { status = reload(arguments); });
}

void add_confirm(CLI::App& app, int& status) {
    static ChangeArguments arguments;
    add_change(app, arguments, "confirm", "keeps the policy of a reload with --confirm-within")->callback([&status] {
        status = change(arguments, service::ConfirmCommand{}, " for good");
    });
}

void add_promote(CLI::App& app, int& status) {
    static PromoteArguments arguments;
    CLI::App* command = add_change(app, arguments, "promote", "puts the candidate of `weir reload --shadow` in force");
    CLI::Option* under = command->add_option("--if-disagreements-under", arguments.command.if_disagreements_under,
                                             "only if they disagreed on fewer packets; else status 1");
    command->add_flag("--cancel", arguments.command.cancel, "ends the comparison; the policy in force stays")
        ->excludes(under);
    command->callback([&status] { status = change(arguments, arguments.command, ""); });
}

void add_rollback(CLI::App& app, int& status) {
    static ChangeArguments arguments;
    add_change(app, arguments, "rollback", "puts the previous policy back in force, at once; five are kept")
        ->callback([&status] { status = change(arguments, service::RollbackCommand{}, " again"); });
}

}  // namespace weir::cli

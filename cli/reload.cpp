// weir reload, confirm, rollback: another policy for a running engine.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTimeout_ms = 150'000;  // the compiler is ended after 120 s

struct ReloadArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::string name{};
    std::string confirm_within{};
    std::string samples{};
    bool shadow = false;
};

// Sends a request, and tells people (`tell`) or programs what the engine answered.
template <typename Tell>
int ask_and_tell(const std::string& engine, const Json& request, const std::string& format, const Tell& tell) {
    auto answer = ask(engine, request, kTimeout_ms);
    if (!answer) return say_error(answer.error());
    std::fputs(answer->value("diagnostics", "").c_str(), stderr);
    if (const int refused = say_refusal(*answer); refused != kOk) return refused;
    if (format == "json") {
        Json result = *answer;
        for (const char* key : {"ok", "status", "diagnostics"}) result.erase(key);
        fmt::print("{}\n", result.dump());
    } else {
        tell(*answer);
    }
    return kOk;
}

int reload(const ReloadArguments& arguments) {
    Json request{{"command", "reload"},
                 {"format", arguments.options.format},
                 {"colour", colour_of(STDERR_FILENO) == Colour::kOn},
                 {"deny_warnings", arguments.options.deny_warnings}};
    if (!arguments.file.empty()) request["file"] = tooling::from_root(arguments.file);
    for (const std::string& folder : arguments.options.include_dirs)
        request["include"].push_back(tooling::from_root(folder));
    if (!arguments.confirm_within.empty()) request["confirm_within_ms"] = *parse_duration_ms(arguments.confirm_within);
    if (!arguments.samples.empty()) request["samples"] = tooling::from_root(arguments.samples);
    if (arguments.shadow) request["shadow"] = true;
    return ask_and_tell(arguments.name, request, arguments.options.format, [&](const Json& answer) {
        if (arguments.shadow)
            return fmt::print(
                "candidate {} runs beside policy {}, generation {}; weir status has the disagreements, {} samples of "
                "them\n",
                answer.value("candidate", ""), answer.value("policy", ""), answer.value("generation", 0),
                answer.value("samples", ""));
        fmt::print(
            "policy {} in force: generation {}, {} rules (compiled in {:.0f} ms, loaded in {:.0f} ms, swapped in "
            "{:.1f} us)\n",
            answer.value("policy", ""), answer.value("generation", 0), answer.value("rules", 0),
            answer.value("compile_ms", 0.0), answer.value("load_ms", 0.0), answer.value("commit_us", 0.0));
        for (const auto& identity : answer.value("forgotten", Json::array()))
            fmt::print("the state of `{}` is gone: nothing in this policy goes on with it\n",
                       identity.get<std::string>());
        if (!arguments.confirm_within.empty())
            fmt::print("unless `weir confirm` comes within {}, generation {} will be in force again\n",
                       arguments.confirm_within, answer.value("falls_back_to", 0));
    });
}

struct ChangeArguments {
    std::string format = "human";
    std::string name{};
};

int change(const ChangeArguments& arguments, const char* what, const char* sentence) {
    return ask_and_tell(arguments.name, {{"command", what}}, arguments.format, [&](const Json& answer) {
        fmt::print("policy {} in force{}: generation {}\n", answer.value("policy", ""), sentence,
                   answer.value("generation", 0));
    });
}

struct PromoteArguments : ChangeArguments {
    std::optional<std::uint64_t> under{};
    bool cancel = false;
};

int promote(const PromoteArguments& arguments) {
    Json request{{"command", "promote"}, {"cancel", arguments.cancel}};
    if (arguments.under) request["if_disagreements_under"] = *arguments.under;
    return ask_and_tell(arguments.name, request, arguments.format, [&](const Json& answer) {
        fmt::print("policy {} in force: generation {}\n", answer.value("policy", ""), answer.value("generation", 0));
    });
}

CLI::App* add_change(CLI::App& app, ChangeArguments& arguments, const char* name, const char* about) {
    CLI::App* command = app.add_subcommand(name, about);
    add_asking_options(*command, arguments.name, arguments.format);
    return command;
}

}  // namespace

void add_reload(CLI::App& app, int& status) {
    static ReloadArguments arguments;
    CLI::App* command =
        app.add_subcommand("reload", "swaps the policy of a running engine; returns once it is in force, or refused");
    command->footer("A policy that is refused changes nothing. Counters of rules that keep their name go on.");
    command->add_option("FILE", arguments.file, "policy; else the file in force, read again");
    add_name_option(*command, arguments.name);
    command
        ->add_option(
            "--confirm-within", arguments.confirm_within,
            "the kernel itself goes back to the policy before, unless `weir confirm` comes within this time: 60s, 5m")
        ->type_name("TIME")
        ->check([](const std::string& text) {
            return parse_duration_ms(text) ? std::string()
                                           : "`" + text + "` is no time such as 60s or 5m, up to a week";
        });
    CLI::Option* shadow =
        command->add_flag("--shadow", arguments.shadow,
                          "the policy runs beside the one in force, on the same packets, and enforces nothing");
    command
        ->add_option(
            "--samples", arguments.samples,
            "with --shadow: where packets go on which they disagree; else /var/lib/weir/NAME/disagreements.pcapng")
        ->type_name("F.pcapng")
        ->needs(shadow);
    shadow->excludes("--confirm-within");
    add_policy_options(*command, arguments.options);
    command->callback([&status] { status = reload(arguments); });
}

void add_confirm(CLI::App& app, int& status) {
    static ChangeArguments arguments;
    add_change(app, arguments, "confirm", "keeps the policy of a reload that is to be confirmed")->callback([&status] {
        status = change(arguments, "confirm", " for good");
    });
}

void add_promote(CLI::App& app, int& status) {
    static PromoteArguments arguments;
    CLI::App* command = add_change(app, arguments, "promote", "puts the candidate of weir reload --shadow in force");
    CLI::Option* under = command->add_option("--if-disagreements-under", arguments.under,
                                             "only where they disagreed on fewer packets; else status 1");
    command->add_flag("--cancel", arguments.cancel, "ends the comparison; the policy in force stays")->excludes(under);
    command->callback([&status] { status = promote(arguments); });
}

void add_rollback(CLI::App& app, int& status) {
    static ChangeArguments arguments;
    add_change(app, arguments, "rollback",
               "puts the policy before the one in force back in force, at once; five are kept")
        ->callback([&status] { status = change(arguments, "rollback", " again"); });
}

}  // namespace weir::cli

// weir reload: another policy for a running engine.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "runtime/control.h"

namespace weir::cli {
namespace {

constexpr int kTimeout_ms = 150'000;   // the compiler is ended after 120 s

struct ReloadArguments {
    PolicyOptions options{};
    std::string file{};
    std::string name{};
};

// The engine has a folder of its own: paths go to it from the root.
std::string from_root(const std::string& path) {
    if (path.starts_with('/')) return path;
    char* folder = getcwd(nullptr, 0);
    const std::string text = folder == nullptr ? path : std::string(folder) + "/" + path;
    std::free(folder);
    return text;
}

int reload(const ReloadArguments& arguments) {
    nlohmann::ordered_json request{{"command", "reload"}, {"format", arguments.options.format},
                                   {"colour", colour_of(STDERR_FILENO) == Colour::kOn},
                                   {"deny_warnings", arguments.options.deny_warnings}};
    if (!arguments.file.empty()) request["file"] = from_root(arguments.file);
    for (const std::string& folder : arguments.options.include_dirs) request["include"].push_back(from_root(folder));
    auto said = runtime::ask_engine(arguments.name, request.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace), kTimeout_ms);
    if (!said) return say_error(said.error());
    const auto answer = nlohmann::ordered_json::parse(*said, nullptr, false);
    if (!answer.is_object()) return say_error(std::string("the engine's answer cannot be read: is it of another version?"));
    std::fputs(answer.value("diagnostics", "").c_str(), stderr);
    if (!answer.value("ok", false)) {
        say_error({answer.value("error", "the engine refuses"), answer.value("help", ""), 0});
        return answer.value("status", int{kWorldFault});
    }
    if (arguments.options.format == "json") {
        auto result = answer;
        for (const char* key : {"ok", "status", "diagnostics"}) result.erase(key);
        fmt::print("{}\n", result.dump());
    } else {
        fmt::print("policy {} in force: generation {}, {} rules (compiled in {:.0f} ms, loaded in {:.0f} ms, swapped in {:.1f} us)\n",
                   answer.value("policy", ""), answer.value("generation", 0), answer.value("rules", 0),
                   answer.value("compile_ms", 0.0), answer.value("load_ms", 0.0), answer.value("commit_us", 0.0));
        for (const auto& identity : answer.value("forgotten", nlohmann::ordered_json::array()))
            fmt::print("the state of `{}` is gone: nothing in this policy goes on with it\n", identity.get<std::string>());
    }
    return kOk;
}

}  // namespace

void add_reload(CLI::App& app, int& status) {
    static ReloadArguments arguments;
    CLI::App* command = app.add_subcommand("reload", "swaps the policy of a running engine; returns once it is in force, or refused");
    command->footer("A policy that is refused changes nothing. Counters of rules that keep their name go on.");
    command->add_option("FILE", arguments.file, "policy; else the file in force, read again");
    command->add_option("--name", arguments.name, "which engine, where several run");
    add_policy_options(*command, arguments.options);
    command->callback([&status] { status = reload(arguments); });
}

}  // namespace weir::cli

// weir import: another system's rules as a policy.
// Tested by tests/cli/import_test.py with `"import"`.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "grammar/github.h"
#include "grammar/parser.h"
#include "tooling/files/output_file.h"
#include "tooling/files/read.h"
#include "tooling/import/import.h"
#include "tooling/import/words.h"

namespace weir::cli {
namespace {

using namespace tooling::imports;

struct ImportArguments {
    std::string format = "human";
    std::string kind{};
    std::vector<std::string> files{};
    std::string out{};
    std::string name = "imported";
    std::string chain = "input";
    std::vector<std::string> addresses{};
    std::vector<std::string> variables{};
    bool is_strict = false;
};

std::optional<IpPrefix> host_address(const std::string& text) {
    if (auto prefix = parse_prefix(text)) return prefix;
    if (const auto address = parse_ip(text))
        return IpPrefix{*address, static_cast<std::uint8_t>(address->version == 4 ? 32 : 128)};
    return std::nullopt;
}

std::string rules(std::size_t number) { return fmt::format("{} rule{}", number, number == 1 ? "" : "s"); }

// On standard error: how much of the original is said, and why not the rest.
void say_summary(const ImportCounts& counts) {
    if (is_quiet()) return;
    put(stderr, "{} read: {} said, {} said in part, {} not said", rules(counts.rules), counts.said, counts.partly,
        counts.unsaid);
    if (counts.unreached != 0) put(stderr, ", {} in chains that are not judged", counts.unreached);
    put(stderr, "\n");
    for (const auto& [reason, number] : counts.reasons) put(stderr, "{:>6}  {}\n", number, printable(reason));
}

// The diagnostics, and in formats that mark lines what of the original the policy does not say.
void say_findings(const ImportArguments& arguments, tooling::LoadedPolicy imported,
                  const std::vector<UnsaidRule>& unsaid = {}) {
    tooling::PolicyOptions options;
    options.format = arguments.format;
    PolicyFiles files(options);
    const Sources& sources = files.take(std::move(imported)).sources;
    for (const UnsaidRule& rule : unsaid) {
        const std::string id = rule.is_partly ? "imported-in-part" : "not-imported";
        const std::string message = fmt::format("{}: {}", rule.place, rule.reason);
        const std::uint32_t line = sources.position(rule.span.file, rule.span.begin).line;
        const std::string& file = sources.name(rule.span.file);
        if (arguments.format == "github")
            put("{}",
                github_line({arguments.is_strict ? "error" : "warning", file, {line, 1}, {line, 1}, id, message}));
        else
            files.add({id, rule.is_partly ? "the policy says it of fewer packets" : "the policy does not say it",
                       message, file, line, arguments.is_strict ? Severity::kError : Severity::kWarning});
    }
    files.write_sarif();
}

int say_diagnostics(const ImportArguments& arguments, tooling::LoadedPolicy loaded) {
    say_findings(arguments, std::move(loaded));
    return kPolicyFault;
}

// nft's text as JSON; `name`: as people see the file. Where nft refuses it, `loaded` has the text and what nft said.
Result<std::string> converted(const std::string& file, const std::string& name, const std::string& text,
                              tooling::LoadedPolicy& loaded) {
    const std::size_t slash = file.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
    NftRefusal refusal;
    auto json = nft_as_json(text, folder, refusal);
    if (json || refusal.message.empty()) return json;
    Sources& sources = loaded.sources;
    const std::uint32_t root = sources.add(name, text);
    std::uint32_t offset = 0;
    for (std::uint32_t line = 1; line < refusal.line && offset < text.size(); ++offset) line += text[offset] == '\n';
    offset = static_cast<std::uint32_t>(std::min<std::size_t>(offset + refusal.column - 1, text.size()));
    loaded.diagnostics.add({Code::E601,
                            {root, offset, offset + 1},
                            "nft refuses the text: " + refusal.message,
                            {},
                            "`weir import nft` reads what nft itself takes",
                            {},
                            {},
                            {},
                            {}});
    return std::string();
}

ImportOptions options_of(const ImportArguments& arguments) {
    ImportOptions options;
    options.judged = arguments.chain == "forward" ? HookKind::kForward : HookKind::kInput;
    for (const std::string& text : arguments.addresses) options.addresses.push_back(*host_address(text));
    for (const std::string& text : arguments.variables)
        options.variables[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
    return options;
}

Result<std::optional<ImportedPolicy>> import_kind(const ImportArguments& arguments, tooling::LoadedPolicy& loaded) {
    const ImportOptions options = options_of(arguments);
    if (arguments.kind == "iptables")
        return import_iptables(loaded.sources, arguments.name, options, loaded.diagnostics);
    if (arguments.kind == "suricata")
        return import_suricata(loaded.sources, arguments.name, options, loaded.diagnostics);
    return import_nft(loaded.sources, arguments.name, options, loaded.diagnostics);
}

int import_rules(const ImportArguments& arguments) {
    end_on_interrupt();
    if (const int wrong = refuse_repeated_stdin(arguments.files); wrong != kOk) return wrong;
    if (arguments.kind == "nft" && arguments.files.size() > 1) return say_usage("`import nft` reads one file");
    tooling::LoadedPolicy loaded;
    for (const std::string& file : arguments.files) {
        auto text = tooling::read_file(file);
        if (!text) return say_error(text.error());
        const std::string name = file == "-"                                ? "<stdin>"
                                 : tooling::is_for_review(arguments.format) ? tooling::from_here(file)
                                                                            : file;
        if (arguments.kind == "nft" && !is_json(*text)) {
            auto json = converted(file, name, *text, loaded);
            if (!json) return say_error(json.error());
            if (loaded.diagnostics.has_errors()) return say_diagnostics(arguments, std::move(loaded));
            text = std::move(json);
        }
        loaded.sources.add(name, std::move(*text));
    }
    auto imported = import_kind(arguments, loaded);
    if (!imported) return say_error(imported.error());
    if (!*imported) return say_diagnostics(arguments, std::move(loaded));
    const ImportedPolicy& policy = **imported;
    say_summary(policy.counts);
    const bool is_refused = arguments.is_strict && policy.counts.unsaid + policy.counts.partly != 0;
    // Else standard output has the policy.
    if ((is_refused || !arguments.out.empty()) && tooling::is_for_review(arguments.format))
        say_findings(arguments, std::move(loaded), policy.unsaid);
    if (is_refused) return kPolicyFault;
    if (arguments.out.empty()) {
        std::fwrite(policy.text.data(), 1, policy.text.size(), stdout);
        return kOk;
    }
    if (Status written = tooling::write_whole(arguments.out, policy.text); !written) return say_error(written.error());
    return kOk;
}

}  // namespace

void add_import(CLI::App& app, int& status) {
    static ImportArguments arguments;
    CLI::App* command = app.add_subcommand("import", "writes another system's rules as a policy");
    command->footer(
        "What cannot be said in the language is a comment with the reason at its place, and counted on standard "
        "error.\n"
        "docs/import.md says what becomes of what.");
    command
        ->add_option(
            "KIND", arguments.kind,
            "iptables: files of iptables-save, ip6tables-save and `ipset save`; nft: JSON of `nft -j list ruleset`, or "
            "nft's text where the program nft is there; suricata: files of rules")
        ->required()
        ->check(CLI::IsMember({"iptables", "nft", "suricata"}));
    command->add_option("FILE", arguments.files, "files that are read together; - is standard input")->required();
    command->add_option("-o,--out", arguments.out, "the policy; without it standard output")->type_name("OUT");
    command->add_flag("--strict", arguments.is_strict, "status 1, and no policy, if a rule is not said wholly");
    command->add_option("--policy", arguments.name, "the policy's name")
        ->type_name("NAME")
        ->check([](const std::string& text) {
            return is_policy_name(text)
                       ? std::string()
                       : fmt::format(
                             "`{}` is not a name such as `edge` or `web_host`: [a-z_][a-z0-9_]*, at most {} "
                             "bytes, no reserved word",
                             printable(text), kMaxNameBytes);
        })
        ->capture_default_str();
    command
        ->add_option("--chain", arguments.chain,
                     "whose rules judge the packets that come in, without --address: input or forward")
        ->check(CLI::IsMember({"input", "forward"}))
        ->capture_default_str();
    command
        ->add_option("--address", arguments.addresses,
                     "an address of the host, as `ip address` shows it: packets to one meet INPUT, all others FORWARD; "
                     "may be given several times")
        ->type_name("ADDRESS[/LENGTH]")
        ->check([](const std::string& text) {
            return host_address(text) ? std::string() : "neither an address nor an address with a length: " + text;
        });
    command
        ->add_option(
            "--set", arguments.variables,
            "suricata: the value of a variable, as HOME_NET=[10.0.0.0/8,192.0.2.0/24]; may be given several times")
        ->type_name("NAME=VALUE")
        ->check([](const std::string& text) {
            return text.find('=') == std::string::npos ? "NAME=VALUE is needed: " + text : std::string();
        });
    add_format_option(*command, arguments.format, tooling::FormatsOf::kPolicies, "diagnostics");
    command->callback([&status] { status = import_rules(arguments); });
}

}  // namespace weir::cli

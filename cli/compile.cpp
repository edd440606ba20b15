// weir compile: prints one stage of the compiler.
// Tested by tests/cli/answers_test.py with `"compile"`.
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "compiler/ir/print.h"
#include "grammar/parser.h"
#include "grammar/print.h"
#include "tooling/files/output_file.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {
namespace {

struct CompileArguments {
    tooling::PolicyOptions options{};
    std::string file{};
    std::string stage = "elf";
    std::string out{};
    bool egress = false;
};

int write_out(const CompileArguments& arguments, std::string_view bytes) {
    if (arguments.out.empty() || arguments.out == "-") {
        if (arguments.stage == "elf" && isatty(STDOUT_FILENO) == 1)
            return say_error({"an ELF file is not written to a terminal", "name a file: -o policy.o", 0});
        std::fwrite(bytes.data(), 1, bytes.size(), stdout);
        return kOk;
    }
    if (Status written = tooling::write_whole(arguments.out, bytes); !written) return say_error(written.error());
    return kOk;
}

// The syntax tree needs only a text that parses.
int emit_ast(const CompileArguments& arguments) {
    auto text = tooling::read_file(arguments.file);
    if (!text) return say_error(text.error());
    Sources sources;
    Diagnostics diagnostics;
    const std::uint32_t root = sources.add(arguments.file == "-" ? "<stdin>" : arguments.file, std::move(*text));
    const ast::Policy policy = parse(sources, root, diagnostics);
    std::fputs(
        render(sources, diagnostics, tooling::diagnostic_format(arguments.options.format), colour_of(STDERR_FILENO))
            .c_str(),
        stderr);
    return diagnostics.has_errors() ? int{kPolicyFault} : write_out(arguments, dump(sources, policy));
}

int emit(const CompileArguments& arguments) {
    end_on_interrupt();
    if (arguments.stage == "ast") return emit_ast(arguments);
    const tooling::LoadedPolicy loaded = load_policy(arguments.file, arguments.options);
    if (!loaded.compiled) return loaded.status;
    const Compiled& compiled = *loaded.compiled;
    if (arguments.stage == "decision") {
        std::string text = ir::print(compiled.decision, compiled.policy);
        if (compiled.egress) text += "\n# on the way out\n" + ir::print(*compiled.egress, compiled.policy);
        return write_out(arguments, text);
    }
    if (arguments.egress && !compiled.egress)
        return say_error({"the policy judges no packets on their way out", "it has no rule marked `egress`", 0});
    Progress progress("compiling " + arguments.file);
    if (arguments.stage == "elf") {
        const auto object = compile(compiled, {});
        progress.finish();
        if (!object) return say_error(object.error());
        const std::vector<std::uint8_t>& elf = arguments.egress ? object->egress_elf : object->elf;
        return write_out(arguments, {reinterpret_cast<const char*>(elf.data()), elf.size()});
    }
    const auto text = emit_text(compiled, arguments.stage == "llvm" ? Stage::kLlvm : Stage::kAsm,
                                arguments.egress ? packet::Direction::kOut : packet::Direction::kIn);
    progress.finish();
    return text ? write_out(arguments, *text) : say_error(text.error());
}

}  // namespace

void add_compile(CLI::App& app, int& status) {
    static CompileArguments arguments;
    CLI::App* command = app.add_subcommand("compile", "compiles a policy and prints one stage");
    command->add_option("FILE", arguments.file, "policy; - is standard input")->required();
    command
        ->add_option("--emit", arguments.stage,
                     "ast (syntax tree), decision (how rules are found), llvm, asm, or elf (the BPF object)")
        ->check(CLI::IsMember({"ast", "decision", "llvm", "asm", "elf"}))
        ->capture_default_str();
    command->add_flag("--egress", arguments.egress,
                      "the program for packets on their way out (of llvm, asm, elf); decision has both");
    command->add_option("-o,--output", arguments.out, "output file; default: standard output")->type_name("OUT");
    add_policy_options(*command, arguments.options);
    add_memory_option(*command, arguments.options);
    command->callback([&status] { status = emit(arguments); });
}

}  // namespace weir::cli

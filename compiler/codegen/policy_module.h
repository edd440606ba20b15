// A policy's BPF program on its way through LLVM, without LLVM's types: the steps that weir::compile() calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/tables.h"
#include "compiler/compiler.h"
#include "grammar/base/result.h"

namespace weir::codegen {

// What a process that compiles one policy after another keeps of LLVM's: the template of the next policy, read ahead,
// and the last policy's module beside its ELF.
class CodegenCache {
public:
    CodegenCache();
    ~CodegenCache();
    CodegenCache(const CodegenCache&) = delete;
    CodegenCache& operator=(const CodegenCache&) = delete;
    // Reads the template for the next policy, and the functions that the last one needed.
    void read_ahead();

private:
    friend class PolicyModule;
    struct State;
    std::unique_ptr<State> state_;
};

// The kernel's template with one policy in it. Errors are bugs of ours: LLVM refused what we made.
class PolicyModule {
public:
    // `tables` gets all that the code reads as data: literals, ranges, rules, trees. `cache` may be null; otherwise it
    // outlives the module.
    static Result<PolicyModule> fill(const Compiled& compiled, const CompileOptions& options, Tables& tables,
                                     CodegenCache* cache);
    PolicyModule(PolicyModule&&) noexcept;
    ~PolicyModule();

    // Each of these optimises the module first, and so is called once, and only one of them.
    Result<std::vector<std::uint8_t>> to_elf() &&;
    Result<std::string> to_assembly() &&;
    std::string to_llvm() &&;

private:
    struct State;
    explicit PolicyModule(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::codegen

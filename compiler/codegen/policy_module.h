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

// LLVM's part of a Session, by direction: the template for the next policy, read in advance, and the last policy's
// module with its ELF.
class CodegenCache {
public:
    CodegenCache();
    ~CodegenCache();
    CodegenCache(const CodegenCache&) = delete;
    CodegenCache& operator=(const CodegenCache&) = delete;
    // Reads the template for the next policy, and the functions that the last policy needed.
    void read_ahead();

private:
    friend class PolicyModule;
    struct State;
    std::unique_ptr<State> state_;
};

// The BPF template with one policy in it. An error is a bug of weir: LLVM refused what we emitted.
class PolicyModule {
public:
    // `tables` gets everything that the code reads as data: literals, ranges, rules, trees. `cache` may be null; if
    // not, it must outlive the module.
    static Result<PolicyModule> fill(const Compiled& compiled, const CompileOptions& options,
                                     packet::Direction direction, Tables& tables, CodegenCache* cache);
    PolicyModule(PolicyModule&&) noexcept;
    ~PolicyModule();

    // Call only one of these, and only once: each optimises the module first.
    Result<std::vector<std::uint8_t>> to_elf() &&;
    Result<std::string> to_assembly() &&;
    std::string to_llvm() &&;

private:
    struct State;
    explicit PolicyModule(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::codegen

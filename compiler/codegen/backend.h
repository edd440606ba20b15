// LLVM's part: a filled module through the passes and out as an ELF, assembly or code for this CPU.
#pragma once

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/tables.h"
#include "compiler/codegen/template.h"
#include "compiler/compiler.h"

namespace weir::codegen {

// Keeps LLVM's complaints: its own answer to an error is to end the process.
class LlvmErrors {
public:
    explicit LlvmErrors(llvm::LLVMContext& context);
    bool any() const { return !text_.empty(); }
    const std::string& text() const { return text_; }
    void add(const std::string& sentence);

private:
    std::string text_;
};

// A template that was read, or a policy's module made of it, in a context of its own.
struct OwnedModule {
    std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
    std::unique_ptr<llvm::Module> module{};  // goes before its context
};

// What a Session keeps of LLVM's.
struct CodegenCache {
    OwnedModule next{};                // read ahead, or without a module
    std::vector<std::string> names{};  // of the functions that the last policy took: the next one's are mostly the same
    llvm::SmallVector<char, 0> bitcode{};  // of the last policy, before the passes
    std::vector<std::uint8_t> elf{};       // what became of it
};

// Puts all of the policy into the template, its tables into `tables`. False and `error` on a bug of ours: LLVM's own
// check of what was made is among it.
bool fill_template(llvm::Module& module, const Compiled& compiled, const CompileOptions& options, Tables& tables,
                   std::string& error);

// The machine of BPF; made once a process.
llvm::TargetMachine& bpf_machine();

void optimise(llvm::Module& module, llvm::TargetMachine* machine);

bool emit(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type,
          llvm::SmallVectorImpl<char>& out);

}  // namespace weir::codegen

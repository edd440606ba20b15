// LLVM's passes and code generation: from a complete module to an ELF, assembly, or code for this CPU.
#pragma once

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <string>

#include "compiler/codegen/tables.h"
#include "compiler/codegen/template.h"
#include "compiler/compiler.h"
#include "grammar/base/result.h"

namespace weir::codegen {

// Collects LLVM's errors. Without it LLVM ends the process on an error.
class LlvmErrors {
public:
    explicit LlvmErrors(llvm::LLVMContext& context);
    bool any() const { return !text_.empty(); }
    const std::string& text() const { return text_; }
    void add(const std::string& sentence);

private:
    std::string text_;
};

// Emits the policy into the template, and its tables into `tables`. LLVM verifies each new function.
Status fill_template(llvm::Module& module, const Compiled& compiled, const CompileOptions& options,
                     packet::Direction direction, Tables& tables);

// LLVM's BPF target machine; created once for each process.
llvm::TargetMachine& bpf_machine();

void optimise(llvm::Module& module, llvm::TargetMachine* machine);

bool emit(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type,
          llvm::SmallVectorImpl<char>& out);

}  // namespace weir::codegen

// LLVM's part: a filled module through the passes and out as an ELF, assembly or code for this CPU.
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

// Puts all of the policy into the template, its tables into `tables`. LLVM verifies each function that was made.
Status fill_template(llvm::Module& module, const Compiled& compiled, const CompileOptions& options, Tables& tables);

// The machine of BPF; made once a process.
llvm::TargetMachine& bpf_machine();

void optimise(llvm::Module& module, llvm::TargetMachine* machine);

bool emit(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type,
          llvm::SmallVectorImpl<char>& out);

}  // namespace weir::codegen

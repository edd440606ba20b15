// LLVM's part: a filled module through the passes and out as an ELF, assembly or code for this CPU.
#pragma once

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>

#include "compiler/codegen/tables.h"
#include "compiler/codegen/template.h"
#include "compiler/compiler.h"

namespace weir::codegen {

// Keeps LLVM's complaints: its own answer to an error is to end the process.
class Complaints {
public:
    explicit Complaints(llvm::LLVMContext& context);
    bool any() const { return !text_.empty(); }
    const std::string& text() const { return text_; }
    void add(const std::string& sentence);

private:
    std::string text_;
};

// The template of `target` with all of the policy in it, its tables in `tables`. Null and `error` on a bug of ours.
std::unique_ptr<llvm::Module> fill_template(Target target, llvm::LLVMContext& context, const Compiled& compiled,
                                            const CompileOptions& options, Tables& tables, std::string& error);

// The machine of BPF; made once a process.
llvm::TargetMachine& bpf_machine();

void optimise(llvm::Module& module, llvm::TargetMachine* machine);

bool emit(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type,
          llvm::SmallVectorImpl<char>& out);

}  // namespace weir::codegen

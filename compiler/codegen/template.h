// A template's bitcode as a module, and what the compiler adds to it: constants, tables, weir_decide.
#pragma once

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/Module.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "grammar/base/result.h"

namespace weir::codegen {

// kHost: both directions.
enum class Target : std::uint8_t { kBpf, kBpfEgress, kHost };

// The module of the target's template. Function bodies are read when drop_unused() knows which are needed.
Result<std::unique_ptr<llvm::Module>> open_template(Target target, llvm::LLVMContext& context);
// Reads the bodies of the functions with these names now, while nobody waits.
void read_functions(llvm::Module& module, std::span<const std::string> names);

// Removes functions that the program does not reach, weak ones included.
void drop_uncalled(llvm::Module& module);

// A module to which the policy is added. Debug info is emitted if the module has a compile unit (BPF: BTF needs it).
class Template {
public:
    // `source_name`, `source_text`: the policy, which becomes the text behind the program's lines.
    Template(llvm::Module& module, const std::string& source_name, const std::string& source_text);

    llvm::Module& module() { return module_; }
    llvm::Function& function(const char* name);
    // Removes functions that nothing calls. Call it after weir_decide has its body.
    void drop_unused();
    // Defines `uint32_t NAME(void)`.
    void set_constant(const char* name, std::uint32_t value);
    // Defines `extern T NAME[]` with `entries` entries (at least one), all zero, in section .data.NAME.
    void set_table(const char* name, std::uint64_t entries);
    // A definition for debug info, with the types of the declared `prototype` and the names of its parameters.
    void describe(llvm::Function& function, const llvm::DISubprogram* prototype, unsigned line, bool is_global);
    bool has_debug_info() const { return builder_ != nullptr; }
    // Call it once, after everything else.
    void finish();

private:
    llvm::Module& module_;
    std::unique_ptr<llvm::DIBuilder> builder_;
    llvm::DIFile* file_ = nullptr;
};

}  // namespace weir::codegen

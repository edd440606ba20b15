// Tested by tests/unit/codegen/native_test.cpp with `NativeEngine`.
#include "compiler/codegen/policy_module.h"

#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/Support/raw_ostream.h>

#include "compiler/codegen/backend.h"

namespace weir::codegen {
namespace {

// A template that was read, or a policy's module made of it, in a context of its own.
struct OwnedModule {
    std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
    std::unique_ptr<llvm::Module> module{};  // destroyed before its context
};

// Reads the template unless it was read in advance.
Status open(OwnedModule& owned) {
    if (owned.module) return Done{};
    auto module = open_template(Target::kBpf, *owned.context);
    if (!module) return module.error();
    owned.module = std::move(*module);
    return Done{};
}

}  // namespace

struct CodegenCache::State {
    OwnedModule next{};                    // read in advance, or without a module
    std::vector<std::string> names{};      // functions of the last policy; the next one mostly needs the same
    llvm::SmallVector<char, 0> bitcode{};  // the last policy before the passes, and their result
    std::vector<std::uint8_t> elf{};
};

CodegenCache::CodegenCache() : state_(std::make_unique<State>()) {}
CodegenCache::~CodegenCache() = default;

void CodegenCache::read_ahead() {
    bpf_machine();
    // An error appears again, and is reported, when the next policy opens the template.
    if (open(state_->next)) read_functions(*state_->next.module, state_->names);
}

struct PolicyModule::State {
    OwnedModule owned;
    LlvmErrors llvm_errors;
    CodegenCache* cache;

    State(OwnedModule module, CodegenCache* kept)
        : owned(std::move(module)), llvm_errors(*owned.context), cache(kept) {}

    Status emit(llvm::CodeGenFileType type, llvm::SmallVectorImpl<char>& out);
};

PolicyModule::PolicyModule(std::unique_ptr<State> state) : state_(std::move(state)) {}
PolicyModule::PolicyModule(PolicyModule&&) noexcept = default;
PolicyModule::~PolicyModule() = default;

Result<PolicyModule> PolicyModule::fill(const Compiled& compiled, const CompileOptions& options, Tables& tables,
                                        CodegenCache* cache) {
    OwnedModule owned = cache != nullptr ? std::exchange(cache->state_->next, {}) : OwnedModule{};
    if (Status opened = open(owned); !opened) return opened.error();
    PolicyModule made(std::make_unique<State>(std::move(owned), cache));
    llvm::Module& module = *made.state_->owned.module;
    if (Status filled = fill_template(module, compiled, options, tables); !filled) return filled.error();
    if (cache == nullptr) return made;
    cache->state_->names.clear();
    for (const llvm::Function& function : module)
        if (!function.isDeclaration()) cache->state_->names.push_back(function.getName().str());
    return made;
}

Status PolicyModule::State::emit(llvm::CodeGenFileType type, llvm::SmallVectorImpl<char>& out) {
    optimise(*owned.module, &bpf_machine());
    const bool emitted = codegen::emit(*owned.module, bpf_machine(), type, out);
    if (emitted && !llvm_errors.any()) return Done{};
    return bug_of_ours("LLVM refuses the compiled policy" +
                       (llvm_errors.any() ? ": " + llvm_errors.text() : std::string()));
}

Result<std::vector<std::uint8_t>> PolicyModule::to_elf() && {
    CodegenCache::State* last = state_->cache != nullptr ? state_->cache->state_.get() : nullptr;
    llvm::SmallVector<char, 0> bitcode, elf;
    if (last != nullptr) {
        llvm::raw_svector_ostream stream(bitcode);
        llvm::WriteBitcodeToFile(*state_->owned.module, stream);
        if (bitcode == last->bitcode) return last->elf;
    }
    if (Status emitted = state_->emit(llvm::CodeGenFileType::ObjectFile, elf); !emitted) return emitted.error();
    std::vector<std::uint8_t> bytes(elf.begin(), elf.end());
    if (last != nullptr) last->bitcode = std::move(bitcode), last->elf = bytes;
    return bytes;
}

Result<std::string> PolicyModule::to_assembly() && {
    llvm::SmallVector<char, 0> assembly;
    if (Status emitted = state_->emit(llvm::CodeGenFileType::AssemblyFile, assembly); !emitted) return emitted.error();
    return std::string(assembly.begin(), assembly.end());
}

std::string PolicyModule::to_llvm() && {
    optimise(*state_->owned.module, &bpf_machine());
    std::string text;
    llvm::raw_string_ostream stream(text);
    state_->owned.module->print(stream, nullptr);
    return text;
}

}  // namespace weir::codegen

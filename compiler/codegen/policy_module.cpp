// Tested by tests/unit/codegen/native_test.cpp with `NativeEngine`.
#include "compiler/codegen/policy_module.h"

#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/Support/raw_ostream.h>

#include <array>

#include "compiler/codegen/backend.h"

namespace weir::codegen {
namespace {

// A template that was read, or a policy's module made of it, in a context of its own.
struct OwnedModule {
    std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
    std::unique_ptr<llvm::Module> module{};  // destroyed before its context
};

// Reads the template unless it was read in advance.
Status open(OwnedModule& owned, packet::Direction direction) {
    if (owned.module) return Done{};
    const Target target = direction == packet::Direction::kOut ? Target::kBpfEgress : Target::kBpf;
    auto module = open_template(target, *owned.context);
    if (!module) return module.error();
    owned.module = std::move(*module);
    return Done{};
}

}  // namespace

struct CodegenCache::State {
    struct Last {
        OwnedModule next{};                    // read in advance, or without a module
        std::vector<std::string> names{};      // functions of the last policy; the next one mostly needs the same
        llvm::SmallVector<char, 0> bitcode{};  // the last policy before the passes, and their result
        std::vector<std::uint8_t> elf{};
    };
    std::array<Last, std::size(packet::kDirections)> last{};

    Last& of(packet::Direction direction) { return last[static_cast<std::size_t>(direction)]; }
};

CodegenCache::CodegenCache() : state_(std::make_unique<State>()) {}
CodegenCache::~CodegenCache() = default;

void CodegenCache::read_ahead() {
    bpf_machine();
    for (const packet::Direction direction : packet::kDirections) {
        State::Last& last = state_->of(direction);
        // Few policies judge packets on their way out: where the last one did, the next one may.
        if (direction == packet::Direction::kOut && last.names.empty()) continue;
        // An error appears again, and is reported, when the next policy opens the template.
        if (open(last.next, direction)) read_functions(*last.next.module, last.names);
    }
}

struct PolicyModule::State {
    OwnedModule owned;
    LlvmErrors llvm_errors;
    CodegenCache::State::Last* last;  // of the direction; may be null

    State(OwnedModule module, CodegenCache::State::Last* kept)
        : owned(std::move(module)), llvm_errors(*owned.context), last(kept) {}

    Status emit(llvm::CodeGenFileType type, llvm::SmallVectorImpl<char>& out);
};

PolicyModule::PolicyModule(std::unique_ptr<State> state) : state_(std::move(state)) {}
PolicyModule::PolicyModule(PolicyModule&&) noexcept = default;
PolicyModule::~PolicyModule() = default;

Result<PolicyModule> PolicyModule::fill(const Compiled& compiled, const CompileOptions& options,
                                        packet::Direction direction, Tables& tables, CodegenCache* cache) {
    CodegenCache::State::Last* last = cache != nullptr ? &cache->state_->of(direction) : nullptr;
    OwnedModule owned = last != nullptr ? std::exchange(last->next, {}) : OwnedModule{};
    if (Status opened = open(owned, direction); !opened) return opened.error();
    PolicyModule made(std::make_unique<State>(std::move(owned), last));
    llvm::Module& module = *made.state_->owned.module;
    if (Status filled = fill_template(module, compiled, options, direction, tables); !filled) return filled.error();
    if (last == nullptr) return made;
    last->names.clear();
    for (const llvm::Function& function : module)
        if (!function.isDeclaration()) last->names.push_back(function.getName().str());
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
    CodegenCache::State::Last* last = state_->last;
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

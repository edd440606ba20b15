// Tested by tests/unit/codegen/native_test.cpp with `NativeEngine`.
#include "compiler/codegen/template.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Transforms/Utils/ModuleUtils.h>

#include <algorithm>

#include "grammar/base/check.h"

extern "C" const char weir_template_policy_bpf_begin[];
extern "C" const char weir_template_policy_bpf_end[];
extern "C" const char weir_template_policy_egress_begin[];
extern "C" const char weir_template_policy_egress_end[];
extern "C" const char weir_template_policy_host_begin[];
extern "C" const char weir_template_policy_host_end[];

namespace weir::codegen {
namespace {

void read_body(llvm::Function& function) {
    llvm::Error failed = function.materialize();
    WEIR_CHECK(!failed);
    // BTF needs functions, types and lines. Locations of variables would only take time.
    for (llvm::BasicBlock& block : function)
        for (llvm::Instruction& instruction : block) instruction.dropDbgRecords();
}

// Reads the bodies of all functions that are referenced, transitively.
void read_used(llvm::Module& module) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (llvm::Function& function : module) {
            if (!function.isMaterializable() || function.use_empty()) continue;
            read_body(function);
            changed = true;
        }
    }
}

}  // namespace

Result<std::unique_ptr<llvm::Module>> open_template(Target target, llvm::LLVMContext& context) {
    struct Embedded {
        const char *begin, *end;
    };
    static constexpr Embedded kTemplates[] = {{weir_template_policy_bpf_begin, weir_template_policy_bpf_end},
                                              {weir_template_policy_egress_begin, weir_template_policy_egress_end},
                                              {weir_template_policy_host_begin, weir_template_policy_host_end}};
    const Embedded& embedded = kTemplates[static_cast<std::size_t>(target)];
    const llvm::StringRef bytes(embedded.begin, static_cast<std::size_t>(embedded.end - embedded.begin));
    // Each policy needs a few functions. They are read when it is known which (Template::drop_unused).
    const llvm::MemoryBufferRef buffer(bytes, "policy");
    auto module = llvm::getLazyBitcodeModule(buffer, context);
    if (!module) return bug_of_ours("the policy template cannot be read: " + llvm::toString(module.takeError()));
    (*module)->convertToNewDbgValues();
    for (llvm::Function& function : **module) {
        function.removeFnAttr("target-cpu");
        function.removeFnAttr("target-features");
    }
    read_body(*(*module)->getFunction("weir_policy"));  // every policy needs it
    return std::move(*module);
}

void read_functions(llvm::Module& module, std::span<const std::string> names) {
    for (const std::string& name : names)
        if (llvm::Function* function = module.getFunction(name); function != nullptr && function->isMaterializable())
            read_body(*function);
}

bool is_entry(const llvm::Function& function) {
    return function.getName() == "weir_policy" || function.getName() == "weir_change_on_host";
}

void drop_uncalled(llvm::Module& module) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (llvm::Function& function : llvm::make_early_inc_range(module)) {
            if (!function.use_empty() || is_entry(function)) continue;
            function.eraseFromParent();
            changed = true;
        }
    }
}

Template::Template(llvm::Module& module, const std::string& source_name, const std::string& source_text)
    : module_(module) {
    if (module.debug_compile_units_begin() == module.debug_compile_units_end()) return;
    builder_ = std::make_unique<llvm::DIBuilder>(module, true, *module.debug_compile_units_begin());
    llvm::LLVMContext& context = module.getContext();
    file_ = llvm::DIFile::get(context, llvm::MDString::get(context, source_name), llvm::MDString::get(context, "."),
                              std::nullopt, llvm::MDString::get(context, source_text));
}

llvm::Function& Template::function(const char* name) {
    llvm::Function* function = module_.getFunction(name);
    WEIR_CHECK(function != nullptr);
    return *function;
}

void Template::set_constant(const char* name, std::uint32_t value) {
    llvm::Function* function = module_.getFunction(name);
    if (function == nullptr) return;  // not used
    WEIR_CHECK(function->isDeclaration());
    function->setSubprogram(nullptr);
    function->setLinkage(llvm::GlobalValue::InternalLinkage);
    function->addFnAttr(llvm::Attribute::AlwaysInline);
    llvm::IRBuilder<> ir(llvm::BasicBlock::Create(module_.getContext(), "", function));
    ir.CreateRet(ir.getInt32(value));
}

void Template::set_table(const char* name, std::uint64_t entries) {
    llvm::GlobalVariable* declared = module_.getGlobalVariable(name);
    if (declared == nullptr) return;
    if (declared->use_empty()) {  // not used
        declared->eraseFromParent();
        return;
    }
    entries = std::max<std::uint64_t>(entries, 1);
    llvm::Type* element = declared->getValueType()->getArrayElementType();
    llvm::ArrayType* type = llvm::ArrayType::get(element, entries);
    auto* table = new llvm::GlobalVariable(module_, type, false, llvm::GlobalValue::ExternalLinkage,
                                           llvm::Constant::getNullValue(type));
    table->takeName(declared);
    table->setAlignment(std::max(llvm::Align(8), declared->getAlign().valueOrOne()));
    table->setDSOLocal(true);
    if (builder_) {
        // .bss takes no space in the ELF; libbpf 1.1 supports only one.
        if (table->getName() != "weir_lines") table->setSection(".data." + table->getName().str());
        llvm::SmallVector<llvm::DIGlobalVariableExpression*, 1> described;
        declared->getDebugInfo(described);
        WEIR_CHECK(!described.empty());
        const llvm::DIGlobalVariable* variable = described.front()->getVariable();
        llvm::DIType* base = llvm::cast<llvm::DICompositeType>(variable->getType())->getBaseType();
        const auto count = static_cast<std::int64_t>(entries);
        llvm::DIType* array =
            builder_->createArrayType(entries * base->getSizeInBits(), 0, base,
                                      builder_->getOrCreateArray({builder_->getOrCreateSubrange(0, count)}));
        table->addDebugInfo(builder_->createGlobalVariableExpression(
            variable->getScope(), table->getName(), "", variable->getFile(), variable->getLine(), array, false));
    }
    declared->replaceAllUsesWith(table);
    declared->eraseFromParent();
}

void Template::describe(llvm::Function& function, const llvm::DISubprogram* prototype, unsigned line, bool is_global) {
    if (!builder_) return;
    WEIR_CHECK(prototype != nullptr);
    auto flags = llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagOptimized;
    if (!is_global) flags |= llvm::DISubprogram::SPFlagLocalToUnit;
    llvm::DISubprogram* described = builder_->createFunction(
        file_, function.getName(), "", file_, line, prototype->getType(), line, llvm::DINode::FlagPrototyped, flags);
    function.setSubprogram(described);
    // BTF gets parameter names from their variables; the kernel refuses a function without them.
    static constexpr const char* kNames[] = {"packet", "ctx", "number"};
    const llvm::DITypeRefArray types = prototype->getType()->getTypeArray();
    for (unsigned i = 0; i < function.arg_size() && i < std::size(kNames); ++i)
        builder_->createParameterVariable(described, kNames[i], i + 1, file_, line, types[i + 1], true);
}

void Template::drop_unused() {
    // `used` kept the look-ups until here; now they need callers.
    llvm::removeFromUsedLists(module_, [](llvm::Constant* value) {
        const auto* function = llvm::dyn_cast<llvm::Function>(value);
        return function != nullptr && !is_entry(*function);
    });
    read_used(module_);
    drop_uncalled(module_);
}

void Template::finish() {
    if (builder_) builder_->finalize();
}

}  // namespace weir::codegen

#include "compiler/codegen/backend.h"

#include <llvm/ADT/StringSet.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>

#include "compiler/codegen/emit.h"
#include "compiler/codegen/manifest.h"
#include "compiler/ir/build.h"
#include "compiler/session.h"
#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

// The verifier lets a program reach 512 MB of a map (BPF_MAX_VAR_OFF). Sets have less (E515); only literals by the
// hundred get there.
constexpr std::uint32_t kMaxLines = (std::uint32_t{1} << 29) / sizeof(weir_line);

bool is_sound(const llvm::Function& made, std::string& error) {
    std::string complaint;
    llvm::raw_string_ostream stream(complaint);
    if (!llvm::verifyFunction(made, &stream)) return true;
    error = "the compiler made a function that LLVM refuses: " + complaint;
    return false;
}

}  // namespace

LlvmErrors::LlvmErrors(llvm::LLVMContext& context) {
    context.setDiagnosticHandlerCallBack(
        [](const llvm::DiagnosticInfo* complaint, void* self) {
            if (complaint->getSeverity() != llvm::DS_Error) return;
            std::string text;
            llvm::raw_string_ostream stream(text);
            llvm::DiagnosticPrinterRawOStream printer(stream);
            complaint->print(printer);
            static_cast<LlvmErrors*>(self)->add(text);
        },
        this);
}

void LlvmErrors::add(const std::string& sentence) {
    constexpr std::size_t kMaxBytes = 4096;  // the first ones tell
    if (text_.size() < kMaxBytes) text_ += (text_.empty() ? "" : "; ") + sentence;
}

bool fill_template(llvm::Module& module, const Compiled& compiled, const CompileOptions& options, Tables& tables,
                   std::string& error) {
    ir::Decision observed;
    if (options.observe) observed = ir::observed(compiled.decision);
    const ir::Decision& decision = options.observe ? observed : compiled.decision;
    // Code for trees has the policy's first line alone: the others would make another program of it with each change.
    const bool has_lines = decision.strategy == ir::Strategy::kStraight;
    llvm::StringSet<> given;
    for (const llvm::Function& function : module)
        if (!function.isDeclaration()) given.insert(function.getName());
    Template filled(module, compiled.source_name,
                    has_lines ? compiled.source_text : compiled.source_text.substr(0, compiled.source_text.find('\n')));
    tables.set_rules(decision, options.observe);
    tables.set_forests(decision);
    emit_decide(filled, decision, compiled.policy, tables);
    emit_state(filled, decision, compiled.policy, tables.state());
    filled.drop_unused();
    if (tables.line_count() > kMaxLines) {
        error = "the sets and ranges of the policy take more than 512 MB";
        return false;
    }

    const auto rules = static_cast<std::uint32_t>(decision.rules.size());
    filled.set_constant("weir_needs", decision.needs);
    filled.set_constant("weir_rule_count", rules);
    filled.set_constant("weir_alert_entries", tables.alert_entries());
    filled.set_constant("weir_literal_count", tables.literal_count());
    filled.set_constant("weir_search_count", tables.search_count());
    filled.set_constant("weir_slot_count", std::max(tables.slot_count(), 1u));
    filled.set_constant("weir_entry_words", std::max(tables.entry_words(), 1u));
    filled.set_constant("weir_line_count", tables.line_count());
    const StateTables& state = tables.state();
    filled.set_constant("weir_term_count", state.term_count());
    filled.set_constant("weir_throttle_count", static_cast<std::uint32_t>(decision.throttles.size()));
    filled.set_constant("weir_sample_count", tables.sample_count());
    filled.set_table("weir_samples", tables.sample_count());
    filled.set_constant("weir_change_count", state.change_count());
    filled.set_constant("weir_change_words", std::max(state.change_words(), 1u));
    filled.set_table("weir_terms", state.term_count());
    filled.set_table("weir_zeros",
                     state.counts_distinct() ? offsetof(weir_distinct, words) / 4 + WEIR_MANY_WORDS + 1 : 0);
    filled.set_table("weir_changes", state.change_count());
    filled.set_table("weir_rule_changes", state.change_words());
    filled.set_table("weir_rule_rows", rules + 2);
    filled.set_table("weir_rule_alerts", tables.alert_entries());
    filled.set_table("weir_literals", tables.literal_count());
    filled.set_table("weir_searches", tables.search_count());
    filled.set_table("weir_forest_trees", WEIR_FORESTS * WEIR_TREES);
    filled.set_table("weir_tree_slots", tables.slot_count());
    filled.set_table("weir_entries", tables.entry_words());
    filled.set_table("weir_lines", tables.line_count());
    filled.finish();
    return std::all_of(module.begin(), module.end(), [&](const llvm::Function& function) {
        return given.contains(function.getName()) || is_sound(function, error);
    });
}

llvm::TargetMachine& bpf_machine() {
    static llvm::TargetMachine* const machine = [] {
        LLVMInitializeBPFTargetInfo();
        LLVMInitializeBPFTarget();
        LLVMInitializeBPFTargetMC();
        LLVMInitializeBPFAsmPrinter();
        LLVMInitializeBPFAsmParser();  // the templates have a line of assembly
        std::string error;
        const llvm::Target* target = llvm::TargetRegistry::lookupTarget("bpfel", error);
        WEIR_CHECK(target != nullptr);
        return target->createTargetMachine("bpfel", "v3", "", llvm::TargetOptions(), std::nullopt, std::nullopt,
                                           llvm::CodeGenOptLevel::Default);
    }();
    return *machine;
}

void optimise(llvm::Module& module, llvm::TargetMachine* machine) {
    llvm::PipelineTuningOptions tuning;
    tuning.LoopUnrolling = tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = false;
    llvm::PassBuilder builder(machine, tuning);
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager components;
    llvm::ModuleAnalysisManager modules;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(components);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, components, modules);
    // The template went through O2 when the project was built. What is left to do here is to fold the policy's
    // constants and weir_decide into it: a fifth of O2's time, and no slower a program. First the constants, so that
    // what this policy does not need is gone before it costs anything.
    llvm::ModulePassManager folding, passes;
    builder.invokePipelineStartEPCallbacks(folding, llvm::OptimizationLevel::O2);
    builder.invokePipelineEarlySimplificationEPCallbacks(folding, llvm::OptimizationLevel::O2);
    llvm::cantFail(builder.parsePassPipeline(folding, "always-inline,globaldce,function(early-cse,simplifycfg)"));
    folding.run(module, modules);
    drop_uncalled(module);
    modules.clear();
    llvm::cantFail(builder.parsePassPipeline(
        passes, "function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,dse,simplifycfg)"));
    passes.run(module, modules);
    // A table that only code read which is gone by now would be a map of the program all the same.
    for (llvm::GlobalVariable& table : llvm::make_early_inc_range(module.globals()))
        if (table.use_empty() && table.getSection().starts_with(".data.weir_")) table.eraseFromParent();
}

bool emit(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type,
          llvm::SmallVectorImpl<char>& out) {
    llvm::raw_svector_ostream stream(out);
    llvm::legacy::PassManager passes;
    module.setDataLayout(machine.createDataLayout());
    if (machine.addPassesToEmitFile(passes, stream, nullptr, type)) return false;
    passes.run(module);
    return true;
}

}  // namespace weir::codegen

namespace weir {
namespace {

// The template, read now or ahead.
bool open_next(codegen::OwnedModule& piece, std::string& error) {
    if (!piece.module) piece.module = codegen::open_template(codegen::Target::kBpf, *piece.context, error);
    return piece.module != nullptr;
}

bool failed(const codegen::LlvmErrors& llvm_errors, bool emitted, std::string& error) {
    if (emitted && !llvm_errors.any()) return false;
    error = "LLVM refuses the compiled policy" + (llvm_errors.any() ? ": " + llvm_errors.text() : std::string());
    return true;
}

}  // namespace

Session::Session() : codegen_cache_(std::make_unique<codegen::CodegenCache>()) {}
Session::~Session() = default;

void Session::prepare() {
    codegen::bpf_machine();
    std::string error;  // whoever compiles next meets it again, and tells
    if (open_next(codegen_cache_->next, error))
        codegen::read_ahead(*codegen_cache_->next.module, codegen_cache_->names);
}

std::optional<bpf::Object> compile(const Compiled& compiled, const CompileOptions& options, std::string& error,
                                   Session* session) {
    codegen::CodegenCache alone;
    codegen::CodegenCache& bench = session != nullptr ? session->codegen_cache() : alone;
    const codegen::OwnedModule piece =
        open_next(bench.next, error) ? std::exchange(bench.next, {}) : codegen::OwnedModule{};
    if (!piece.module) return std::nullopt;
    codegen::LlvmErrors llvm_errors(*piece.context);
    codegen::Tables tables(compiled.policy);
    if (!codegen::fill_template(*piece.module, compiled, options, tables, error)) return std::nullopt;
    bench.names.clear();
    for (const llvm::Function& function : *piece.module)
        if (!function.isDeclaration()) bench.names.push_back(function.getName().str());
    // Policies of many rules differ in their tables alone.
    llvm::SmallVector<char, 0> bitcode;
    if (session != nullptr) {
        llvm::raw_svector_ostream stream(bitcode);
        llvm::WriteBitcodeToFile(*piece.module, stream);
    }
    bpf::Object object;
    if (session != nullptr && bitcode == bench.bitcode) {
        object.elf = bench.elf;
    } else {
        codegen::optimise(*piece.module, &codegen::bpf_machine());
        llvm::SmallVector<char, 0> elf;
        const bool emitted =
            codegen::emit(*piece.module, codegen::bpf_machine(), llvm::CodeGenFileType::ObjectFile, elf);
        if (failed(llvm_errors, emitted, error)) return std::nullopt;
        object.elf.assign(elf.begin(), elf.end());
        if (session != nullptr) bench.bitcode = std::move(bitcode), bench.elf = object.elf;
    }
    object.manifest = codegen::make_manifest(compiled, options);
    tables.write(compiled.policy, object);
    return object;
}

std::optional<std::string> emit_text(const Compiled& compiled, Stage stage, std::string& error) {
    codegen::OwnedModule piece;
    if (!open_next(piece, error)) return std::nullopt;
    codegen::LlvmErrors llvm_errors(*piece.context);
    codegen::Tables tables(compiled.policy);
    llvm::Module* module = piece.module.get();
    if (!codegen::fill_template(*module, compiled, {}, tables, error)) return std::nullopt;
    codegen::optimise(*module, &codegen::bpf_machine());
    std::string text;
    if (stage == Stage::kLlvm) {
        llvm::raw_string_ostream stream(text);
        module->print(stream, nullptr);
        return text;
    }
    llvm::SmallVector<char, 0> assembly;
    const bool emitted = codegen::emit(*module, codegen::bpf_machine(), llvm::CodeGenFileType::AssemblyFile, assembly);
    if (failed(llvm_errors, emitted, error)) return std::nullopt;
    text.assign(assembly.begin(), assembly.end());
    return text;
}

}  // namespace weir

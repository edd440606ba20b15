// Tested by tests/unit/ir/session_test.cpp with `compile`.
#include "compiler/codegen/backend.h"

#include <llvm/ADT/StringSet.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>

#include "bpf/record.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/merge_calls.h"
#include "compiler/ir/build.h"
#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

// The verifier lets a program reach 512 MB of a map (BPF_MAX_VAR_OFF). Sets have less (E515); only literals by the
// hundred get there.
constexpr std::uint32_t kMaxLines = (std::uint32_t{1} << 29) / sizeof(weir_line);

Status verify(const llvm::Function& made) {
    std::string complaint;
    llvm::raw_string_ostream stream(complaint);
    if (!llvm::verifyFunction(made, &stream)) return Done{};
    return bug_of_ours("the compiler made a function that LLVM refuses: " + complaint);
}

// Bytes behind the headers: of a packet on its way out they need not be in the first buffer.
bool reads_payload(const ir::Decision& decision) {
    constexpr std::uint32_t kNeeds = WEIR_NEED_NAMES | WEIR_NEED_INNER | WEIR_NEED_EVENT_TEXTS;
    return (decision.needs & kNeeds) != 0 || decision.reads.contains(packet::FieldId::kPayload);
}

void set_direction(Template& filled, const ir::Decision& decision) {
    filled.set_constant("weir_is_egress", decision.direction == packet::Direction::kOut ? 1 : 0);
    filled.set_constant("weir_reads_payload", reads_payload(decision) ? 1 : 0);
}

// The text behind the program's lines. LLVM keeps each line as a string, so not of a text of very many. Code for trees
// has the policy's first line alone: the others would make another program of it with each change.
std::string lines_of(const std::string& text, const ir::Decision& decision) {
    constexpr std::ptrdiff_t kMostLines = 100'000;
    const bool all =
        decision.strategy == ir::Strategy::kStraight && std::count(text.begin(), text.end(), '\n') <= kMostLines;
    return all ? text : text.substr(0, text.find('\n'));
}

void set_state_constants(Template& filled, const StateTables& state, const ir::Decision& decision) {
    filled.set_constant("weir_flow_groups", state.flow_groups());
    filled.set_constant("weir_flow_account", state.flow_account());
    filled.set_constant("weir_flow_reads", decision.flow_reads);
    filled.set_constant("weir_term_count", state.term_count());
    merge_measure(filled.module(), decision, state);
    merge_observer(filled.module(), decision);
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

Status fill_template(llvm::Module& module, const Compiled& compiled, const CompileOptions& options,
                     packet::Direction direction, Tables& tables) {
    ir::Decision observed;
    if (options.observe) observed = ir::observed(compiled.of(direction));
    const ir::Decision& decision = options.observe ? observed : compiled.of(direction);
    llvm::StringSet<> given;
    for (const llvm::Function& function : module)
        if (!function.isDeclaration()) given.insert(function.getName());
    Template filled(module, compiled.source_name, lines_of(compiled.source_text, decision));
    tables.set_rules(decision, options.observe);
    tables.set_forests(decision);
    emit_decide(filled, decision, compiled.policy, tables);
    emit_state(filled, decision, compiled.policy, tables);
    filled.drop_unused();
    if (tables.line_count() > kMaxLines) return bug_of_ours("the sets and ranges of the policy take more than 512 MB");

    const auto rules = static_cast<std::uint32_t>(decision.rules.size());
    filled.set_constant("weir_needs", decision.needs);
    filled.set_constant("weir_rule_count", rules);
    filled.set_constant("weir_answers", tables.answers());
    set_direction(filled, decision);
    filled.set_constant("weir_alert_entries", tables.alert_entries());
    filled.set_constant("weir_literal_count", tables.literal_count());
    filled.set_constant("weir_text_literal_count", tables.text_literal_count());
    filled.set_constant("weir_search_count", tables.search_count());
    filled.set_constant("weir_scan_count", tables.scan_count());
    filled.set_constant("weir_slot_count", std::max(tables.slot_count(), 1u));
    filled.set_constant("weir_entry_words", std::max(tables.entry_words(), 1u));
    filled.set_constant("weir_line_count", tables.line_count());
    const StateTables& state = tables.state();
    set_state_constants(filled, state, decision);
    filled.set_constant("weir_terms_read_frame", terms_read_frame(decision, compiled.policy) ? 1 : 0);
    filled.set_constant("weir_throttle_count", static_cast<std::uint32_t>(state.throttles().rows.size()));
    filled.set_constant("weir_throttle_key_count", static_cast<std::uint32_t>(state.throttles().keys.size()));
    filled.set_constant("weir_throttle_table", state.throttle_table());
    filled.set_constant("weir_throttle_account", state.throttle_account());
    filled.set_table("weir_throttles", state.throttles().rows.size());
    filled.set_table("weir_throttle_keys", state.throttles().keys.size());
    filled.set_constant("weir_captures", decision.captures() ? 1 : 0);
    filled.set_constant("weir_record_bytes", tables.record().bytes);
    filled.set_constant("weir_record_packets", std::max(tables.record().packets, 1u));
    filled.set_constant("weir_record_key_count", static_cast<std::uint32_t>(tables.record().keys.size()));
    filled.set_table("weir_record_keys", tables.record().keys.size());
    filled.set_table("weir_ticks", WEIR_TICK_WORDS);
    filled.set_constant("weir_measure_count", decision.measuring_rules());
    filled.set_constant("weir_sample_count", tables.sample_count());
    filled.set_table("weir_samples", tables.sample_count());
    filled.set_constant("weir_change_count", state.change_count());
    filled.set_constant("weir_change_words", std::max(state.change_words(), 1u));
    filled.set_table("weir_terms", state.term_count());
    filled.set_table("weir_changes", state.change_count());
    filled.set_table("weir_rule_changes", state.change_words());
    filled.set_table("weir_rule_rows", tables.row_count());
    filled.set_table("weir_rule_alerts", tables.alert_entries());
    filled.set_table("weir_literals", tables.literal_count());
    filled.set_table("weir_text_literals", tables.text_literal_count());
    filled.set_table("weir_searches", tables.search_count());
    filled.set_table("weir_scans", tables.scan_count());
    filled.set_table("weir_forest_trees", WEIR_FORESTS * WEIR_TREES);
    filled.set_table("weir_tree_slots", tables.slot_count());
    filled.set_table("weir_entries", tables.entry_words());
    filled.set_table("weir_lines", tables.line_count());
    filled.finish();
    for (const llvm::Function& function : module) {
        if (given.contains(function.getName())) continue;
        if (Status sound = verify(function); !sound) return sound;
    }
    return Done{};
}

llvm::TargetMachine& bpf_machine() {
    static llvm::TargetMachine* const machine = [] {
        // LLVM ends the program itself where there is no memory. What is set for `new` holds for its own calls, too.
        llvm::install_bad_alloc_error_handler([](void*, const char*, bool) {
            if (const std::new_handler end = std::get_new_handler()) end();
        });
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
    merge_calls(module);
    modules.clear();
    llvm::cantFail(builder.parsePassPipeline(passes,
                                             "always-inline,globaldce,function(sroa,early-cse<memssa>,simplifycfg,"
                                             "instcombine<no-verify-fixpoint>,dse,simplifycfg)"));
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

// State terms and changes of sets: the code that lays out their keys. What is done with them is in
// bpf/templates/state.h.
// Tested by tests/verdict/eviction_test.cpp with `rate(`.
#include <llvm/IR/IRBuilder.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/emit.h"
#include "compiler/codegen/emit_key.h"
#include "compiler/codegen/emit_predicate.h"
#include "compiler/ir/code_size.h"

namespace weir::codegen {
namespace {

constexpr std::uint32_t kCasesAFunction = 32;
constexpr std::uint32_t kComparisonsACase = 8;  // of conditions of shares: as much code as one more case

llvm::Value* number_of(llvm::Function& function) {
    return function.getArg(static_cast<unsigned>(function.arg_size()) - 1);
}

constexpr std::uint32_t kValueWords = 6;  // struct weir_key_6: what a `distinct` counts, behind the key

// Where code goes.
struct CasePlace {
    llvm::IRBuilder<>& ir;
    llvm::Function& function;
    const KeyMemory& keys;
    PredicateEmitter* conditions;  // nothing where no term has one
    llvm::BasicBlock* yes;
    llvm::BasicBlock* no;
};
// A case of a function (packet, number) or (packet, ctx, number): code that ends with a branch to one of the two.
using EmitCase = std::function<void(const CasePlace& at)>;
struct Case {
    std::uint32_t number;
    EmitCase emit;
    std::uint32_t size = 1;  // in usual cases
};

// What all functions of a switch have in common.
struct Switch {
    Template& target;
    std::uint32_t stack_words;  // of the longest key on the stack
    // Where conditions come from: nothing where no term has one.
    const ir::Decision* decision = nullptr;
    const policy::TypedPolicy* policy = nullptr;
    Tables* tables = nullptr;
};

// They answer 0 for a number without a case.
void emit_cases(const Switch& all, llvm::Function& function, const Case* begin, const Case* end) {
    Template& target = all.target;
    const std::uint32_t stack_words = all.stack_words;
    llvm::LLVMContext& context = function.getContext();
    const auto block = [&](const char* name) { return llvm::BasicBlock::Create(context, name, &function); };
    llvm::BasicBlock *entry = block("entry"), *choose = block("choose"), *yes = block("yes"), *no = block("no");
    llvm::IRBuilder<> ir(entry);
    if (llvm::DISubprogram* scope = function.getSubprogram())
        ir.SetCurrentDebugLocation(llvm::DILocation::get(context, 1, 1, scope));
    const KeyMemory keys(target, function, stack_words);
    ir.CreateCondBr(ir.CreateIsNull(function.getArg(0)), no, choose);
    ir.SetInsertPoint(choose);
    llvm::SwitchInst* cases = ir.CreateSwitch(number_of(function), no, static_cast<unsigned>(end - begin));
    std::optional<PredicateEmitter> conditions;
    if (all.tables != nullptr) conditions.emplace(target, function, ir, *all.decision, *all.policy, *all.tables, true);
    for (const Case* at = begin; at != end; ++at) {
        llvm::BasicBlock* here = block("case");
        cases->addCase(ir.getInt32(at->number), here);
        ir.SetInsertPoint(here);
        at->emit({ir, function, keys, conditions ? &*conditions : nullptr, yes, no});
    }
    ir.SetInsertPoint(yes);
    ir.CreateRet(ir.getInt32(1));
    ir.SetInsertPoint(no);
    ir.CreateRet(ir.getInt32(0));
}

void make_global(Template& target, llvm::Function& function, const llvm::DISubprogram* prototype) {
    function.setLinkage(llvm::GlobalValue::WeakAnyLinkage);  // its callers assume nothing, as the verifier does
    function.addFnAttr(llvm::Attribute::NoInline);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.setDSOLocal(true);
    target.describe(function, prototype, 1, true);
}

// One function where they are few, else one that knows which function has which.
void emit_switch(const Switch& all, const char* name, const std::vector<Case>& cases) {
    Template& target = all.target;
    llvm::Function* function = target.module().getFunction(name);
    if (function == nullptr || !function->isDeclaration()) return;  // nobody calls it
    const llvm::DISubprogram* prototype = function->getSubprogram();
    function->setSubprogram(nullptr);
    make_global(target, *function, prototype);
    std::uint64_t size = 0;
    for (const Case& one : cases) size += one.size;
    if (size <= kCasesAFunction) return emit_cases(all, *function, cases.data(), cases.data() + cases.size());
    std::vector<Case> calls;
    for (std::size_t begin = 0, end = 0; begin < cases.size(); begin = end) {
        for (size = 0; end < cases.size() && (end == begin || size + cases[end].size <= kCasesAFunction); ++end)
            size += cases[end].size;
        auto* group = llvm::Function::Create(function->getFunctionType(), llvm::GlobalValue::WeakAnyLinkage,
                                             std::string(name) + "_from_" + std::to_string(begin), target.module());
        make_global(target, *group, prototype);
        emit_cases(all, *group, &cases[begin], cases.data() + end);
        const EmitCase call = [group](const CasePlace& at) {
            std::vector<llvm::Value*> arguments;
            for (llvm::Argument& argument : at.function.args()) arguments.push_back(&argument);
            llvm::Value* answer = at.ir.CreateCall(group, arguments);
            at.ir.CreateCondBr(at.ir.CreateICmpNE(answer, at.ir.getInt32(0)), at.yes, at.no);
        };
        for (std::size_t i = begin; i < end; ++i) calls.push_back({cases[i].number, call});
    }
    emit_cases({target, 0}, *function, calls.data(), calls.data() + calls.size());
}

// Goes on at a new block where the packet has all that the key is made of.
void want_present(llvm::IRBuilder<>& ir, llvm::Function& function, KeyEmitter& key, const packet::PresentBits& bits,
                  llvm::BasicBlock* no) {
    if (bits.empty()) return;
    llvm::BasicBlock* there = llvm::BasicBlock::Create(ir.getContext(), "there", &function);
    ir.CreateCondBr(key.present(bits), there, no);
    ir.SetInsertPoint(there);
}

}  // namespace

namespace {

// Of the term's key and the value that it counts.
std::uint32_t term_words(const ir::StateTerm& term, const StatePlace& where) {
    return where.width + (term.kind == policy::TermKind::kDistinct ? kValueWords : 0);
}

// Does the packet satisfy the condition of a share? An i32. Goes on at a new block.
llvm::Value* emit_condition(const CasePlace& at, ir::PredicateId condition) {
    llvm::LLVMContext& context = at.ir.getContext();
    const auto block = [&](const char* name) { return llvm::BasicBlock::Create(context, name, &at.function); };
    llvm::BasicBlock *hit = block("hit"), *miss = block("miss"), *done = block("counted");
    at.conditions->branch(condition, hit, miss);
    for (llvm::BasicBlock* from : {hit, miss}) {
        at.ir.SetInsertPoint(from);
        at.ir.CreateBr(done);
    }
    at.ir.SetInsertPoint(done);
    llvm::PHINode* is_hit = at.ir.CreatePHI(at.ir.getInt32Ty(), 2);
    is_hit->addIncoming(at.ir.getInt32(1), hit);
    is_hit->addIncoming(at.ir.getInt32(0), miss);
    return is_hit;
}

// Counts the packet: an i32, not 0 where its limit is exceeded. Goes to `no` where the packet has no such key.
llvm::Value* emit_term(Template& target, const CasePlace& at, const ir::StateTerm& term, const StatePlace& where) {
    llvm::IRBuilder<>& ir = at.ir;
    llvm::Value* packet = at.function.getArg(0);
    const bool is_inside = ir::is_inside(term.key.parts) || ir::is_inside(term.value.parts);
    KeyEmitter key(ir, packet, is_inside ? emit_inside(target, ir, at.no) : nullptr, true);
    want_present(ir, at.function, key, term.key.present | term.value.present, at.no);
    // Before the key is laid out: a look-up in a set may use the same memory for its own.
    llvm::Value* is_hit = term.condition ? emit_condition(at, *term.condition) : nullptr;
    llvm::Value* place = at.keys.place(ir, term_words(term, where), at.no);
    key.store_term_key(term.key, place, where.width);
    std::vector<llvm::Value*> arguments{packet, place, ir.getInt32(where.number)};
    if (term.kind == policy::TermKind::kDistinct) {
        llvm::Value* value = ir.CreateConstInBoundsGEP1_32(ir.getInt32Ty(), place, where.width);
        key.store_value(term.value.parts.front(), value, kValueWords);
        arguments.push_back(value);
    }
    if (is_hit != nullptr) arguments.push_back(is_hit);
    return ir.CreateCall(&target.function(state_function(where.function, where.width).c_str()), arguments);
}

// The rule's terms in their order, while all before hold.
void emit_terms(Template& target, const CasePlace& at, const ir::Decision& decision, const ir::Rule& rule,
                const StateTables& state) {
    llvm::IRBuilder<>& ir = at.ir;
    for (const std::uint32_t number : rule.terms) {
        const ir::StateTerm& term = decision.terms[number];
        llvm::Value* exceeds = emit_term(target, at, term, state.term(number));
        llvm::BasicBlock* next = llvm::BasicBlock::Create(ir.getContext(), "and", &at.function);
        llvm::Value* is_within = ir.CreateICmpEQ(exceeds, ir.getInt32(0));
        ir.CreateCondBr(is_within, term.within ? next : at.no, term.within ? at.no : next);
        ir.SetInsertPoint(next);
    }
    ir.CreateBr(at.yes);
}

void emit_change(Template& target, const CasePlace& at, const ir::Decision& decision, const policy::TypedPolicy& policy,
                 const StateTables& state, std::uint32_t number) {
    const ir::SetChange& change = decision.changes[number];
    const StatePlace& where = state.live_set(change.set);
    llvm::Value* inside = ir::is_inside(change.key.parts) ? emit_inside(target, at.ir, at.no) : nullptr;
    KeyEmitter key(at.ir, at.function.getArg(0), inside, true);
    want_present(at.ir, at.function, key, change.key.present, at.no);
    llvm::Value* place = at.keys.place(at.ir, where.width, at.no);
    key.store_change(change.key.parts, policy.sets[change.set].types, place, where.width);
    at.ir.CreateCall(&target.function(state_function("weir_change", where.width).c_str()),
                     {at.function.getArg(0), place, at.ir.getInt32(number)});
    at.ir.CreateBr(at.yes);
}

// Adds the value to the histogram of the packet's key, and goes on; at once where the packet lacks one of the two.
void emit_measure(Template& target, const CasePlace& at, const ir::Measure& measure, const StatePlace& where) {
    llvm::IRBuilder<>& ir = at.ir;
    llvm::BasicBlock* next = llvm::BasicBlock::Create(ir.getContext(), "measured", &at.function);
    const bool is_inside = ir::is_inside(measure.key.parts) || ir::is_inside(measure.value.parts);
    KeyEmitter key(ir, at.function.getArg(0), is_inside ? emit_inside(target, ir, next) : nullptr, true);
    want_present(ir, at.function, key, measure.key.present | measure.value.present, next);
    std::vector<llvm::Value*> arguments{ir.getInt32(where.index), key.word(measure.value.parts.front().word)};
    if (where.width != 0) {
        llvm::Value* place = at.keys.place(ir, where.width, next);
        key.store_term_key(measure.key, place, where.width);
        arguments.push_back(place);
    }
    ir.CreateCall(&target.function(state_function(where.function, where.width).c_str()), arguments);
    ir.CreateBr(next);
    ir.SetInsertPoint(next);
}

bool reads_frame(const ir::Decision& decision, const policy::TypedPolicy& policy, ir::PredicateId id) {
    const auto any = [&](const std::vector<ir::PredicateId>& operands) {
        return std::any_of(operands.begin(), operands.end(),
                           [&](ir::PredicateId operand) { return reads_frame(decision, policy, operand); });
    };
    const ir::Predicate& predicate = decision.predicate(id);
    if (const auto* all = std::get_if<ir::AllOf>(&predicate.node)) return any(all->operands);
    if (const auto* one = std::get_if<ir::AnyOf>(&predicate.node)) return any(one->operands);
    if (const auto* opposite = std::get_if<ir::Negation>(&predicate.node))
        return reads_frame(decision, policy, opposite->operand);
    if (const auto* match = std::get_if<ir::TextMatch>(&predicate.node)) return !match->is_name;
    if (const auto* in = std::get_if<ir::InSet>(&predicate.node))
        return policy.sets[in->set].types.front() == policy::SetType::kText;
    return std::holds_alternative<ir::PayloadMatch>(predicate.node) ||
           std::holds_alternative<ir::PayloadSlice>(predicate.node) ||
           std::holds_alternative<ir::TextEqual>(predicate.node);
}

// What nothing calls, once the policy's constants are folded, must name no table: it would stay.
void empty(Template& target, const char* name) {
    llvm::Function* function = target.module().getFunction(name);
    if (function == nullptr || function->isDeclaration()) return;
    function->deleteBody();
    function->setLinkage(llvm::GlobalValue::WeakAnyLinkage);
    llvm::IRBuilder<> ir(llvm::BasicBlock::Create(function->getContext(), "", function));
    ir.CreateRet(ir.getInt32(0));
}

}  // namespace

bool terms_read_frame(const ir::Decision& decision, const policy::TypedPolicy& policy) {
    return std::any_of(decision.terms.begin(), decision.terms.end(), [&](const ir::StateTerm& term) {
        return term.condition && reads_frame(decision, policy, *term.condition);
    });
}

void emit_state(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables) {
    const StateTables& state = tables.state();
    std::vector<Case> rules, changes;
    Switch all{target, 0};
    ir::CodeSizes sizes(decision);
    for (std::uint32_t i = 0; i < decision.terms.size(); ++i) {
        all.stack_words = std::max(all.stack_words, KeyMemory::on_stack(term_words(decision.terms[i], state.term(i))));
        if (decision.terms[i].condition) all.decision = &decision, all.policy = &policy, all.tables = &tables;
    }
    for (std::uint32_t number = 0; number < decision.rules.size(); ++number) {
        const ir::Rule& rule = decision.rules[number];
        if (rule.terms.empty()) continue;
        std::uint32_t comparisons = 0;
        for (const std::uint32_t term : rule.terms)
            if (decision.terms[term].condition) comparisons += sizes.of(*decision.terms[term].condition);
        rules.push_back({number, [&](const CasePlace& at) { emit_terms(target, at, decision, rule, state); },
                         1 + comparisons / kComparisonsACase});
    }
    for (std::uint32_t number = 0; number < decision.changes.size(); ++number)
        changes.push_back(
            {number, [&, number](const CasePlace& at) { emit_change(target, at, decision, policy, state, number); }});
    std::vector<Case> measures;
    std::uint32_t in_measures = 0;
    for (std::uint32_t i = 0; i < decision.measures.size(); ++i)
        in_measures = std::max(in_measures, KeyMemory::on_stack(state.measure(i).width));
    for (std::uint32_t number = 0; number < decision.rules.size(); ++number) {
        const ir::Rule& rule = decision.rules[number];
        if (rule.measures.empty()) continue;
        measures.push_back({number, [&](const CasePlace& at) {
                                for (const std::uint32_t one : rule.measures)
                                    emit_measure(target, at, decision.measures[one], state.measure(one));
                                at.ir.CreateBr(at.yes);
                            }});
    }
    if (changes.empty()) empty(target, "weir_change_sets");
    if (decision.throttles.empty()) empty(target, "weir_throttle");
    emit_switch(all, terms_read_frame(decision, policy) ? "weir_terms_hold_in_frame" : "weir_terms_hold", rules);
    if (!measures.empty()) emit_switch({target, in_measures}, "weir_measure_all", measures);
    // The chain of calls that changes a set is the deepest: its keys are not on the stack.
    emit_switch({target, 0}, "weir_make_change", changes);
}

}  // namespace weir::codegen

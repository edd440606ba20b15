// State terms and changes of sets: the code that lays out their keys. What is done with them is in
// bpf/templates/state.h.
// Tested by tests/verdict/eviction_test.cpp with `rate(`.
#include <llvm/IR/IRBuilder.h>

#include <algorithm>
#include <functional>
#include <string>

#include "compiler/codegen/emit.h"
#include "compiler/codegen/emit_key.h"

namespace weir::codegen {
namespace {

constexpr std::size_t kCasesAFunction = 32;

constexpr std::uint32_t kValueWords = 6;  // struct weir_key_6: what a `distinct` counts, behind the key

// A case of a function (packet, number): code that ends with a branch to one of the two.
using EmitCase = std::function<void(llvm::IRBuilder<>& ir, llvm::Function& function, const KeyMemory& keys,
                                    llvm::BasicBlock* yes, llvm::BasicBlock* no)>;
struct Case {
    std::uint32_t number;
    EmitCase emit;
};

// They answer 0 for a number without a case. `stack_words`: of their longest key on the stack.
void emit_cases(Template& target, std::uint32_t stack_words, llvm::Function& function, const Case* begin,
                const Case* end) {
    llvm::LLVMContext& context = function.getContext();
    const auto block = [&](const char* name) { return llvm::BasicBlock::Create(context, name, &function); };
    llvm::BasicBlock *entry = block("entry"), *choose = block("choose"), *yes = block("yes"), *no = block("no");
    llvm::IRBuilder<> ir(entry);
    if (llvm::DISubprogram* scope = function.getSubprogram())
        ir.SetCurrentDebugLocation(llvm::DILocation::get(context, 1, 1, scope));
    const KeyMemory keys(target, function, stack_words);
    ir.CreateCondBr(ir.CreateIsNull(function.getArg(0)), no, choose);
    ir.SetInsertPoint(choose);
    llvm::SwitchInst* cases = ir.CreateSwitch(function.getArg(1), no, static_cast<unsigned>(end - begin));
    for (const Case* at = begin; at != end; ++at) {
        llvm::BasicBlock* here = block("case");
        cases->addCase(ir.getInt32(at->number), here);
        ir.SetInsertPoint(here);
        at->emit(ir, function, keys, yes, no);
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
void emit_switch(Template& target, const char* name, std::uint32_t stack_words, const std::vector<Case>& cases) {
    llvm::Function* function = target.module().getFunction(name);
    if (function == nullptr || !function->isDeclaration()) return;  // nobody calls it
    const llvm::DISubprogram* prototype = function->getSubprogram();
    function->setSubprogram(nullptr);
    make_global(target, *function, prototype);
    if (cases.size() <= kCasesAFunction)
        return emit_cases(target, stack_words, *function, cases.data(), cases.data() + cases.size());
    std::vector<Case> calls;
    for (std::size_t begin = 0; begin < cases.size(); begin += kCasesAFunction) {
        const std::size_t end = std::min(begin + kCasesAFunction, cases.size());
        auto* group = llvm::Function::Create(function->getFunctionType(), llvm::GlobalValue::WeakAnyLinkage,
                                             std::string(name) + "_from_" + std::to_string(begin), target.module());
        make_global(target, *group, prototype);
        emit_cases(target, stack_words, *group, &cases[begin], cases.data() + end);
        const EmitCase call = [group](llvm::IRBuilder<>& ir, llvm::Function& caller, const KeyMemory&,
                                      llvm::BasicBlock* yes, llvm::BasicBlock* no) {
            llvm::Value* answer = ir.CreateCall(group, {caller.getArg(0), caller.getArg(1)});
            ir.CreateCondBr(ir.CreateICmpNE(answer, ir.getInt32(0)), yes, no);
        };
        for (std::size_t i = begin; i < end; ++i) calls.push_back({cases[i].number, call});
    }
    emit_cases(target, 0, *function, calls.data(), calls.data() + calls.size());
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

// Counts the packet: an i32, not 0 where its limit is exceeded. Goes to `no` where the packet has no such key.
llvm::Value* emit_term(Template& target, llvm::IRBuilder<>& ir, llvm::Function& function, const KeyMemory& keys,
                       const ir::StateTerm& term, const StatePlace& where, llvm::BasicBlock* no) {
    const bool is_inside = ir::is_inside(term.key.parts) || ir::is_inside(term.value.parts);
    KeyEmitter key(ir, function.getArg(0), is_inside ? emit_inside(target, ir, no) : nullptr, true);
    want_present(ir, function, key, term.key.present | term.value.present, no);
    llvm::Value* place = keys.place(ir, term_words(term, where), no);
    key.store_term_key(term.key, place, where.width);
    std::vector<llvm::Value*> arguments{function.getArg(0), place, ir.getInt32(where.number)};
    if (term.kind == policy::TermKind::kDistinct) {
        llvm::Value* value = ir.CreateConstInBoundsGEP1_32(ir.getInt32Ty(), place, where.width);
        key.store_value(term.value.parts.front(), value, kValueWords);
        arguments.push_back(value);
    }
    return ir.CreateCall(&target.function(state_function(where.function, where.width).c_str()), arguments);
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

void emit_state(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy,
                const StateTables& state) {
    std::vector<Case> rules, changes;
    std::uint32_t in_terms = 0;
    for (std::uint32_t i = 0; i < decision.terms.size(); ++i)
        in_terms = std::max(in_terms, KeyMemory::on_stack(term_words(decision.terms[i], state.term(i))));
    for (std::uint32_t number = 0; number < decision.rules.size(); ++number) {
        const ir::Rule& rule = decision.rules[number];
        if (rule.terms.empty()) continue;
        rules.push_back({number, [&](llvm::IRBuilder<>& ir, llvm::Function& function, const KeyMemory& keys,
                                     llvm::BasicBlock* yes, llvm::BasicBlock* no) {
                             for (const std::uint32_t number_of_term : rule.terms) {
                                 const ir::StateTerm& term = decision.terms[number_of_term];
                                 llvm::Value* exceeds =
                                     emit_term(target, ir, function, keys, term, state.term(number_of_term), no);
                                 llvm::BasicBlock* next = llvm::BasicBlock::Create(ir.getContext(), "and", &function);
                                 llvm::Value* is_within = ir.CreateICmpEQ(exceeds, ir.getInt32(0));
                                 ir.CreateCondBr(is_within, term.within ? next : no, term.within ? no : next);
                                 ir.SetInsertPoint(next);
                             }
                             ir.CreateBr(yes);
                         }});
    }
    for (std::uint32_t number = 0; number < decision.changes.size(); ++number)
        changes.push_back({number, [&, number](llvm::IRBuilder<>& ir, llvm::Function& function, const KeyMemory& keys,
                                               llvm::BasicBlock* yes, llvm::BasicBlock* no) {
                               const ir::SetChange& change = decision.changes[number];
                               const StatePlace& where = state.live_set(change.set);
                               llvm::Value* inside =
                                   ir::is_inside(change.key.parts) ? emit_inside(target, ir, no) : nullptr;
                               KeyEmitter key(ir, function.getArg(0), inside, true);
                               want_present(ir, function, key, change.key.present, no);
                               llvm::Value* place = keys.place(ir, where.width, no);
                               key.store_change(change.key.parts, policy.sets[change.set].types, place, where.width);
                               ir.CreateCall(&target.function(state_function("weir_change", where.width).c_str()),
                                             {function.getArg(0), place, ir.getInt32(number)});
                               ir.CreateBr(yes);
                           }});
    if (changes.empty()) empty(target, "weir_change_sets");
    if (decision.throttles.empty()) empty(target, "weir_throttle");
    emit_switch(target, "weir_terms_hold", in_terms, rules);
    // The chain of calls that changes a set is the deepest: its keys are not on the stack.
    emit_switch(target, "weir_make_change", 0, changes);
}

}  // namespace weir::codegen

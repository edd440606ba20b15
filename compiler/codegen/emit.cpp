// Tested by tests/unit/codegen/native_test.cpp with `NativeEngine`.
#include "compiler/codegen/emit.h"

#include <llvm/IR/IRBuilder.h>

#include <numeric>

#include "compiler/codegen/emit_predicate.h"
#include "compiler/ir/code_size.h"

namespace weir::codegen {
namespace {

struct Emission {
    Template& target;
    const ir::Decision& decision;
    const policy::TypedPolicy& policy;
    Tables& tables;
    const llvm::DISubprogram* prototype;  // of weir_decide
    bool terms_read_frame;
};

void at_line(llvm::IRBuilder<>& ir, llvm::Function& function, unsigned line) {
    if (llvm::DISubprogram* scope = function.getSubprogram())
        ir.SetCurrentDebugLocation(llvm::DILocation::get(ir.getContext(), line, 1, scope));
}

llvm::Value* noted(const Emission& emission, llvm::IRBuilder<>& ir, llvm::Function& function, llvm::Value* row) {
    if (!emission.decision.has_frame_in_events() && !emission.terms_read_frame)
        return ir.CreateCall(&emission.target.function("weir_noted"), {function.getArg(0), row});
    return ir.CreateCall(&emission.target.function("weir_noted_with_texts"),
                         {function.getArg(0), row, function.getArg(1)});
}

// Tries rules [begin, end) in order. Returns the row that decides, or the number of rules if none does.
void emit_rules(const Emission& emission, llvm::Function& function, llvm::BasicBlock* entry, std::size_t begin,
                std::size_t end) {
    const ir::Decision& decision = emission.decision;
    llvm::IRBuilder<> ir(entry);
    at_line(ir, function, begin < end ? decision.rules[begin].line : 1);
    PredicateEmitter predicates(emission.target, function, ir, decision, emission.policy, emission.tables,
                                function.hasFnAttribute(llvm::Attribute::NoInline));
    llvm::LLVMContext& context = ir.getContext();
    for (std::size_t i = begin; i < end; ++i) {
        const ir::Rule& rule = decision.rules[i];
        // Of the other direction, mostly.
        const auto* constant = std::get_if<ir::Constant>(&decision.predicate(rule.predicate).node);
        if (constant != nullptr && !constant->value) continue;
        at_line(ir, function, rule.line);
        llvm::BasicBlock* hit = llvm::BasicBlock::Create(context, "hit", &function);
        llvm::BasicBlock* next = llvm::BasicBlock::Create(context, "next", &function);
        predicates.branch(rule.predicate, hit, next);
        ir.SetInsertPoint(hit);
        llvm::Value* row = ir.getInt32(static_cast<std::uint32_t>(i));
        if (rule.decides_alone()) {
            ir.CreateRet(row);
        } else if (rule.decides) {
            llvm::Value* decided = noted(emission, ir, function, row);
            llvm::BasicBlock* enough = llvm::BasicBlock::Create(context, "decided", &function);
            ir.CreateCondBr(ir.CreateICmpNE(decided, ir.getInt32(0)), enough, next);
            ir.SetInsertPoint(enough);
            ir.CreateRet(row);
        } else {
            noted(emission, ir, function, row);
            ir.CreateBr(next);
        }
        ir.SetInsertPoint(next);
    }
    ir.CreateRet(ir.getInt32(static_cast<std::uint32_t>(decision.rules.size())));
}

llvm::Function& make_group(const Emission& emission, llvm::Function& decide, std::size_t number, std::size_t begin,
                           std::size_t end) {
    llvm::Module& module = emission.target.module();
    // Weak, so that LLVM assumes nothing about the return value, as the verifier does.
    auto* group = llvm::Function::Create(decide.getFunctionType(), llvm::GlobalValue::WeakAnyLinkage,
                                         "weir_group_" + std::to_string(number), module);
    group->addFnAttr(llvm::Attribute::NoInline);
    group->addFnAttr(llvm::Attribute::NoUnwind);
    group->setDSOLocal(true);
    emission.target.describe(*group, emission.prototype, emission.decision.rules[begin].line, true);
    llvm::LLVMContext& context = module.getContext();
    llvm::BasicBlock* entry = llvm::BasicBlock::Create(context, "entry", group);
    llvm::BasicBlock* rules = llvm::BasicBlock::Create(context, "rules", group);
    llvm::BasicBlock* none = llvm::BasicBlock::Create(context, "none", group);
    llvm::IRBuilder<> ir(entry);
    at_line(ir, *group, emission.decision.rules[begin].line);
    ir.CreateCondBr(ir.CreateIsNull(group->getArg(0)), none, rules);
    ir.SetInsertPoint(none);
    ir.CreateRet(ir.getInt32(static_cast<std::uint32_t>(emission.decision.rules.size())));
    emit_rules(emission, *group, rules, begin, end);
    return *group;
}

}  // namespace

void emit_decide(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables) {
    llvm::Function& decide = target.function("weir_decide");
    const llvm::DISubprogram* prototype = decide.getSubprogram();
    const Emission emission{target, decision, policy, tables, prototype, terms_read_frame(decision, policy)};
    decide.setSubprogram(nullptr);
    decide.setLinkage(llvm::GlobalValue::InternalLinkage);
    target.describe(decide, prototype, 1, false);
    llvm::BasicBlock* entry = llvm::BasicBlock::Create(target.module().getContext(), "entry", &decide);
    const std::size_t rules = decision.rules.size();
    decide.addFnAttr(llvm::Attribute::AlwaysInline);
    if (decision.strategy == ir::Strategy::kForest) {
        llvm::IRBuilder<> ir(entry);
        at_line(ir, decide, 1);
        ir.CreateRet(ir.CreateCall(&target.function("weir_classify"), {decide.getArg(0), decide.getArg(1)}));
        emit_forest(target, decision, policy, tables);
        return;
    }
    const std::vector<std::uint32_t> sizes = ir::code_sizes(decision);
    if (rules <= kInlineRules && std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) <= ir::kInlineSize) {
        emit_rules(emission, decide, entry, 0, rules);
        return;
    }
    llvm::IRBuilder<> ir(entry);
    at_line(ir, decide, 1);
    llvm::Value* none = ir.getInt32(static_cast<std::uint32_t>(rules));
    // Separate functions: the verifier checks each once.
    const std::vector<std::uint32_t> begins = ir::groups(sizes);
    for (std::size_t i = 0; i < begins.size(); ++i) {
        llvm::Function& group =
            make_group(emission, decide, i, begins[i], i + 1 < begins.size() ? begins[i + 1] : rules);
        llvm::Value* row = ir.CreateCall(&group, {decide.getArg(0), decide.getArg(1)});
        llvm::BasicBlock* found = llvm::BasicBlock::Create(ir.getContext(), "found", &decide);
        llvm::BasicBlock* next = llvm::BasicBlock::Create(ir.getContext(), "next", &decide);
        ir.CreateCondBr(ir.CreateICmpULT(row, none), found, next);
        ir.SetInsertPoint(found);
        ir.CreateRet(row);
        ir.SetInsertPoint(next);
    }
    ir.CreateRet(none);
}

}  // namespace weir::codegen

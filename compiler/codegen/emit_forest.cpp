// What the walker of forests leaves to the compiler: how an entry compares, and the conditions that are no boxes.
#include <llvm/IR/IRBuilder.h>

#include <algorithm>
#include <string>

#include "compiler/codegen/emit.h"
#include "compiler/codegen/emit_predicate.h"
#include "grammar/check.h"

namespace weir::codegen {
namespace {

constexpr std::uint32_t kResidualsAFunction = 64;

// Fields compared without a branch, which varied packets would make expensive. More at once than the machine has registers
// for would go to the stack, and that is 512 bytes.
constexpr std::size_t kFieldsAtOnce = 6;

// Zero where the packet is in the entry's box.
class Comparison {
public:
    Comparison(llvm::IRBuilder<>& ir, llvm::Value* packet, llvm::Value* entry) : ir_(ir), packet_(packet), entry_(entry) {}

    // The whole body of a function that returns it.
    void return_misses(const ir::EntryLayout& layout) {
        llvm::Function* function = ir_.GetInsertBlock()->getParent();
        llvm::Value* any = ir_.getInt64(0);
        for (std::size_t i = 0; i < layout.fields.size(); ++i) {
            if (i != 0 && i % kFieldsAtOnce == 0) {
                llvm::BasicBlock* out = llvm::BasicBlock::Create(ir_.getContext(), "out", function);
                llvm::BasicBlock* more = llvm::BasicBlock::Create(ir_.getContext(), "more", function);
                ir_.CreateCondBr(ir_.CreateIsNotNull(any), out, more);
                ir_.SetInsertPoint(out);
                ir_.CreateRet(any);
                ir_.SetInsertPoint(more);
                any = ir_.getInt64(0);
            }
            any = ir_.CreateOr(any, miss(layout.fields[i]));
        }
        ir_.CreateRet(any);
    }

private:
    llvm::Value* load(llvm::Value* base, std::uint32_t offset, std::uint32_t bytes) {
        llvm::Value* at = ir_.CreateConstInBoundsGEP1_32(ir_.getInt8Ty(), base, offset);
        return ir_.CreateZExt(ir_.CreateLoad(ir_.getIntNTy(bytes * 8), at), ir_.getInt64Ty());
    }
    // The member that the dimension is, or the word that it is part of.
    llvm::Value* value(const ir::Dimension& d) {
        const std::uint32_t bytes = d.bits <= 8 ? 1 : d.bits <= 16 ? 2 : 4;
        if (d.bits == bytes * 8 && d.shift % d.bits == 0) return load(packet_, d.word * 4u + d.shift / 8u, bytes);
        return ir_.CreateAnd(ir_.CreateLShr(load(packet_, d.word * 4u, 4), d.shift), d.full());
    }
    llvm::Value* miss(const ir::EntryField& field) {
        llvm::Value* packet = value(field.dimension);
        llvm::Value* first = load(entry_, field.offset, field.bytes);
        switch (field.form) {
            case ir::FieldForm::kExact: return ir_.CreateXor(packet, first);
            case ir::FieldForm::kPrefix: return ir_.CreateLShr(ir_.CreateXor(packet, first), load(entry_, field.second, 1));
            case ir::FieldForm::kRange: {
                llvm::Value* beyond = ir_.CreateAnd(ir_.CreateSub(packet, first), field.dimension.full());
                return ir_.CreateLShr(ir_.CreateSub(load(entry_, field.second, field.bytes), beyond), 32);
            }
            case ir::FieldForm::kOnes: return ir_.CreateAnd(first, ir_.CreateNot(packet));
            case ir::FieldForm::kMasked: break;
        }
        return ir_.CreateAnd(ir_.CreateXor(packet, first), load(entry_, field.second, field.bytes));
    }

    llvm::IRBuilder<>& ir_;
    llvm::Value* packet_;
    llvm::Value* entry_;
};

void emit_misses(Template& target, const std::string& name, const ir::EntryLayout& layout) {
    llvm::Function* function = target.module().getFunction(name);
    if (function == nullptr) return;
    function->setSubprogram(nullptr);
    function->setLinkage(llvm::GlobalValue::InternalLinkage);
    function->addFnAttr(llvm::Attribute::AlwaysInline);
    llvm::IRBuilder<> ir(llvm::BasicBlock::Create(target.module().getContext(), "", function));
    Comparison(ir, function->getArg(0), function->getArg(1)).return_misses(layout);
}

struct ResidualCode {
    Template& target;
    const ir::Decision& decision;
    const sema::TypedPolicy& policy;
    Tables& tables;
    const llvm::DISubprogram* prototype;
};

// Residuals [begin, end): the function's third argument says which.
void emit_residuals(const ResidualCode& code, llvm::Function& function, std::uint32_t begin, std::uint32_t end) {
    llvm::LLVMContext& context = code.target.module().getContext();
    llvm::BasicBlock* entry = llvm::BasicBlock::Create(context, "entry", &function);
    llvm::BasicBlock* choose = llvm::BasicBlock::Create(context, "choose", &function);
    llvm::BasicBlock* yes = llvm::BasicBlock::Create(context, "yes", &function);
    llvm::BasicBlock* no = llvm::BasicBlock::Create(context, "no", &function);
    llvm::IRBuilder<> ir(entry);
    if (llvm::DISubprogram* scope = function.getSubprogram()) ir.SetCurrentDebugLocation(llvm::DILocation::get(context, 1, 1, scope));
    PredicateEmitter predicates(code.target, function, ir, code.decision, code.policy, code.tables, true);
    ir.CreateCondBr(ir.CreateIsNull(function.getArg(0)), no, choose);
    ir.SetInsertPoint(choose);
    llvm::SwitchInst* cases = ir.CreateSwitch(function.getArg(2), no, end - begin);
    for (std::uint32_t number = begin; number < end; ++number) {
        llvm::BasicBlock* next = llvm::BasicBlock::Create(context, "residual", &function);
        cases->addCase(ir.getInt32(number), next);
        ir.SetInsertPoint(next);
        for (const ir::PredicateId predicate : code.decision.residuals[number - 1]) {
            next = llvm::BasicBlock::Create(context, "and", &function);
            predicates.branch(predicate, next, no);
            ir.SetInsertPoint(next);
        }
        ir.CreateBr(yes);
    }
    ir.SetInsertPoint(yes);
    ir.CreateRet(ir.getInt32(1));
    ir.SetInsertPoint(no);
    ir.CreateRet(ir.getInt32(0));
}

llvm::Function& make_group(const ResidualCode& code, llvm::FunctionType* type, std::uint32_t begin, std::uint32_t end) {
    // Weak, so that LLVM assumes of its answer what the verifier assumes: nothing.
    auto* group = llvm::Function::Create(type, llvm::GlobalValue::WeakAnyLinkage, "weir_residuals_from_" + std::to_string(begin),
                                         code.target.module());
    group->addFnAttr(llvm::Attribute::NoInline);
    group->addFnAttr(llvm::Attribute::NoUnwind);
    group->setDSOLocal(true);
    code.target.describe(*group, code.prototype, 1, true);
    emit_residuals(code, *group, begin, end);
    return *group;
}

// One function where they are few, else one that knows which function has which.
void emit_residual(Template& target, const ir::Decision& decision, const sema::TypedPolicy& policy, Tables& tables) {
    llvm::Function& function = target.function("weir_residual");
    const llvm::DISubprogram* prototype = function.getSubprogram();
    const ResidualCode code{target, decision, policy, tables, prototype};
    const auto count = static_cast<std::uint32_t>(decision.residuals.size());
    function.setSubprogram(nullptr);
    function.setLinkage(llvm::GlobalValue::WeakAnyLinkage);
    function.addFnAttr(llvm::Attribute::NoInline);
    function.setDSOLocal(true);
    target.describe(function, prototype, 1, true);
    if (count <= kResidualsAFunction) {
        emit_residuals(code, function, 1, count + 1);
        return;
    }
    llvm::LLVMContext& context = target.module().getContext();
    llvm::BasicBlock* entry = llvm::BasicBlock::Create(context, "entry", &function);
    llvm::BasicBlock* none = llvm::BasicBlock::Create(context, "none", &function);
    llvm::IRBuilder<> ir(entry);
    if (llvm::DISubprogram* scope = function.getSubprogram()) ir.SetCurrentDebugLocation(llvm::DILocation::get(context, 1, 1, scope));
    llvm::Value* which = ir.CreateUDiv(ir.CreateSub(function.getArg(2), ir.getInt32(1)), ir.getInt32(kResidualsAFunction));
    llvm::SwitchInst* cases = ir.CreateSwitch(which, none, 1 + count / kResidualsAFunction);
    for (std::uint32_t begin = 1; begin <= count; begin += kResidualsAFunction) {
        llvm::Function& group = make_group(code, function.getFunctionType(), begin, std::min<std::uint32_t>(begin + kResidualsAFunction, count + 1));
        llvm::BasicBlock* calls = llvm::BasicBlock::Create(context, "group", &function);
        cases->addCase(ir.getInt32((begin - 1) / kResidualsAFunction), calls);
        ir.SetInsertPoint(calls);
        ir.CreateRet(ir.CreateCall(&group, {function.getArg(0), function.getArg(1), function.getArg(2)}));
    }
    ir.SetInsertPoint(none);
    ir.CreateRet(ir.getInt32(0));
}

}  // namespace

void emit_forest(Template& target, const ir::Decision& decision, const sema::TypedPolicy& policy, Tables& tables) {
    for (std::size_t i = 0; i < WEIR_FORESTS; ++i) {
        const ir::Forest& forest = decision.forests.kinds[i];
        const std::string number = "_" + std::to_string(i);
        target.set_constant(("weir_stride" + number).c_str(), forest.layout.words);
        target.set_constant(("weir_longest" + number).c_str(), forest.longest_leaf);
        target.set_constant(("weir_residuals" + number).c_str(), forest.layout.has_residual ? 1 : 0);
        emit_misses(target, "weir_misses" + number, forest.layout);
    }
    emit_residual(target, decision, policy, tables);
}

}  // namespace weir::codegen

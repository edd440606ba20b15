// The parts of the forest walker that depend on the policy: how an entry compares, and the residual conditions.
// Tested by tests/verdict/shapes.cpp with `kernel`.
#include <llvm/IR/IRBuilder.h>

#include <numeric>
#include <string>

#include "compiler/codegen/emit.h"
#include "compiler/codegen/emit_predicate.h"
#include "compiler/ir/code_size.h"
#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

// Fields are compared without branches, because varied packets mispredict them. More fields at once than there are
// registers would go to the stack, which has 512 bytes.
constexpr std::size_t kFieldsAtOnce = 6;

// Zero if the packet is in the entry's box.
class Comparison {
public:
    Comparison(llvm::IRBuilder<>& ir, llvm::Value* packet, llvm::Value* entry)
        : ir_(ir), packet_(packet), entry_(entry) {}

    // Emits the whole body of a function that returns it.
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
    // The member of struct weir_packet for the dimension, or the word that contains it.
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
            case ir::FieldForm::kPrefix:
                return ir_.CreateLShr(ir_.CreateXor(packet, first), load(entry_, field.second, 1));
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
    const policy::TypedPolicy& policy;
    Tables& tables;
    const llvm::DISubprogram* prototype;
};

// Branches to the code that `leaf` emits for part i of `begins`, if the function's third argument is a number after
// begins[i]. This is a binary search. Of a switch, the verifier would find unreachable cases and remove them one by
// one.
template <typename Leaf>
void emit_choice(llvm::IRBuilder<>& ir, llvm::Function& function, const std::vector<std::uint32_t>& begins,
                 std::size_t first, std::size_t last, const Leaf& leaf) {
    if (last - first == 1) {
        leaf(first);
        return;
    }
    const std::size_t middle = (first + last) / 2;
    llvm::BasicBlock* before = llvm::BasicBlock::Create(ir.getContext(), "before", &function);
    llvm::BasicBlock* after = llvm::BasicBlock::Create(ir.getContext(), "after", &function);
    ir.CreateCondBr(ir.CreateICmpULE(function.getArg(2), ir.getInt32(begins[middle])), before, after);
    ir.SetInsertPoint(before);
    emit_choice(ir, function, begins, first, middle, leaf);
    ir.SetInsertPoint(after);
    emit_choice(ir, function, begins, middle, last, leaf);
}

// Emits residuals begin + 1 to end; the function's third argument selects one.
void emit_residuals(const ResidualCode& code, llvm::Function& function, std::uint32_t begin, std::uint32_t end) {
    llvm::LLVMContext& context = code.target.module().getContext();
    llvm::BasicBlock* entry = llvm::BasicBlock::Create(context, "entry", &function);
    llvm::BasicBlock* choose = llvm::BasicBlock::Create(context, "choose", &function);
    llvm::BasicBlock* yes = llvm::BasicBlock::Create(context, "yes", &function);
    llvm::BasicBlock* no = llvm::BasicBlock::Create(context, "no", &function);
    llvm::IRBuilder<> ir(entry);
    if (llvm::DISubprogram* scope = function.getSubprogram())
        ir.SetCurrentDebugLocation(llvm::DILocation::get(context, 1, 1, scope));
    PredicateEmitter predicates(code.target, function, ir, code.decision, code.policy, code.tables, true);
    ir.CreateCondBr(ir.CreateIsNull(function.getArg(0)), no, choose);
    ir.SetInsertPoint(choose);
    std::vector<std::uint32_t> begins(end - begin);
    std::iota(begins.begin(), begins.end(), begin);
    if (begins.empty())
        ir.CreateBr(no);
    else
        emit_choice(ir, function, begins, 0, begins.size(),
                    [&](std::size_t i) { predicates.branch_all(code.decision.residuals[begins[i]], false, yes, no); });
    ir.SetInsertPoint(yes);
    ir.CreateRet(ir.getInt32(1));
    ir.SetInsertPoint(no);
    ir.CreateRet(ir.getInt32(0));
}

llvm::Function& make_group(const ResidualCode& code, llvm::FunctionType* type, std::uint32_t begin, std::uint32_t end) {
    // Weak, so that LLVM assumes nothing about the return value, as the verifier does.
    auto* group = llvm::Function::Create(type, llvm::GlobalValue::WeakAnyLinkage,
                                         "weir_residuals_from_" + std::to_string(begin), code.target.module());
    group->addFnAttr(llvm::Attribute::NoInline);
    group->addFnAttr(llvm::Attribute::NoUnwind);
    group->setDSOLocal(true);
    code.target.describe(*group, code.prototype, 1, true);
    emit_residuals(code, *group, begin, end);
    return *group;
}

// One function if there are few, else one that dispatches to the others. The latter has no call of its own: a condition
// is deep already, and the kernel takes eight calls inside one another.
void emit_residual(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables) {
    llvm::Function& function = target.function("weir_residual");
    const llvm::DISubprogram* prototype = function.getSubprogram();
    const ResidualCode code{target, decision, policy, tables, prototype};
    function.setSubprogram(nullptr);
    function.setDSOLocal(true);
    const std::vector<std::uint32_t> begins = ir::groups(ir::code_sizes(decision));
    const auto count = static_cast<std::uint32_t>(decision.residuals.size());
    if (begins.size() <= 1) {
        function.setLinkage(llvm::GlobalValue::WeakAnyLinkage);
        function.addFnAttr(llvm::Attribute::NoInline);
        target.describe(function, prototype, 1, true);
        emit_residuals(code, function, 0, count);
        return;
    }
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.addFnAttr(llvm::Attribute::AlwaysInline);
    llvm::IRBuilder<> ir(llvm::BasicBlock::Create(target.module().getContext(), "entry", &function));
    emit_choice(ir, function, begins, 0, begins.size(), [&](std::size_t i) {
        llvm::Function& group =
            make_group(code, function.getFunctionType(), begins[i], i + 1 < begins.size() ? begins[i + 1] : count);
        ir.CreateRet(ir.CreateCall(&group, {function.getArg(0), function.getArg(1), function.getArg(2)}));
    });
}

}  // namespace

void emit_forest(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables) {
    for (std::size_t i = 0; i < WEIR_FORESTS; ++i) {
        const ir::Forest& forest = decision.forests.kinds[i];
        const std::string number = "_" + std::to_string(i);
        target.set_constant(("weir_stride" + number).c_str(), forest.layout.words);
        target.set_constant(("weir_longest" + number).c_str(), forest.longest_leaf);
        target.set_constant(("weir_trees" + number).c_str(), static_cast<std::uint32_t>(forest.trees.size()));
        target.set_constant(("weir_residuals" + number).c_str(), forest.layout.has_residual ? 1 : 0);
        emit_misses(target, "weir_misses" + number, forest.layout);
    }
    emit_residual(target, decision, policy, tables);
}

}  // namespace weir::codegen

// Few boxes: all of them are compared, and the first one that holds is picked by arithmetic. A branch a box would be
// mispredicted more often than not, and costs as much as five comparisons.
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>

#include <bit>
#include <map>

#include "compiler/codegen/emit.h"

namespace weir::codegen {
namespace {

class Flat {
public:
    Flat(llvm::IRBuilder<>& ir, llvm::Value* packet, const ir::Decision& decision) : ir_(ir), packet_(packet), decision_(decision) {}

    // The first box's rule, or the number of rules.
    llvm::Value* decided() {
        llvm::Value* best = ir_.getInt64(decision_.rules.size());
        for (auto box = decision_.flat.rbegin(); box != decision_.flat.rend(); ++box) {
            llvm::Value* misses = ir_.getInt64(0);
            for (const ir::Side& side : box->sides) misses = ir_.CreateOr(misses, miss(side));
            llvm::Value* all_ones_if_none = ir_.CreateAShr(opaque(ir_.CreateSub(misses, ir_.getInt64(1))), 63);
            llvm::Value* other = ir_.CreateXor(best, ir_.getInt64(box->rule));
            best = ir_.CreateXor(best, ir_.CreateAnd(other, all_ones_if_none));
        }
        return ir_.CreateTrunc(best, ir_.getInt32Ty());
    }

private:
    // LLVM would see through the arithmetic and make a branch of it.
    llvm::Value* opaque(llvm::Value* value) {
        auto* type = llvm::FunctionType::get(ir_.getInt64Ty(), {ir_.getInt64Ty()}, false);
        return ir_.CreateCall(llvm::InlineAsm::get(type, "", "=r,0", false), {value});
    }
    llvm::Value* value(std::uint32_t number) {
        llvm::Value*& known = values_[number];
        if (known != nullptr) return known;
        const ir::Dimension& d = decision_.dimensions[number];
        const std::uint32_t bytes = d.bits <= 8 ? 1 : d.bits <= 16 ? 2 : 4;
        const bool whole = d.bits == bytes * 8 && d.shift % d.bits == 0;
        const std::uint32_t offset = whole ? d.word * 4u + d.shift / 8u : d.word * 4u;
        llvm::Value* at = ir_.CreateConstInBoundsGEP1_32(ir_.getInt8Ty(), packet_, offset);
        llvm::Value* loaded = ir_.CreateZExt(ir_.CreateLoad(ir_.getIntNTy(whole ? d.bits : 32u), at), ir_.getInt64Ty());
        known = opaque(whole ? loaded : ir_.CreateAnd(ir_.CreateLShr(loaded, d.shift), d.full()));
        return known;
    }
    // Zero where the side holds; below 2^63.
    llvm::Value* miss(const ir::Side& side) {
        const ir::Dimension& d = decision_.dimensions[side.dimension];
        llvm::Value* packet = value(side.dimension);
        if (d.kind == ir::SideKind::kBits) return ir_.CreateXor(ir_.CreateAnd(packet, side.last), side.first);
        const std::uint32_t open = side.first ^ side.last;
        if ((open & (open + 1)) == 0 && (side.first & open) == 0)
            return ir_.CreateLShr(ir_.CreateXor(packet, side.first), static_cast<std::uint64_t>(std::bit_width(open)));
        llvm::Value* beyond = opaque(ir_.CreateAnd(ir_.CreateSub(packet, ir_.getInt64(side.first)), d.full()));
        return ir_.CreateLShr(ir_.CreateSub(ir_.getInt64(side.last - side.first), beyond), 63);
    }

    llvm::IRBuilder<>& ir_;
    llvm::Value* packet_;
    const ir::Decision& decision_;
    std::map<std::uint32_t, llvm::Value*> values_;   // one load a dimension
};

}  // namespace

void emit_flat(llvm::Function& decide, llvm::BasicBlock& entry, const ir::Decision& decision) {
    llvm::IRBuilder<> ir(&entry);
    if (llvm::DISubprogram* scope = decide.getSubprogram()) ir.SetCurrentDebugLocation(llvm::DILocation::get(ir.getContext(), 1, 1, scope));
    ir.CreateRet(Flat(ir, decide.getArg(0), decision).decided());
}

}  // namespace weir::codegen

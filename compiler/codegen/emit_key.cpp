// Tested by tests/unit/codegen/emit_key_test.cpp.
#include "compiler/codegen/emit_key.h"

#include <algorithm>

#include "bpf/abi.h"
#include "grammar/base/check.h"

namespace weir::codegen {

std::vector<ir::AddressRef> versions(const ir::PacketKey& key) {
    std::vector<ir::AddressRef> first;
    for (const ir::SetKeyPart& part : key.parts) {
        if (!part.is_address || !part.address.either_version) continue;
        if (std::none_of(first.begin(), first.end(), [&](const ir::AddressRef& other) {
                return other.version_offset() == part.address.version_offset();
            }))
            first.push_back(part.address);
    }
    return first;
}

llvm::Value* emit_inside(Template& target, llvm::IRBuilder<>& ir, llvm::BasicBlock* no) {
    llvm::Value* place = ir.CreateCall(&target.function("weir_inside_place"));
    llvm::BasicBlock* there = llvm::BasicBlock::Create(ir.getContext(), "inside", ir.GetInsertBlock()->getParent());
    ir.CreateCondBr(ir.CreateIsNull(place), no, there);
    ir.SetInsertPoint(there);
    return place;
}

std::uint32_t term_key_words(const ir::PacketKey& key) {
    auto words = static_cast<std::uint32_t>(versions(key).size());
    for (const ir::SetKeyPart& part : key.parts) {
        if (part.is_address)
            words += part.address.either_version ? 4 : 1;
        else
            words += part.word.size == 8 ? 2 : 1;
    }
    return words;
}

// As many as an address of either version with one more word. All functions of a chain together have 512 bytes of
// stack.
constexpr std::uint32_t kMostWordsOnStack = 6;

std::uint32_t KeyMemory::on_stack(std::uint32_t words) { return words <= kMostWordsOnStack ? words : 0; }

KeyMemory::KeyMemory(Template& target, llvm::Function& function, std::uint32_t stack_words)
    : target_(target), function_(function) {
    if (stack_words == 0) return;
    // In the entry block: elsewhere an alloca would be dynamic, which BPF does not support.
    llvm::BasicBlock& entry = function.getEntryBlock();
    llvm::IRBuilder<> ir(&entry, entry.begin());
    stack_ = ir.CreateAlloca(llvm::ArrayType::get(ir.getInt32Ty(), stack_words));
}

llvm::Value* KeyMemory::place(llvm::IRBuilder<>& ir, std::uint32_t words, llvm::BasicBlock* no) const {
    if (stack_ != nullptr && on_stack(words) != 0) return stack_;
    WEIR_CHECK(words <= WEIR_LONG_KEY_WORDS);
    llvm::Value* place = ir.CreateCall(&target_.function("weir_long_key_place"));
    llvm::BasicBlock* there = llvm::BasicBlock::Create(ir.getContext(), "place", &function_);
    ir.CreateCondBr(ir.CreateIsNull(place), no, there);
    ir.SetInsertPoint(there);
    return place;
}

void KeyPlace::put(llvm::Value* word) {
    WEIR_CHECK(next_ < width_);
    ir_.CreateStore(word, ir_.CreateConstInBoundsGEP1_32(ir_.getInt32Ty(), place_, next_++));
}

void KeyPlace::fill_with_zeros() {
    while (next_ < width_) put(ir_.getInt32(0));
}

llvm::Value* KeyEmitter::load(std::uint32_t offset, std::uint32_t bytes) {
    const bool is_inside = ir::is_inside(offset);
    WEIR_CHECK(!is_inside || inside_ != nullptr);
    llvm::Value* at = ir_.CreateConstInBoundsGEP1_32(ir_.getInt8Ty(), is_inside ? inside_ : packet_,
                                                     is_inside ? offset - WEIR_INSIDE_OFFSET : offset);
    return ir_.CreateZExt(ir_.CreateLoad(ir_.getIntNTy(bytes * 8), at, reload_), ir_.getInt64Ty());
}

llvm::Value* KeyEmitter::word(const ir::Word& word) {
    llvm::Value* value = load(word.offset, word.size);
    if (word.shift != 0) value = ir_.CreateLShr(value, word.shift);
    return ir_.CreateAnd(value, word.mask);
}

llvm::Value* KeyEmitter::present(const packet::PresentBits& bits) {
    llvm::Value* all = nullptr;
    for (std::uint32_t i = 0; i < bits.words.size(); ++i) {
        if (bits.words[i] == 0) continue;
        std::size_t offset = offsetof(weir_packet, present) + 4 * i;
        if (i >= packet::kInnerPresent / 32)
            offset = WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner.present) + 4 * (i - packet::kInnerPresent / 32);
        if (i >= packet::kFlowPresent / 32) offset = WEIR_FLOW_OFFSET + offsetof(weir_flow_view, present);
        llvm::Value* has = ir_.CreateAnd(load(static_cast<std::uint32_t>(offset), 4), bits.words[i]);
        llvm::Value* in = ir_.CreateICmpEQ(has, ir_.getInt64(bits.words[i]));
        all = all == nullptr ? in : ir_.CreateAnd(all, in);
    }
    return all == nullptr ? ir_.getTrue() : all;
}

std::uint32_t address_mask(std::uint32_t bits, std::uint32_t word) {
    constexpr std::uint32_t kWordBits = 32;
    if (bits >= (word + 1) * kWordBits) return ~0u;
    return bits <= word * kWordBits ? 0 : ~0u << ((word + 1) * kWordBits - bits);
}

// The words behind an IPv4 address are zero, and stay so.
llvm::Value* KeyEmitter::address_word(const ir::SetKeyPart& part, std::uint32_t number) {
    llvm::Value* value = ir_.CreateTrunc(load(part.address.offset + number * 4, 4), ir_.getInt32Ty());
    const std::uint32_t mask4 = address_mask(part.bits.ip4, number), mask6 = address_mask(part.bits.ip6, number);
    if (!part.address.either_version) return mask4 == ~0u ? value : ir_.CreateAnd(value, mask4);
    if (number != 0 || mask4 == mask6) return mask6 == ~0u ? value : ir_.CreateAnd(value, mask6);
    llvm::Value* is_ip4 = ir_.CreateICmpEQ(load(part.address.version_offset(), 1), ir_.getInt64(4));
    return ir_.CreateAnd(value, ir_.CreateSelect(is_ip4, ir_.getInt32(mask4), ir_.getInt32(mask6)));
}

void KeyEmitter::put_set_part(const ir::SetKeyPart& part, policy::SetType type, Put put) {
    llvm::Type* i32 = ir_.getInt32Ty();
    if (part.is_address) {
        WEIR_CHECK(type == policy::SetType::kIp || type == policy::SetType::kNet);
        const bool either = part.address.either_version;
        put(either ? ir_.CreateTrunc(load(part.address.version_offset(), 1), i32) : ir_.getInt32(4));
        for (std::uint32_t i = 0; i < 4; ++i) put(either || i == 0 ? address_word(part, i) : ir_.getInt32(0));
        return;
    }
    llvm::Value* number = word(part.word);
    if (type == policy::SetType::kMac) put(ir_.CreateTrunc(ir_.CreateLShr(number, 32), i32));
    put(ir_.CreateTrunc(number, i32));
}

void KeyEmitter::store_entry(const std::vector<ir::SetKeyPart>& parts, const std::vector<policy::SetType>& types,
                             llvm::Value* place, std::uint32_t width) {
    KeyPlace at(ir_, place, width);
    for (std::size_t i = 0; i < parts.size(); ++i)
        put_set_part(parts[i], types[i], [&](llvm::Value* word) { at.put(word); });
    at.fill_with_zeros();
}

void KeyEmitter::store_change(const std::vector<ir::SetKeyPart>& parts, const std::vector<policy::SetType>& types,
                              llvm::Value* place, std::uint32_t width) {
    KeyPlace at(ir_, place, width);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        bool is_length = types[i] == policy::SetType::kNet;  // the first word: the version, the length too
        put_set_part(parts[i], types[i], [&](llvm::Value* word) {
            at.put(is_length ? ir_.CreateOr(word, net_length(parts[i])) : word);
            is_length = false;
        });
    }
    at.fill_with_zeros();
}

llvm::Value* KeyEmitter::net_length(const ir::SetKeyPart& part) {
    constexpr std::uint32_t kShift = 8;  // bpf/abi.h, state
    llvm::Value *bits4 = ir_.getInt32(std::uint32_t{part.bits.ip4} << kShift),
                *bits6 = ir_.getInt32(std::uint32_t{part.bits.ip6} << kShift);
    if (!part.address.either_version) return bits4;
    llvm::Value* is_ip4 = ir_.CreateICmpEQ(load(part.address.version_offset(), 1), ir_.getInt64(4));
    return ir_.CreateSelect(is_ip4, bits4, bits6);
}

void KeyEmitter::store_term_key(const ir::PacketKey& key, llvm::Value* place, std::uint32_t width) {
    llvm::Type* i32 = ir_.getInt32Ty();
    KeyPlace at(ir_, place, width);
    for (const ir::AddressRef& address : versions(key)) at.put(ir_.CreateTrunc(load(address.version_offset(), 1), i32));
    for (const ir::SetKeyPart& part : key.parts) {
        if (part.is_address) {
            for (std::uint32_t i = 0; i < (part.address.either_version ? 4 : 1); ++i) at.put(address_word(part, i));
            continue;
        }
        llvm::Value* number = word(part.word);
        if (part.word.size == 8) at.put(ir_.CreateTrunc(ir_.CreateLShr(number, 32), i32));
        at.put(ir_.CreateTrunc(number, i32));
    }
    at.fill_with_zeros();
}

void KeyEmitter::store_value(const ir::SetKeyPart& part, llvm::Value* place, std::uint32_t width) {
    KeyPlace at(ir_, place, width);
    if (part.is_address) {
        put_set_part(part, policy::SetType::kIp, [&](llvm::Value* word) { at.put(word); });
    } else {
        llvm::Value* number = word(part.word);
        at.put(ir_.CreateTrunc(number, ir_.getInt32Ty()));
        if (part.word.size == 8) at.put(ir_.CreateTrunc(ir_.CreateLShr(number, 32), ir_.getInt32Ty()));
    }
    at.fill_with_zeros();
}

}  // namespace weir::codegen

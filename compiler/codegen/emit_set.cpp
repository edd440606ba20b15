// Set look-ups: single values in their ranges; sets that change in maps of their own; else the key is laid out as struct weir_set_key or struct weir_net_key.
#include "compiler/codegen/emit_key.h"
#include "compiler/codegen/emit_predicate.h"
#include "grammar/check.h"

namespace weir::codegen {

// The words of a part that is no net, as 32-bit values.
std::vector<llvm::Value*> PredicateEmitter::part_words(const ir::SetKeyPart& part, sema::SetType type) {
    return KeyEmitter(ir_, packet_, reload_).set_part(part, type);
}

llvm::Value* PredicateEmitter::in_live(const ir::InSet& node) {
    const StatePlace& place = tables_.state().live_set(node.set);
    KeyEmitter key(ir_, packet_, reload_);
    key.store_entry(node.key, policy_.sets[node.set].types, set_key_, place.width);
    return call(state_function("weir_lives", place.width).c_str(), {packet_, set_key_, ir_.getInt32(place.index)});
}

llvm::Value* PredicateEmitter::in_hash(const ir::InSet& node) {
    const sema::Set& set = policy_.sets[node.set];
    std::vector<llvm::Value*> words{ir_.getInt32(node.set)};
    for (std::size_t i = 0; i < node.key.size(); ++i)
        for (llvm::Value* part : part_words(node.key[i], set.types[i])) words.push_back(part);
    words.resize(tables_.hash_words(), ir_.getInt32(0));
    for (std::uint32_t i = 0; i < words.size(); ++i)
        ir_.CreateStore(words[i], ir_.CreateConstInBoundsGEP1_32(ir_.getInt32Ty(), set_key_, i));
    return call("weir_in_set", {set_key_});
}

llvm::Value* PredicateEmitter::in_nets(const ir::InSet& node, const KeyLayout& layout, bool ip6) {
    const sema::Set& set = policy_.sets[node.set];
    std::vector<llvm::Value*> words{ir_.getInt32(2 * node.set + (ip6 ? 1 : 0))};
    for (std::size_t i = 0; i < node.key.size(); ++i) {
        if (i == layout.net_part) continue;
        for (llvm::Value* part : part_words(node.key[i], set.types[i])) words.push_back(part);
    }
    const ir::AddressRef& address = node.key[layout.net_part].address;
    const std::uint32_t address_words = ip6 ? 4 : 1;
    for (std::uint32_t i = 0; i < address_words; ++i)
        words.push_back(ir_.CreateTrunc(load(address.offset + i * 4, 4), ir_.getInt32Ty()));
    const auto bits = static_cast<std::uint32_t>(words.size() * 32);
    words.resize(tables_.net_words(), ir_.getInt32(0));
    ir_.CreateStore(ir_.getInt32(bits), net_key_);
    for (std::uint32_t i = 0; i < words.size(); ++i) {
        llvm::Value* big_endian = ir_.CreateUnaryIntrinsic(llvm::Intrinsic::bswap, words[i]);
        ir_.CreateStore(big_endian, ir_.CreateConstInBoundsGEP1_32(ir_.getInt32Ty(), net_key_, i + 1));
    }
    return call("weir_in_nets", {net_key_});
}

void PredicateEmitter::branch_in_set(const ir::InSet& node, llvm::BasicBlock* yes, llvm::BasicBlock* no) {
    const sema::Set& set = policy_.sets[node.set];
    if (is_searched(set)) {
        const SetRanges& ranges = tables_.set_ranges(node.set, set);
        const ir::SetKeyPart& part = node.key.front();
        if (part.is_address)
            return branch_addresses(part.address, {ranges.ranges4, ranges.search4}, {ranges.ranges6, ranges.search6}, yes, no);
        llvm::Value* number = word(part.word);
        llvm::Value* in = ranges.search.function != nullptr ? found(ranges.search, {number}) : in_few(number, ranges.numbers);
        ir_.CreateCondBr(in, yes, no);
        return;
    }
    WEIR_CHECK(set_key_ != nullptr);
    if (set.dynamic) {
        ir_.CreateCondBr(in_live(node), yes, no);
        return;
    }
    const KeyLayout layout = key_layout(set);
    if (!layout.is_net) {
        ir_.CreateCondBr(in_hash(node), yes, no);
        return;
    }
    if (!node.key[layout.net_part].address.either_version) {
        ir_.CreateCondBr(in_nets(node, layout, false), yes, no);
        return;
    }
    llvm::BasicBlock* version4 = block("net4");
    llvm::BasicBlock* version6 = block("net6");
    ir_.CreateCondBr(present(WEIR_BIT(WEIR_HAS_IP4)), version4, version6);
    ir_.SetInsertPoint(version4);
    ir_.CreateCondBr(in_nets(node, layout, false), yes, no);
    ir_.SetInsertPoint(version6);
    ir_.CreateCondBr(in_nets(node, layout, true), yes, no);
}

}  // namespace weir::codegen

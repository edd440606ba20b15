// Set look-ups: sets of single values as ranges; sets that change in maps of their own; other sets with a key as struct
// weir_set_key or struct weir_net_key.
// Tested by tests/cli/kept_test.py with `in bad`.
#include "compiler/codegen/emit_predicate.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/check.h"

namespace weir::codegen {

llvm::Value* PredicateEmitter::in_live(const ir::InSet& node, llvm::Value* key) {
    const StatePlace& place = tables_.state().live_set(node.set);
    KeyEmitter fields(ir_, packet_, inside_, reload_);
    fields.store_entry(node.key, policy_.sets[node.set].types, key, place.width);
    std::vector<llvm::Value*> arguments{packet_, key, ir_.getInt32(place.index)};
    if (place.net_word != 0) arguments.push_back(ir_.getInt32(place.net_word - 1));
    return call(state_function(place.function, place.width).c_str(), arguments);
}

llvm::Value* PredicateEmitter::in_hash(const ir::InSet& node, llvm::Value* key) {
    const policy::Set& set = policy_.sets[node.set];
    KeyEmitter fields(ir_, packet_, inside_, reload_);
    KeyPlace at(ir_, key, tables_.hash_words());
    at.put(ir_.getInt32(node.set));
    for (std::size_t i = 0; i < node.key.size(); ++i)
        fields.put_set_part(node.key[i], set.types[i], [&](llvm::Value* word) { at.put(word); });
    at.fill_with_zeros();
    return call("weir_in_set", {key});
}

llvm::Value* PredicateEmitter::in_nets(const ir::InSet& node, llvm::Value* key, const KeyLayout& layout, bool ip6) {
    const policy::Set& set = policy_.sets[node.set];
    KeyEmitter fields(ir_, packet_, inside_, reload_);
    KeyPlace at(ir_, key, 1 + tables_.net_words());
    const auto put = [&](llvm::Value* word) {
        at.put(ir_.CreateUnaryIntrinsic(llvm::Intrinsic::bswap, word));
    };  // big-endian
    const ir::AddressRef& address = node.key[layout.net_part].address;
    at.put(ir_.getInt32(32 * (layout.words - (ip6 ? 0 : 3))));
    put(ir_.getInt32(2 * node.set + (ip6 ? 1 : 0)));
    for (std::size_t i = 0; i < node.key.size(); ++i)
        if (i != layout.net_part) fields.put_set_part(node.key[i], set.types[i], put);
    for (std::uint32_t i = 0; i < (ip6 ? 4 : 1); ++i)
        put(ir_.CreateTrunc(load(address.offset + i * 4, 4), ir_.getInt32Ty()));
    at.fill_with_zeros();
    return call("weir_in_nets", {key});
}

llvm::Value* PredicateEmitter::in_names(const ir::InSet& node) {
    llvm::Value* index = ir_.getInt32(tables_.state().name_table(node.set));
    if (policy_.sets[node.set].types.front() == policy::SetType::kDomain)
        return call("weir_in_names", {packet_, inside_, index});
    llvm::Value* text = ir_.CreateTrunc(load(node.key.front().word.offset, 4), ir_.getInt32Ty());
    return call("weir_in_texts", {ctx_, packet_, text, index});
}

void PredicateEmitter::branch_in_set(const ir::InSet& node, llvm::BasicBlock* yes, llvm::BasicBlock* no) {
    const policy::Set& set = policy_.sets[node.set];
    if (is_searched(set)) {
        const SetRanges& ranges = tables_.set_ranges(node.set, set);
        const ir::SetKeyPart& part = node.key.front();
        if (part.is_address)
            return branch_addresses(part.address, {ranges.ranges4, ranges.search4}, {ranges.ranges6, ranges.search6},
                                    yes, no);
        llvm::Value* number = word(part.word);
        llvm::Value* in =
            ranges.search.function != nullptr ? found(ranges.search, {number}) : in_few(number, ranges.numbers);
        ir_.CreateCondBr(in, yes, no);
        return;
    }
    if (has_names(set.types)) {
        ir_.CreateCondBr(in_names(node), yes, no);
        return;
    }
    llvm::Value* key = keys_.place(ir_, tables_.key_words(node.set, set), no);
    if (set.dynamic) {
        ir_.CreateCondBr(in_live(node, key), yes, no);
        return;
    }
    const KeyLayout layout = key_layout(set);
    if (!layout.is_net) {
        ir_.CreateCondBr(in_hash(node, key), yes, no);
        return;
    }
    if (!node.key[layout.net_part].address.either_version) {
        ir_.CreateCondBr(in_nets(node, key, layout, false), yes, no);
        return;
    }
    llvm::BasicBlock* version4 = block("net4");
    llvm::BasicBlock* version6 = block("net6");
    ir_.CreateCondBr(present({node.key[layout.net_part].address.present_bit(WEIR_HAS_IP4)}), version4, version6);
    ir_.SetInsertPoint(version4);
    ir_.CreateCondBr(in_nets(node, key, layout, false), yes, no);
    ir_.SetInsertPoint(version6);
    ir_.CreateCondBr(in_nets(node, key, layout, true), yes, no);
}

}  // namespace weir::codegen

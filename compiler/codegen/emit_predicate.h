// ir::Predicate -> branches. One PredicateEmitter for each function.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <cstdint>
#include <vector>

#include "compiler/codegen/emit_key.h"
#include "compiler/codegen/tables.h"
#include "compiler/codegen/template.h"
#include "compiler/ir/decision.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

class PredicateEmitter {
public:
    // `function` takes (struct weir_packet*, ctx); `ir` says where code goes. `reload`: read each field from memory
    // each time, so that the verifier can merge its states in long functions.
    PredicateEmitter(Template& target, llvm::Function& function, llvm::IRBuilder<>& ir, const ir::Decision& decision,
                     const policy::TypedPolicy& policy, Tables& tables, bool reload);

    // Emits code that continues at `yes` or at `no`.
    void branch(ir::PredicateId id, llvm::BasicBlock* yes, llvm::BasicBlock* no);
    // The same of several, in order, until one is `stop_at`: all of them (false), or any (true).
    void branch_all(const std::vector<ir::PredicateId>& operands, bool stop_at, llvm::BasicBlock* yes,
                    llvm::BasicBlock* no);

private:
    llvm::BasicBlock* block(const char* name);
    llvm::Value* inside(llvm::BasicBlock* no);                     // the packet's struct weir_inside
    llvm::Value* load(std::uint32_t offset, std::uint32_t bytes);  // widened to 64 bits
    llvm::Value* word(const ir::Word& word);
    llvm::Value* present(const packet::PresentBits& bits);
    llvm::Value* address_half(const ir::AddressRef& address, std::uint32_t first_word);
    llvm::Value* call(const char* name, llvm::ArrayRef<llvm::Value*> arguments);  // != 0

    llvm::Value* in_few(llvm::Value* value, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges);
    llvm::Value* found(const Search& search, llvm::ArrayRef<llvm::Value*> number);
    llvm::Value* in_few6(llvm::Value* high, llvm::Value* low, const Ranges128& ranges);
    // Compares with ranges in code, or by a look-up.
    template <typename Ranges>
    struct Where {
        const Ranges& ranges;
        const Search& search;
    };
    void branch_addresses(const ir::AddressRef& address, const Where<Ranges32>& where4, const Where<Ranges128>& where6,
                          llvm::BasicBlock* yes, llvm::BasicBlock* no);
    void branch_address_in(const ir::AddressIn& node, llvm::BasicBlock* yes, llvm::BasicBlock* no);
    llvm::Value* address_equal(const ir::AddressEqual& node);
    void branch_scanned(std::uint32_t number, llvm::BasicBlock* yes, llvm::BasicBlock* no);
    llvm::Value* payload_match(const ir::PayloadMatch& node);
    llvm::Value* text_match(const ir::TextMatch& node);
    llvm::Value* short_text_match(const ir::TextMatch& node, llvm::Value* enough, llvm::Value* at);
    llvm::Value* compare(const ir::Compare& node);
    void branch_in_set(const ir::InSet& node, llvm::BasicBlock* yes, llvm::BasicBlock* no);
    // `key`: where it is laid out.
    llvm::Value* in_names(const ir::InSet& node);
    llvm::Value* in_hash(const ir::InSet& node, llvm::Value* key);
    llvm::Value* in_live(const ir::InSet& node, llvm::Value* key);
    llvm::Value* in_nets(const ir::InSet& node, llvm::Value* key, const KeyLayout& layout, bool ip6);
    llvm::Value* value(const ir::Predicate& predicate);

    Template& target_;
    llvm::Function& function_;
    llvm::IRBuilder<>& ir_;
    const ir::Decision& decision_;
    const policy::TypedPolicy& policy_;
    Tables& tables_;
    bool reload_;
    llvm::Value* packet_;
    llvm::Value* ctx_;
    llvm::Value* inside_ = nullptr;  // of the predicate at hand, where it reads struct weir_inside
    KeyMemory keys_;
};

}  // namespace weir::codegen

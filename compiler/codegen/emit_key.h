// Fields of struct weir_packet as the words of a key in a map: bpf/abi.h, "sets" and "state".
#pragma once

#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/IR/IRBuilder.h>

#include <cstdint>
#include <vector>

#include "compiler/codegen/template.h"
#include "compiler/ir/decision.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

// Memory for the keys of a function, one at a time: on its stack where they are short, else the CPU's own.
class KeyMemory {
public:
    // `stack_words`: of the longest key for which on_stack() has more than 0; 0: no key is on the stack.
    KeyMemory(Template& target, llvm::Function& function, std::uint32_t stack_words);
    // The key's words, or 0 where they are not on the stack.
    static std::uint32_t on_stack(std::uint32_t words);
    // A pointer to `words` words, none of them written. Goes on at a new block; to `no` where the CPU has no memory,
    // which the verifier believes to be possible.
    llvm::Value* place(llvm::IRBuilder<>& ir, std::uint32_t words, llvm::BasicBlock* no) const;

private:
    Template& target_;
    llvm::Function& function_;
    llvm::Value* stack_ = nullptr;
};

// Writes a key to its place. Each word is stored as it comes: what is kept for later is on the stack, too.
class KeyPlace {
public:
    KeyPlace(llvm::IRBuilder<>& ir, llvm::Value* place, std::uint32_t width) : ir_(ir), place_(place), width_(width) {}
    void put(llvm::Value* word);
    void fill_with_zeros();  // up to the width

private:
    llvm::IRBuilder<>& ir_;
    llvm::Value* place_;
    std::uint32_t width_;
    std::uint32_t next_ = 0;
};

class KeyEmitter {
public:
    // `reload`: read each field from memory each time, so that the verifier's states of long functions meet.
    // `inside`: the CPU's struct weir_inside, where the key or what is read is in there; else nothing.
    KeyEmitter(llvm::IRBuilder<>& ir, llvm::Value* packet, llvm::Value* inside, bool reload)
        : ir_(ir), packet_(packet), inside_(inside), reload_(reload) {}

    llvm::Value* load(std::uint32_t offset, std::uint32_t bytes);  // widened to 64 bits
    llvm::Value* word(const ir::Word& word);
    // The packet has all of these; an i1.
    llvm::Value* present(const packet::PresentBits& bits);

    using Put = llvm::function_ref<void(llvm::Value*)>;  // takes 32-bit words, one after the other
    // A part of a set's entry; a net is to be looked for around the address.
    void put_set_part(const ir::SetKeyPart& part, policy::SetType type, Put put);
    // What a rule adds or removes: of a net its length, too.
    void store_change(const std::vector<ir::SetKeyPart>& parts, const std::vector<policy::SetType>& types,
                      llvm::Value* place, std::uint32_t width);
    // A whole entry of a set that changes, as it is looked for, the key of a state term, and what a `distinct` counts
    // (a number, low word first, or an address's version and words), with zeros behind them.
    void store_entry(const std::vector<ir::SetKeyPart>& parts, const std::vector<policy::SetType>& types,
                     llvm::Value* place, std::uint32_t width);
    void store_term_key(const ir::PacketKey& key, llvm::Value* place, std::uint32_t width);
    void store_value(const ir::SetKeyPart& part, llvm::Value* place, std::uint32_t width);

private:
    llvm::Value* address_word(const ir::SetKeyPart& part, std::uint32_t number);
    llvm::Value* net_length(const ir::SetKeyPart& part);

    llvm::IRBuilder<>& ir_;
    llvm::Value* packet_;
    llvm::Value* inside_;
    bool reload_;
};

// The CPU's struct weir_inside; goes on at a new block, or at `no` where there is none, which the verifier believes to
// be possible.
llvm::Value* emit_inside(Template& target, llvm::IRBuilder<>& ir, llvm::BasicBlock* no);

// Of word `word` of an address, what of it is within the first `bits` bits: words are numbers, the first one first.
std::uint32_t address_mask(std::uint32_t bits, std::uint32_t word);
// The addresses in it that may be of either version, by the first of each layer: their versions are the first words.
std::vector<ir::AddressRef> versions(const ir::PacketKey& key);
// How many words store_term_key() has before its zeros.
std::uint32_t term_key_words(const ir::PacketKey& key);

}  // namespace weir::codegen

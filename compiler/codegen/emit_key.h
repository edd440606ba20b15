// Fields of struct weir_packet as the words of a key in a map: bpf/abi.h, "sets" and "state".
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <cstdint>
#include <vector>

#include "compiler/ir/decision.h"
#include "compiler/sema/typed_policy.h"

namespace weir::codegen {

class KeyEmitter {
public:
    // `reload`: read each field from memory each time, so that the verifier's states of long functions meet.
    KeyEmitter(llvm::IRBuilder<>& ir, llvm::Value* packet, bool reload) : ir_(ir), packet_(packet), reload_(reload) {}

    llvm::Value* load(std::uint32_t offset, std::uint32_t bytes);          // widened to 64 bits
    llvm::Value* word(const ir::Word& word);
    // The packet has all of these; an i1.
    llvm::Value* present(std::uint32_t bits);
    // A part of a set's entry that is no net, as 32-bit values.
    std::vector<llvm::Value*> set_part(const ir::SetKeyPart& part, sema::SetType type);
    // A whole entry, and zeros behind it up to `width`. Part by part: what is kept for later is on the stack, too.
    void store_entry(const std::vector<ir::SetKeyPart>& parts, const std::vector<sema::SetType>& types, llvm::Value* place, std::uint32_t width);
    // The key of a state term.
    std::vector<llvm::Value*> term_words(const ir::PacketKey& key);
    // What a `distinct` counts: a number, low word first, or an address's version and words.
    std::vector<llvm::Value*> value_words(const ir::SetKeyPart& part);
    // Into the first words at `place`, and zeros behind them up to `width`.
    void store(std::vector<llvm::Value*> words, llvm::Value* place, std::uint32_t width);

private:
    llvm::IRBuilder<>& ir_;
    llvm::Value* packet_;
    bool reload_;
};

// How many words term_words() gives.
std::uint32_t term_key_words(const ir::PacketKey& key);
// And value_words().
std::uint32_t value_word_count(const ir::SetKeyPart& part);

}  // namespace weir::codegen

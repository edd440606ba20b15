// Keys of state terms and sets that change: as many words as the table's width, those of the fields first.
#include "compiler/codegen/emit_key.h"

#include <catch2/catch.hpp>

#include <llvm/IR/Instructions.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>

#include <cstddef>
#include <string>
#include <vector>

#include "bpf/abi.h"

using namespace weir;
using codegen::KeyEmitter;

namespace {

ir::SetKeyPart address(std::uint32_t offset, bool either_version) {
    ir::SetKeyPart part;
    part.is_address = true;
    part.address.offset = static_cast<decltype(part.address.offset)>(offset);
    part.address.either_version = either_version;
    return part;
}
ir::SetKeyPart number(std::uint32_t offset, std::uint8_t size) {
    ir::SetKeyPart part;
    part.word.offset = static_cast<decltype(part.word.offset)>(offset);
    part.word.size = size;
    part.word.mask = size == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << size * 8) - 1;
    return part;
}
const ir::SetKeyPart kSource = address(offsetof(weir_packet, ip_src), true);
const ir::SetKeyPart kSender = address(offsetof(weir_packet, arp_sender_ip), false);
const ir::SetKeyPart kPort = number(offsetof(weir_packet, port_dst), 2);
const ir::SetKeyPart kMac = number(offsetof(weir_packet, eth_src), 8);

// What `emit` stores: a letter a word, z for a constant zero, w for all else.
template <typename Emit>
std::string stored(Emit emit) {
    llvm::LLVMContext context;
    llvm::Module module("test", context);
    llvm::IRBuilder<> ir(context);
    auto* type = llvm::FunctionType::get(ir.getVoidTy(), {ir.getPtrTy(), ir.getPtrTy()}, false);
    auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "key", module);
    ir.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
    KeyEmitter keys(ir, function->getArg(0), nullptr, false);
    emit(keys, function->getArg(1));
    ir.CreateRetVoid();
    REQUIRE_FALSE(llvm::verifyFunction(*function));
    std::string words;
    for (const llvm::Instruction& instruction : function->getEntryBlock())
        if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
            const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(store->getValueOperand());
            words += constant != nullptr && constant->isZero() ? 'z' : 'w';
        }
    return words;
}

std::string term_key(const std::vector<ir::SetKeyPart>& parts, std::uint32_t width) {
    ir::PacketKey key;
    key.parts = parts;
    const std::string words =
        stored([&](KeyEmitter& keys, llvm::Value* place) { keys.store_term_key(key, place, width); });
    CHECK(words.find_first_not_of('w') ==
          (codegen::term_key_words(key) < width ? codegen::term_key_words(key) : std::string::npos));
    return words;
}

}  // namespace

TEST_CASE("a term's key: the version where an address may have either, the parts, zeros to the width") {
    CHECK(term_key({kPort}, 2) == "wz");
    CHECK(term_key({kMac}, 2) == "ww");
    CHECK(term_key({kSender}, 2) == "wz");
    CHECK(term_key({kSource}, 6) == "wwwwwz");
    CHECK(term_key({kSource, kPort}, 6) == "wwwwww");
    CHECK(term_key({kSource, kSource, kMac, kPort}, 16) == "wwwwwwwwwwwwzzzz");
}

TEST_CASE("an entry of a set: an address with its version, a MAC address in two words") {
    const auto entry = [](const std::vector<ir::SetKeyPart>& parts, const std::vector<policy::SetType>& types,
                          std::uint32_t width) {
        return stored([&](KeyEmitter& keys, llvm::Value* place) { keys.store_entry(parts, types, place, width); });
    };
    CHECK(entry({kPort}, {policy::SetType::kPort}, 2) == "wz");
    CHECK(entry({kMac}, {policy::SetType::kMac}, 2) == "ww");
    CHECK(entry({kSource}, {policy::SetType::kIp}, 6) == "wwwwwz");
    CHECK(entry({kSender}, {policy::SetType::kIp}, 6) == "wwzzzz");  // IPv4: one word, then zeros
    CHECK(entry({kSource, kPort}, {policy::SetType::kIp, policy::SetType::kPort}, 6) == "wwwwww");
}

TEST_CASE("the first bits of an address, word by word") {
    CHECK(codegen::address_mask(24, 0) == 0xffffff00);
    CHECK(codegen::address_mask(1, 0) == 0x80000000);
    CHECK(codegen::address_mask(32, 0) == 0xffffffff);
    CHECK(codegen::address_mask(32, 1) == 0);
    CHECK(codegen::address_mask(33, 1) == 0x80000000);
    CHECK(codegen::address_mask(56, 1) == 0xffffff00);
    CHECK(codegen::address_mask(127, 3) == 0xfffffffe);
    CHECK(codegen::address_mask(128, 3) == 0xffffffff);
    ir::SetKeyPart network = kSource;
    network.bits = {24, 33};
    CHECK(term_key({network}, 6) == "wwwwwz");
}

TEST_CASE("what a distinct counts") {
    const auto value = [](const ir::SetKeyPart& part, std::uint32_t width) {
        return stored([&](KeyEmitter& keys, llvm::Value* place) { keys.store_value(part, place, width); });
    };
    CHECK(value(kPort, 5) == "wzzzz");
    CHECK(value(kMac, 5) == "wwzzz");
    CHECK(value(kSource, 5) == "wwwww");
}

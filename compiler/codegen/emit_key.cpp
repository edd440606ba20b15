#include "compiler/codegen/emit_key.h"

#include <algorithm>

#include "bpf/abi.h"
#include "grammar/check.h"

namespace weir::codegen {
namespace {

bool has_version(const ir::PacketKey& key) {
    return std::any_of(key.parts.begin(), key.parts.end(), [](const ir::SetKeyPart& part) { return part.is_address && part.address.either_version; });
}

}  // namespace

std::uint32_t term_key_words(const ir::PacketKey& key) {
    std::uint32_t words = has_version(key) ? 1 : 0;
    for (const ir::SetKeyPart& part : key.parts) {
        if (part.is_address) words += part.address.either_version ? 4 : 1;
        else words += part.word.size == 8 ? 2 : 1;
    }
    return words;
}

llvm::Value* KeyEmitter::load(std::uint32_t offset, std::uint32_t bytes) {
    llvm::Value* at = ir_.CreateConstInBoundsGEP1_32(ir_.getInt8Ty(), packet_, offset);
    return ir_.CreateZExt(ir_.CreateLoad(ir_.getIntNTy(bytes * 8), at, reload_), ir_.getInt64Ty());
}

llvm::Value* KeyEmitter::word(const ir::Word& word) {
    llvm::Value* value = load(word.offset, word.size);
    if (word.shift != 0) value = ir_.CreateLShr(value, word.shift);
    return ir_.CreateAnd(value, word.mask);
}

llvm::Value* KeyEmitter::present(std::uint32_t bits) {
    return ir_.CreateICmpEQ(ir_.CreateAnd(load(offsetof(weir_packet, present), 4), bits), ir_.getInt64(bits));
}

std::vector<llvm::Value*> KeyEmitter::set_part(const ir::SetKeyPart& part, sema::SetType type) {
    llvm::Type* i32 = ir_.getInt32Ty();
    const auto word_at = [&](std::uint32_t offset) { return ir_.CreateTrunc(load(offset, 4), i32); };
    std::vector<llvm::Value*> words;
    if (part.is_address) {
        WEIR_CHECK(type == sema::SetType::kIp);
        const bool either = part.address.either_version;
        words.push_back(either ? ir_.CreateTrunc(load(offsetof(weir_packet, ip_version), 1), i32) : ir_.getInt32(4));
        for (std::uint32_t i = 0; i < 4; ++i)
            words.push_back(either || i == 0 ? word_at(part.address.offset + i * 4) : ir_.getInt32(0));
        return words;
    }
    llvm::Value* number = word(part.word);
    if (type == sema::SetType::kMac) words.push_back(ir_.CreateTrunc(ir_.CreateLShr(number, 32), i32));
    words.push_back(ir_.CreateTrunc(number, i32));
    return words;
}

void KeyEmitter::store_entry(const std::vector<ir::SetKeyPart>& parts, const std::vector<sema::SetType>& types, llvm::Value* place, std::uint32_t width) {
    std::uint32_t at = 0;
    const auto put = [&](llvm::Value* word) { ir_.CreateStore(word, ir_.CreateConstInBoundsGEP1_32(ir_.getInt32Ty(), place, at++)); };
    for (std::size_t i = 0; i < parts.size(); ++i)
        for (llvm::Value* word : set_part(parts[i], types[i])) put(word);
    WEIR_CHECK(at <= width);
    while (at < width) put(ir_.getInt32(0));
}

std::vector<llvm::Value*> KeyEmitter::term_words(const ir::PacketKey& key) {
    llvm::Type* i32 = ir_.getInt32Ty();
    std::vector<llvm::Value*> words;
    if (has_version(key)) words.push_back(ir_.CreateTrunc(load(offsetof(weir_packet, ip_version), 1), i32));
    for (const ir::SetKeyPart& part : key.parts) {
        if (part.is_address) {
            for (std::uint32_t i = 0; i < (part.address.either_version ? 4 : 1); ++i)
                words.push_back(ir_.CreateTrunc(load(part.address.offset + i * 4, 4), i32));
            continue;
        }
        llvm::Value* number = word(part.word);
        if (part.word.size == 8) words.push_back(ir_.CreateTrunc(ir_.CreateLShr(number, 32), i32));
        words.push_back(ir_.CreateTrunc(number, i32));
    }
    return words;
}

std::uint32_t value_word_count(const ir::SetKeyPart& part) { return part.is_address ? 5 : part.word.size == 8 ? 2 : 1; }

std::vector<llvm::Value*> KeyEmitter::value_words(const ir::SetKeyPart& part) {
    if (part.is_address) return set_part(part, sema::SetType::kIp);
    llvm::Value* number = word(part.word);
    std::vector<llvm::Value*> words{ir_.CreateTrunc(number, ir_.getInt32Ty())};
    if (part.word.size == 8) words.push_back(ir_.CreateTrunc(ir_.CreateLShr(number, 32), ir_.getInt32Ty()));
    return words;
}

void KeyEmitter::store(std::vector<llvm::Value*> words, llvm::Value* place, std::uint32_t width) {
    WEIR_CHECK(words.size() <= width);
    words.resize(width, ir_.getInt32(0));
    for (std::uint32_t i = 0; i < words.size(); ++i)
        ir_.CreateStore(words[i], ir_.CreateConstInBoundsGEP1_32(ir_.getInt32Ty(), place, i));
}

}  // namespace weir::codegen

// How much of BPF's stack a compiled program takes, read off its ELF.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weir::tests {

// The deepest chain of calls from the program on, callbacks among them.
struct StackChain {
    std::uint32_t bytes = 0;  // as the kernel counts: each frame rounded up to 16
    std::uint32_t calls = 0;  // of the longest one, the program's included
    std::string functions{};  // of the deepest, with their frames
};
StackChain deepest_chain(std::span<const std::uint8_t> elf);

// What the kernel allows, and how much of its stack we keep free: another version of LLVM, or a slightly different
// policy, must not get there.
inline constexpr std::uint32_t kStackBytes = 512, kFreeStackBytes = 48, kMostCalls = 8;
// Nothing where the program keeps within that.
std::string stack_complaint(std::span<const std::uint8_t> elf);

}  // namespace weir::tests

// FNV-1a (Fowler, Noll, Vo): numbers that go into files and out to other programs, and so must stay the same on every
// machine and in every version. Not against an attacker.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

inline constexpr std::uint64_t kFnv1aBegin = 0xcbf29ce484222325;

// `hash`: of the bytes before, kFnv1aBegin where these are the first.
constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = kFnv1aBegin) {
    for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
    return hash;
}

constexpr std::uint32_t fnv1a_32(std::string_view bytes) {
    std::uint32_t hash = 0x811c9dc5;
    for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x01000193;
    return hash;
}

}  // namespace weir

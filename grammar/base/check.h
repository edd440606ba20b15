// WEIR_CHECK states what our own code promises. It stands in every build: a broken promise must not reach a packet.
#pragma once

namespace weir {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace weir

#define WEIR_CHECK(condition) \
    (static_cast<bool>(condition) ? void(0) : ::weir::check_failed(#condition, __FILE__, __LINE__))

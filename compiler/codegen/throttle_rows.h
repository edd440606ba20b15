// Throttles as the rows that bpf/templates/throttle.h reads: bpf/abi.h, struct weir_throttle.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/decision.h"

namespace weir::codegen {

struct ThrottleRows {
    std::vector<weir_throttle> rows{};      // by alert, to the last one that has one
    std::vector<weir_throttle_key> keys{};  // each different one once
};
ThrottleRows throttle_rows(const std::vector<ir::Throttle>& throttles);

// A key as words of struct weir_packet, in the order of KeyEmitter::store_term_key().
weir_throttle_key key_row(const ir::PacketKey& key);

}  // namespace weir::codegen

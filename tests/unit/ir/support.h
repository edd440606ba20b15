// A policy's text as a decision, and frames as struct weir_packet, for the tests of this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bpf/abi.h"
#include "compiler/compiler.h"

namespace weir::ir::test {

// Fails the test where the policy is refused.
Compiled compiled(const std::string& text);

// An IPv4 or IPv6 frame of TCP, UDP, ICMP or anything else, without options, as bpf/templates/read/ reads it.
weir_packet packet_of(std::span<const std::uint8_t> frame);

}  // namespace weir::ir::test

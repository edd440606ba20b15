// Frames that try a policy where it is likely to be wrong or slow: on the boundaries of its rules.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/packet/frame_builder.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// `count` valid Ethernet frames, the same for the same seed everywhere. Every other one is made to meet a rule picked
// at random, or to miss it by one in some comparison; the one after it is of the same kind (protocol, IP version) with
// random values. None has IPv4 options, IPv6 extension headers other than Fragment, more than two tags, or an
// interface; and a frame is malformed only where a rule asks for it. Takes time for the rules that it picks, not for
// all.
std::vector<std::vector<std::uint8_t>> probe_frames(const policy::TypedPolicy& policy, std::size_t count,
                                                    std::uint64_t seed);

// `count` frames that differ from `packet` in what the rule reads: in one comparison, or so that its condition holds,
// on either side of a boundary; or in a key of its state terms. Some may be the packet itself.
std::vector<std::vector<std::uint8_t>> probe_frames_near(const policy::TypedPolicy& policy, const policy::Rule& rule,
                                                         const packet::TestPacket& packet, std::size_t count,
                                                         std::uint64_t seed);

}  // namespace weir::analysis

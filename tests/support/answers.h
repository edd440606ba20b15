// The answers to rejected packets, built from the RFCs and docs/language.md, apart from the templates that build them
// in the kernel.
#pragma once

#include <optional>

#include "tests/support/frames.h"

namespace weir::tests {

// What a rejected frame is answered with; nothing: it is dropped. The frame is not malformed.
std::optional<Bytes> answer_to(const Bytes& frame);

// Are the checksums of an answer's IPv4 header and of its TCP or ICMP right? What is wrong, or nothing.
std::string wrong_checksum(const Bytes& answer);

}  // namespace weir::tests

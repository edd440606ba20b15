// What a model answered, as far as it is what was asked for.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/sinks/llm_digest.h"
#include "runtime/sinks/triage.h"

namespace weir::runtime {

// `text`: a JSON object, or text with one in it; the first one counts. Nothing where it is not the object that
// answer_schema() describes.
std::optional<Triage> read_triage(std::string_view text, const Digest& asked);

}  // namespace weir::runtime

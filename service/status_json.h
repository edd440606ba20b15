// What `weir status --format json` writes: docs/cli.md.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/engine/engine.h"

namespace weir::service {

nlohmann::ordered_json status_json(const runtime::EngineStatus& status);

}  // namespace weir::service

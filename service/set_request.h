// What a running engine answers to `weir set`.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/engine/engine.h"

namespace weir::service {

// {"command":"set","action":"list"|"add"|"remove","set":NAME,"values":[…],"for_ns":N} -> {"ok":true,"status":0,…}, or
// what is wrong. Works on the policy in force.
nlohmann::ordered_json answer_set(const runtime::Engine& engine, const nlohmann::ordered_json& request);

}  // namespace weir::service

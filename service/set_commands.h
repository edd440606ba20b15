// `weir set` at a running engine: the sets of the policy in force.
#pragma once

#include "runtime/engine/engine.h"
#include "service/command.h"

namespace weir::service {

Reply carry_out(const runtime::Engine& engine, const ListSetCommand& command);
Reply carry_out(const runtime::Engine& engine, const AddToSetCommand& command);
Reply carry_out(const runtime::Engine& engine, const RemoveFromSetCommand& command);

}  // namespace weir::service

// Which fields of a packet a policy reads.
#pragma once

#include <vector>

#include "compiler/packet/fields.h"
#include "compiler/policy/typed_policy.h"

namespace weir::policy {

// Those of one comparison; none of what joins conditions.
std::vector<packet::FieldId> compared_fields(const Expr& expr);

// What user space reads of an alert's events: for its message, its escalations and responses, and for the arguments of
// programs that its sinks run.
std::vector<packet::FieldId> event_fields(const TypedPolicy& policy, const Alert& alert);

// All that judging a packet and reporting on it reads: conditions of rules, keys and values of state terms, keys of set
// changes and of captures, and of the alerts that rules raise the throttles' keys and the holes of messages.
packet::FieldSet fields_read(const TypedPolicy& policy);
// Of packets that go that way.
packet::FieldSet fields_read(const TypedPolicy& policy, packet::Direction direction);
packet::FieldSet fields_read(const TypedPolicy& policy, const Rule& rule);

}  // namespace weir::policy

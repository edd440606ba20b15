// ir::Decision -> the body of weir_decide, in either target's module.
#pragma once

#include "compiler/codegen/tables.h"
#include "compiler/codegen/template.h"
#include "compiler/ir/decision.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

// Policies with at most so many rules are emitted into the program's main function.
inline constexpr std::size_t kInlineRules = 16;

void emit_decide(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables);

// The functions that bpf/templates/classify.h declares, for a decision of forests (emit_forest.cpp).
void emit_forest(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables);

// The functions that bpf/templates/account.h and state.h declare: state terms by rule, changes of sets
// (emit_state.cpp).
void emit_state(Template& target, const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables);
// A condition of a share reads what is in the frame only: weir_terms_hold_in_frame() is called.
bool terms_read_frame(const ir::Decision& decision, const policy::TypedPolicy& policy);

}  // namespace weir::codegen

// Functions of state that become parts of their callers. A return costs 5 ns on a CPU that the kernel keeps from
// predicting it (SRSO), and most of what such a function does is quicker.
#pragma once

#include <llvm/IR/Module.h>

#include "compiler/codegen/state_tables.h"
#include "compiler/ir/decision.h"

namespace weir::codegen {

// Of a policy whose only state is one measure, the program has the measure in itself: nothing else in it needs much of
// the stack. Call it before constants are folded.
void merge_measure(llvm::Module& module, const ir::Decision& decision, const StateTables& state);

// A program without rules for packets on their way out, which are only entered into their flows, looks flows up in
// itself. Beside rules the verifier would follow each of them once more for each way through the look-up.
void merge_observer(llvm::Module& module, const ir::Decision& decision);

// The functions of a policy's only state term, and of its only measure, become parts of their callers with the next
// inlining. Functions of several would need more of the stack than one after the other. Call it once functions that
// nothing calls have been dropped.
void merge_calls(llvm::Module& module);

}  // namespace weir::codegen

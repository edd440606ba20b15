// Tested by tests/verdict/state_limits_test.cpp with `the only one of its kind`.
#include "compiler/codegen/merge_calls.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <variant>

namespace weir::codegen {
namespace {

void inline_always(llvm::Function& function) {
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.removeFnAttr(llvm::Attribute::NoInline);
    function.addFnAttr(llvm::Attribute::AlwaysInline);
}

// Of these functions, for keys of any width, one is called, at one place.
bool merge_only(llvm::Module& module, std::initializer_list<const char*> names) {
    llvm::Function* only = nullptr;
    for (const char* name : names)
        for (const char* width : {"_0", "_2", "_6", "_16"}) {
            llvm::Function* function = module.getFunction(std::string(name) + width);
            if (function == nullptr || function->use_empty()) continue;
            if (only != nullptr || !function->hasOneUse()) return false;
            only = function;
        }
    if (only == nullptr) return false;
    inline_always(*only);
    return true;
}

}  // namespace

void merge_measure(llvm::Module& module, const ir::Decision& decision, const StateTables& state) {
    const bool is_alone = decision.measures.size() == 1 && decision.terms.empty() && decision.changes.empty() &&
                          decision.throttles.empty() && state.live_set_count() == 0 && state.flow_groups() == 0 &&
                          decision.record.bytes == 0 && !decision.captures() &&
                          (decision.needs & WEIR_NEED_INSIDE) == 0;
    llvm::Function* function = module.getFunction("weir_measure_all");
    if (is_alone && function != nullptr && !function->isDeclaration()) inline_always(*function);
}

void merge_observer(llvm::Module& module, const ir::Decision& decision) {
    const bool has_rules = std::any_of(decision.rules.begin(), decision.rules.end(), [&](const ir::Rule& rule) {
        const auto* constant = std::get_if<ir::Constant>(&decision.predicate(rule.predicate).node);
        return constant == nullptr || constant->value;
    });
    llvm::Function* function = module.getFunction("weir_find_flow");
    if (decision.direction == packet::Direction::kOut && !has_rules && function != nullptr &&
        !function->isDeclaration())
        inline_always(*function);
}

void merge_calls(llvm::Module& module) {
    const bool has_term = merge_only(module, {"weir_term", "weir_share", "weir_surge", "weir_listed", "weir_sketched"});
    // Events are raised from there, too: with throttles, texts or captures that is deep.
    const bool is_flat =
        module.getFunction("weir_throttle") == nullptr && module.getFunction("weir_alert_with_texts") == nullptr;
    if (has_term && is_flat)
        for (const char* name : {"weir_terms_hold", "weir_terms_hold_in_frame"})
            if (llvm::Function* function = module.getFunction(name); function != nullptr && function->hasOneUse())
                inline_always(*function);
    merge_only(module, {"weir_measure"});
}

}  // namespace weir::codegen

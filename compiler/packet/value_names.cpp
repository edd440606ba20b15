// Tested by tests/unit/packet/value_names_test.cpp.
#include "compiler/packet/value_names.h"

#include <map>
#include <vector>

namespace weir::packet {

std::span<const ValueName> value_names(FieldId field) {
    static const auto* const names = [] {
        auto* all = new std::map<FieldId, std::vector<ValueName>>;
#define WEIR_VALUE(field, name, value) (*all)[FieldId::field].push_back({name, value});
#include "compiler/packet/value_names.def"
#undef WEIR_VALUE
        return all;
    }();
    const auto found = names->find(packet::field(field).id);
    if (found == names->end()) return {};
    return found->second;
}

}  // namespace weir::packet

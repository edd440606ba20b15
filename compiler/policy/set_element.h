// Elements of sets: from text, and how wide they are as keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::policy {

// A MAC address as a number, first byte on the wire highest.
std::uint64_t mac_number(const MacAddress& mac);

// "ip", "net", …; nothing for an unknown word.
std::optional<SetType> set_type(std::string_view word);
std::string_view set_type_name(SetType type);

bool has_net(const std::vector<SetType>& types);
// kDomain or kText: entries are SetEntries::names(), and no SetElement.
bool has_names(const std::vector<SetType>& types);

// 32-bit words of a key of these types: bpf/abi.h, "sets".
std::size_t key_words(const std::vector<SetType>& types);

// One value as a set file or `weir set` writes it. Nothing where it is no value of the type. An element of a `net`
// set may be a bare address; its host bits must be zero otherwise.
std::optional<SetElement> parse_element(SetType type, std::string_view text);
// The same of a literal.
std::optional<SetElement> element_of(SetType type, const Value& value);

}  // namespace weir::policy

// What is behind the headers, by chance: DNS messages, hellos, heads of HTTP, each now and then wrong in one place.
#pragma once

#include <string>

#include "tests/support/random_policy.h"

namespace weir::tests {

// A name, near those that the policy compares with where it has any.
std::string random_name(Random& random, const Hints& hints);
// A text that the policy compares this field with, or near it; `usual` otherwise.
std::string random_text(Random& random, const Hints& hints, const char* field, std::string usual);

// Comparisons of a field that is a name, and of one that is a text; `other` is one, too. What they compare with becomes
// part of the hints.
std::string random_name_leaf(Random& random, Hints& hints, const std::string& field);
std::string random_text_leaf(Random& random, Hints& hints, const std::string& field, const std::string& other);
std::string random_iface_leaf(Random& random);
// A name that a set may have.
std::string random_entry(Random& random, Hints& hints);
// As a literal.
std::string quoted(const std::string& bytes);

Bytes random_dns(Random& random, const Hints& hints);
Bytes random_hello(Random& random, const Hints& hints);
Bytes random_head(Random& random, const Hints& hints);

}  // namespace weir::tests

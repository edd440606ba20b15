// Packets with what is inside of them: a group of fields after the other. Whoever adds a field adds its samples here.
#pragma once

#include <string>
#include <vector>

#include "tests/support/frames.h"

namespace weir::tests {

// An integer or a port: the field, how many bits its literals have, a packet, its value there.
struct NumberSample {
    std::string field;
    unsigned bits;
    Bytes frame;
    std::uint64_t value;
};
struct FlagSample {
    std::string field;
    Bytes frame;
    bool value;
};
// A name or a text: what it is there. Of a name with a dot within a label that is no literal.
struct TextSample {
    std::string field;
    Bytes frame;
    std::string value;
    bool is_literal = true;
};
// A packet without the field, whatever the field's type.
struct AbsentSample {
    std::string field;
    Bytes frame;
};

std::vector<NumberSample> inside_numbers();
std::vector<FlagSample> inside_flags();
std::vector<TextSample> inside_texts();
std::vector<AbsentSample> inside_absents();

}  // namespace weir::tests

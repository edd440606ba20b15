// What each kind of sink takes: one row a kind, one row an argument.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "grammar/base/sinks.h"

namespace weir::sema {

enum class SinkType : std::uint8_t {
    kPath,      // a text: of a file
    kProgram,   // likewise, absolute
    kSocket,    // likewise, short enough for a socket's
    kUrl,       // with one of the schemes `words`
    kBrokers,   // HOST:PORT, several with commas
    kName,      // printable ASCII without blanks
    kTopic,     // letters, digits, `.`, `_`, `-`
    kSubject,   // likewise a name, without wildcards
    kTemplate,  // a text with holes, as a message's
    kHeader,    // a text, `env`, a text
    kChoice,    // one of `words`
    kCount,
    kSize,
    kDuration,
    kPerDay  // `200/d`
};
enum class Occurs : std::uint8_t { kOptional, kOnce, kRepeated };

struct SinkParameter {
    SinkWord word;
    SinkType type;
    Occurs occurs;
    std::string_view takes;  // "a size": behind "takes", "needs"
    std::string_view form;   // as it may be written: "rotate 100MB"
    // Bounds of a number, and of a text's bytes.
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    std::uint64_t otherwise =
        0;  // where it is not written: of an optional number or choice; 0: as if it were not there
    std::span<const std::string_view> words{};  // choices, in the order of their numbers; schemes of a URL
};
struct SinkRow {
    SinkKind kind;
    std::string_view example;
    std::span<const SinkParameter> parameters;  // those that their place names first, in the order of their places
};

const SinkRow& sink_row(SinkKind kind);
// What every sink takes beside these.
const SinkParameter& queue_parameter();

}  // namespace weir::sema

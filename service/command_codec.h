// Commands and replies as JSON, one object a line: docs/cli.md, "The control socket". Each message has one description
// of its fields, by which it is written and read.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "grammar/base/result.h"
#include "service/command.h"

namespace weir::service {

// A command, or why it is none: status 2, with a sentence that names the key and what it must be. Unknown keys and
// values of a wrong type are refused; a key that is missing has the value that service/command.h says.
// `attached`: a descriptor that came with the line, or none.
std::variant<Command, Refusal> decode_command(std::string_view line, runtime::UniqueFd attached = {});
std::string encode(const Command& command);

std::string encode(const Reply& reply);
// What `--format json` prints: the reply without what every reply has, and of a status the engine alone.
std::string encode_result(const Reply& reply);
// The reply to a command of `asked`'s type. Unknown keys are passed over: an engine of a later version may say more.
Result<Reply> decode_reply(std::string_view line, const Command& asked);

}  // namespace weir::service

// Asking a running engine: the commands' side of the control socket (docs/cli.md, "The control socket").
#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "grammar/base/result.h"

namespace weir::cli {

// What engine `name`, or the only one running where it is empty, answers. An error where none does, or not with an
// object.
Result<nlohmann::ordered_json> ask(const std::string& name, const nlohmann::ordered_json& request, int timeout_ms);
// The engine object of the answer to `status`.
Result<nlohmann::ordered_json> ask_status(const std::string& name);
// A line of the socket, which is to be an object.
Result<nlohmann::ordered_json> parse_answer(const std::string& line);
// Says what the engine refuses, and returns the status that it wants; kOk, in silence, where it does not refuse.
int say_refusal(const nlohmann::ordered_json& answer);

// --name and --format human|json: of every command that asks.
void add_asking_options(CLI::App& command, std::string& name, std::string& format,
                        const std::string& formats = "human or json");

}  // namespace weir::cli

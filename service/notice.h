// What a running engine says to its log: the one place where that is printed.
#pragma once

#include <string>

#include "grammar/base/result.h"

namespace weir::service {

// One line on standard error, with the time: "2026-01-02T03:04:05.678901Z eth0: policy edge of ... in force".
void say_notice(const std::string& sentence);
// The same of something that went wrong, with what to do about it.
void say_problem(const Error& error);

}  // namespace weir::service

// Tested by tests/cli/control_test.py with `TIME`.
#include "service/notice.h"

#include <cstdio>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"

namespace weir::service {

void say_notice(const std::string& sentence) {
    fmt::print(stderr, "{} {}\n", runtime::rfc3339(runtime::realtime_ns()), printable(sentence));
}

void say_problem(const Error& error) {
    say_notice("weir: " + error.message + (error.help.empty() ? "" : "; " + error.help));
}

}  // namespace weir::service

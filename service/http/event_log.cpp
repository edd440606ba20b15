// Tested by tests/unit/service/event_log_test.cpp.
#include "service/http/event_log.h"

namespace weir::service::http {

std::string as_event(std::string_view line) {
    constexpr std::string_view kLost = R"({"lost":)";
    std::string text = line.starts_with(kLost) ? "event: lost\ndata: " : "data: ";
    text += line;
    return text += "\n\n";
}

}  // namespace weir::service::http

// Tested by tests/unit/service/event_log_test.cpp.
#include "service/http/event_log.h"

#include <charconv>

namespace weir::service::http {

namespace {

constexpr std::string_view kLost = R"({"lost":)";

}  // namespace

std::uint64_t lost_of(std::string_view line) {
    std::uint64_t events = 0;
    if (line.starts_with(kLost)) std::from_chars(line.data() + kLost.size(), line.data() + line.size(), events);
    return events;
}

std::string as_event(std::string_view line) {
    std::string text = line.starts_with(kLost) ? "event: lost\ndata: " : "data: ";
    text += line;
    return text += "\n\n";
}

// Between quotes, a quote has a backslash before it: these are keys, and nothing else.
std::string without_packet(std::string line) {
    constexpr std::string_view kKey = R"(,"packet":")";
    for (std::size_t at = line.find(kKey); at != std::string::npos; at = line.find(kKey, at)) {
        const std::size_t end = line.find('"', at + kKey.size());
        line.erase(at, end == std::string::npos ? std::string::npos : end + 1 - at);
    }
    return line;
}

}  // namespace weir::service::http

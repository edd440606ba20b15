// Tested by tests/unit/packet/probe_head_test.cpp.
#include "compiler/packet/probe_head.h"

#include <fmt/format.h>

#include "bpf/abi.h"

namespace weir::packet {

void TestHead::need(std::uint8_t present_bit) {
    switch (present_bit) {
        case WEIR_HAS_HTTP_STATUS: status = status.value_or(200); return;
        case WEIR_HAS_HTTP_HOST: host = host.value_or("example.com"); break;
        case WEIR_HAS_USER_AGENT: user_agent = user_agent.value_or("weir"); break;
        case WEIR_HAS_HTTP_REQUEST: break;
        default: return;
    }
    status.reset();
}

void TestHead::set_text(FieldId field, std::string_view text) {
    switch (field) {
        case FieldId::kHttpMethod: method = text; return;
        case FieldId::kHttpTarget:
        case FieldId::kHttpPath: target = text; return;
        case FieldId::kHttpHost: host = text; return;
        case FieldId::kHttpUserAgent: user_agent = text; return;
        default: return;
    }
}

std::string TestHead::payload() const {
    std::string made = status ? fmt::format("HTTP/1.1 {:03} -\r\n", *status % 1000)
                              : fmt::format("{} {} HTTP/1.1\r\n", method, target);
    if (!status && host) made += fmt::format("Host: {}\r\n", *host);
    if (!status && user_agent) made += fmt::format("User-Agent: {}\r\n", *user_agent);
    return is_cut ? made : made + "\r\n";
}

}  // namespace weir::packet

// Tested by tests/unit/runtime/packed_event_test.cpp.
#include "runtime/sinks/packed_event.h"

#include <algorithm>
#include <cstring>

#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

// Bytes that an event with these flags has.
std::size_t bytes_of(std::uint32_t flags) {
    if ((flags & WEIR_EVENT_INSIDE) == 0) return sizeof(weir_event);
    return (flags & WEIR_EVENT_FLOW) != 0 ? sizeof(weir_event_inside) : offsetof(weir_event_inside, flow);
}

}  // namespace

void PackedEvent::set_record(std::span<const std::uint8_t> bytes) {
    weir_event head{};
    std::memcpy(&head, bytes.data(), std::min(bytes.size(), sizeof(head)));
    if ((head.flags & WEIR_EVENT_INSIDE) == 0 || bytes.size() < bytes_of(head.flags))
        head.flags &= ~(WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW);
    bytes_.resize(bytes_of(head.flags));
    if (bytes_.size() > sizeof(head)) std::memcpy(bytes_.data(), bytes.data(), bytes_.size());
    std::memcpy(bytes_.data(), &head, sizeof(head));
}

std::string event_id(const PackedEvent& event) {
    TextBuffer id;
    append_event_id(id, event);
    return std::string(id.text());
}

}  // namespace weir::runtime

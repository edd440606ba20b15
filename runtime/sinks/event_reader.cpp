#include "runtime/sinks/event_reader.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {
constexpr int kBatch = 1024;  // events a poll(): some milliseconds of rendering
}

Result<std::unique_ptr<EventReader>> EventReader::create(std::uint32_t ring_bytes, Take take) {
    UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "weir_events", 0, 0, ring_bytes, nullptr));
    if (!ring) return kernel_error(errno, "making the ring of events");
    return adopt(std::move(ring), std::move(take));
}

Result<std::unique_ptr<EventReader>> EventReader::adopt(UniqueFd ring, Take take) {
    std::unique_ptr<EventReader> reader(new EventReader(std::move(take)));
    reader->ring_map_ = std::move(ring);
    reader->ring_ = RingPtr(ring_buffer__new(reader->ring_map_.get(), receive, reader.get(), nullptr));
    if (!reader->ring_) return kernel_error(errno, "reading the ring of events");
    return reader;
}

int EventReader::receive(void* reader, void* record, std::size_t bytes) {
    auto& self = *static_cast<EventReader*>(reader);
    weir_event event{};
    std::memcpy(&event, record, std::min(bytes, sizeof(event)));
    self.take_(event);
    return ++self.taken_ < kBatch ? 0 : -ECANCELED;  // this event is taken; the ring's poll ends
}

Result<int> EventReader::poll(int timeout_ms) {
    taken_ = 0;
    const int result = ring_buffer__poll(ring_.get(), timeout_ms);
    if (result < 0 && result != -ECANCELED && result != -EINTR) return kernel_error(result, "reading events");
    return taken_;
}

}  // namespace weir::runtime

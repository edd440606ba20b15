// Tested by tests/kernel/events_test.cpp with `delivered`.
#include "runtime/sinks/event_reader.h"

#include <bpf/bpf.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// The layout is the kernel's (linux/bpf.h, BPF_MAP_TYPE_RINGBUF): each record has a head of 8 bytes, the first four its
// length with two bits, and is padded to 8 bytes. The data is mapped twice, so that none is cut in two at the end.
constexpr std::uint32_t kLengthMask = ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
std::uint64_t padded(std::uint32_t length) { return (std::uint64_t{length} + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8; }

std::uint64_t load(const UniqueMapping& page) {
    return std::atomic_ref(*static_cast<std::uint64_t*>(page.get())).load(std::memory_order_acquire);
}

// The capture is behind what the flags say that there is.
RingEvent event_at(std::span<const std::uint8_t> bytes, std::uint64_t position, std::uint64_t end) {
    RingEvent event{bytes, nullptr, position, end};
    std::uint32_t flags = 0;
    if (bytes.size() < sizeof(weir_event)) return event;
    std::memcpy(&flags, bytes.data() + offsetof(weir_event, flags), sizeof(flags));
    const std::size_t inside =
        (flags & WEIR_EVENT_FLOW) != 0 ? sizeof(weir_event_inside) : offsetof(weir_event_inside, flow);
    const std::size_t at = (flags & WEIR_EVENT_INSIDE) != 0 && bytes.size() >= inside ? inside : sizeof(weir_event);
    if ((flags & WEIR_EVENT_CAPTURED) == 0 || bytes.size() < at + sizeof(weir_capture)) return event;
    event.capture = reinterpret_cast<const weir_capture*>(bytes.data() + at);
    return event;
}

}  // namespace

Result<std::unique_ptr<EventReader>> EventReader::create(std::uint32_t ring_bytes, Take take) {
    UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "weir_events", 0, 0, ring_bytes, nullptr));
    if (!ring) return kernel_error(errno, "making the ring of events");
    return adopt(std::move(ring), std::move(take));
}

Result<std::unique_ptr<EventReader>> EventReader::adopt(UniqueFd ring, Take take) {
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (!ring || bpf_obj_get_info_by_fd(ring.get(), &info, &length) != 0 || info.type != BPF_MAP_TYPE_RINGBUF)
        return kernel_error(ring ? EINVAL : ENOENT, "reading the ring of events");
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    std::unique_ptr<EventReader> reader(new EventReader(std::move(ring), info.max_entries, std::move(take)));
    const auto map = [&](int protection, std::size_t bytes, std::size_t offset) {
        return UniqueMapping(
            mmap(nullptr, bytes, protection, MAP_SHARED, reader->ring_.get(), static_cast<off_t>(offset)), bytes);
    };
    reader->consumer_ = map(PROT_READ | PROT_WRITE, page, 0);
    reader->producer_ = map(PROT_READ, page + 2 * std::size_t{info.max_entries}, page);
    if (!reader->consumer_ || !reader->producer_) return kernel_error(errno, "reading the ring of events");
    reader->next_ = load(reader->consumer_);
    return reader;
}

void EventReader::let_go(std::uint64_t end) {
    auto& position = *static_cast<std::uint64_t*>(consumer_.get());
    std::atomic_ref(position).store(end, std::memory_order_release);
}

// A program marks its event as whole, then looks how far the ring was read: either it finds this reader's position, and
// wakes it, or this finds the event.
bool EventReader::has_more() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return next_ < load(producer_) && (length_of(next_) & BPF_RINGBUF_BUSY_BIT) == 0;
}

std::uint32_t EventReader::length_of(std::uint64_t position) const {
    auto& head = *reinterpret_cast<std::uint32_t*>(const_cast<std::uint8_t*>(record_at(position)));
    return std::atomic_ref(head).load(std::memory_order_acquire);
}

const std::uint8_t* EventReader::record_at(std::uint64_t position) const {
    const auto* data =
        static_cast<const std::uint8_t*>(producer_.get()) + static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return data + (position & (bytes_ - 1));
}

std::uint64_t EventReader::kept_bytes() const { return next_ - load(consumer_); }

int EventReader::poll() {
    int taken = 0;
    const std::uint64_t produced = load(producer_);
    while (taken < kMost && next_ < produced) {
        const std::uint32_t length = length_of(next_);
        if ((length & BPF_RINGBUF_BUSY_BIT) != 0) break;  // a program is about to fill it
        const std::uint8_t* record = record_at(next_);
        const std::uint64_t at = std::exchange(next_, next_ + padded(length & kLengthMask));
        const RingEvent event = event_at({record + BPF_RINGBUF_HDR_SZ, length & kLengthMask}, at, next_);
        if ((length & BPF_RINGBUF_DISCARD_BIT) != 0) continue;
        take_(event);
        ++taken;
    }
    return taken;
}

}  // namespace weir::runtime

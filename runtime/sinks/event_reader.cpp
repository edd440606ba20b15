// Tested by tests/kernel/events_test.cpp with `delivered`.
#include "runtime/sinks/event_reader.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr int kBatch = 1024;  // events a poll(): some milliseconds of rendering

// The layout is the kernel's (linux/bpf.h, BPF_MAP_TYPE_RINGBUF): each record has a head of 8 bytes, the first four its
// length with two bits, and is padded to 8 bytes. The data is mapped twice, so that none is cut in two at the end.
constexpr std::uint32_t kLengthMask = ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
std::uint64_t padded(std::uint32_t length) { return (std::uint64_t{length} + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8; }

std::uint64_t load(const UniqueMapping& page) {
    return std::atomic_ref(*static_cast<std::uint64_t*>(page.get())).load(std::memory_order_acquire);
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
    return reader;
}

std::uint64_t EventReader::position() const { return load(consumer_); }

// Its flags and its length must agree; true where it has a capture.
bool EventReader::read_event(std::span<const std::uint8_t> bytes) {
    std::memset(&event_.event, 0, sizeof(event_.event));
    std::memcpy(&event_.event, bytes.data(), std::min(bytes.size(), sizeof(event_.event)));
    std::uint32_t& flags = event_.event.flags;
    const std::size_t whole = (flags & WEIR_EVENT_FLOW) != 0 ? sizeof(event_) : offsetof(weir_event_inside, flow);
    const bool is_inside = (flags & WEIR_EVENT_INSIDE) != 0 && bytes.size() >= whole;
    if (is_inside)
        std::memcpy(&event_, bytes.data(), whole);
    else
        flags &= ~(WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW);
    const std::size_t at = is_inside ? whole : sizeof(event_.event);
    if ((flags & WEIR_EVENT_CAPTURED) == 0 || bytes.size() < at + sizeof(capture_)) return false;
    std::memcpy(&capture_, bytes.data() + at, sizeof(capture_));
    return true;
}

int EventReader::poll() {
    const auto* data =
        static_cast<const std::uint8_t*>(producer_.get()) + static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    auto& position = *static_cast<std::uint64_t*>(consumer_.get());
    int taken = 0;
    for (std::uint64_t at = load(consumer_); taken < kBatch && at < load(producer_);) {
        const std::uint8_t* record = data + (at & (bytes_ - 1));
        auto& head = *reinterpret_cast<std::uint32_t*>(const_cast<std::uint8_t*>(record));
        const std::uint32_t length = std::atomic_ref(head).load(std::memory_order_acquire);
        if ((length & BPF_RINGBUF_BUSY_BIT) != 0) break;  // a program is about to fill it
        if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
            const bool has_capture = read_event({record + BPF_RINGBUF_HDR_SZ, length & kLengthMask});
            take_(event_, has_capture ? &capture_ : nullptr, at);
            ++taken;
        }
        at += padded(length & kLengthMask);
        // One that is killed before this has not taken it.
        std::atomic_ref(position).store(at, std::memory_order_release);
    }
    return taken;
}

}  // namespace weir::runtime

// Tested by tests/unit/runtime/recorder_test.cpp.
#include "runtime/recorder.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

std::uint64_t load(const std::uint8_t* word) {
    auto* number = reinterpret_cast<std::uint64_t*>(const_cast<std::uint8_t*>(word));
    return std::atomic_ref(*number).load(std::memory_order_acquire);
}

// Times of one CPU never go back, though its clock's tick and its clock are two: each counts as the last one at least.
// Then CPUs merge by time.
void put_in_order(std::vector<RecordedPacket>& packets) {
    std::sort(packets.begin(), packets.end(), [](const RecordedPacket& a, const RecordedPacket& b) {
        return a.cpu != b.cpu ? a.cpu < b.cpu : a.number < b.number;
    });
    for (std::size_t i = 1; i < packets.size(); ++i)
        if (packets[i].cpu == packets[i - 1].cpu)
            packets[i].time_ns = std::max(packets[i].time_ns, packets[i - 1].time_ns);
    std::stable_sort(packets.begin(), packets.end(),
                     [](const RecordedPacket& a, const RecordedPacket& b) { return a.time_ns < b.time_ns; });
}

}  // namespace

Recorder::Recorder(UniqueMapping memory, const bpf::RecordInfo& shape, std::uint32_t cpus)
    : memory_(std::move(memory)),
      cpus_(cpus),
      packets_(shape.packets),
      keys_(static_cast<std::uint32_t>(shape.keys.size())),
      bytes_(shape.bytes),
      slot_bytes_(WEIR_RECORD_SLOT_BYTES(keys_, bytes_)) {}

Result<Recorder> Recorder::open(int map, const bpf::RecordInfo& shape) {
    const auto keys = static_cast<std::uint32_t>(shape.keys.size());
    const std::uint32_t slot_bytes = WEIR_RECORD_SLOT_BYTES(keys, shape.bytes);
    const std::uint32_t elements = WEIR_RECORD_ELEMENTS(shape.packets);
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(map, &info, &length) != 0) return kernel_error(errno, "opening the flight recorder");
    if (info.type != BPF_MAP_TYPE_ARRAY || (info.map_flags & BPF_F_MMAPABLE) == 0 || info.value_size != slot_bytes ||
        !std::has_single_bit(shape.packets) || info.max_entries == 0 || info.max_entries % elements != 0)
        return Error{"the flight recorder has another shape than the policy says", {}, EBADMSG};
    const std::size_t bytes = std::size_t{info.max_entries} * slot_bytes;
    UniqueMapping memory(mmap(nullptr, bytes, PROT_READ, MAP_SHARED, map, 0), bytes);
    if (!memory) return kernel_error(errno, "reading the flight recorder");
    return Recorder(std::move(memory), shape, info.max_entries / elements);
}

const std::uint8_t* Recorder::element(std::uint32_t cpu, std::uint64_t number) const {
    const std::size_t head = std::size_t{cpu} * WEIR_RECORD_ELEMENTS(packets_);
    const std::size_t at = head + 1 + (number & (packets_ - 1));
    return static_cast<const std::uint8_t*>(memory_.get()) + at * slot_bytes_;
}

std::uint64_t Recorder::next_of(std::uint32_t cpu) const {
    const std::size_t head = std::size_t{cpu} * WEIR_RECORD_ELEMENTS(packets_);
    return load(static_cast<const std::uint8_t*>(memory_.get()) + head * slot_bytes_ +
                offsetof(weir_record_head, next));
}

std::vector<std::uint64_t> Recorder::held() const {
    std::vector<std::uint64_t> held;
    for (std::uint32_t cpu = 0; cpu < cpus_; ++cpu) held.push_back(std::min<std::uint64_t>(next_of(cpu), packets_));
    return held;
}

// A look in advance: copy() says whether the slot still had that packet.
std::uint64_t Recorder::print_of(std::uint32_t cpu, std::uint64_t number, std::uint32_t key) const {
    const std::uint8_t* slot = element(cpu, number);
    return load(slot + offsetof(weir_record_slot, begun)) == number + 1
               ? load(slot + sizeof(weir_record_slot) + key * sizeof(std::uint64_t))
               : 0;
}

// False where the slot has another packet by now, or is being written.
bool Recorder::copy(std::uint32_t cpu, std::uint64_t number, Recording& to) const {
    const std::uint8_t* slot = element(cpu, number);
    if (load(slot + WEIR_RECORD_ENDED_AT(keys_, bytes_)) != number + 1) return false;
    weir_record_slot head{};
    std::memcpy(&head, slot, sizeof(head));
    const std::size_t at = to.bytes_.size(), captured = std::min<std::uint32_t>(head.captured, bytes_);
    const std::uint8_t* frame = slot + WEIR_RECORD_BYTES_AT(keys_);
    to.bytes_.insert(to.bytes_.end(), frame, frame + captured);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load(slot + offsetof(weir_record_slot, begun)) != number + 1) {
        to.bytes_.resize(at);
        return false;
    }
    const auto direction = (head.flags & WEIR_RECORD_OUT) != 0 ? PacketDirection::kOut : PacketDirection::kIn;
    to.packets_.push_back({cpu, number, head.time_ns, head.len, head.row, head.generation, head.ifindex, head.verdict,
                           direction, std::span(to.bytes_).subspan(at, captured)});
    return true;
}

// With room for all that may come: packets refer to their bytes.
void Recorder::begin(Recording& recording, std::size_t packets) const {
    recording.packets_.reserve(packets);
    recording.bytes_.reserve(packets * bytes_);
}

// A CPU's oldest packets first: they are what its program overwrites next.
Recording Recorder::all() const {
    Recording recording;
    std::vector<std::uint64_t> next;  // packets that come meanwhile are not taken
    std::size_t there = 0;
    for (std::uint32_t cpu = 0; cpu < cpus_; ++cpu) {
        next.push_back(next_of(cpu));
        there += std::min<std::uint64_t>(next.back(), packets_);
    }
    begin(recording, there);
    for (std::uint32_t cpu = 0; cpu < cpus_; ++cpu)
        for (std::uint64_t number = next[cpu] - std::min<std::uint64_t>(next[cpu], packets_); number < next[cpu];
             ++number)
            copy(cpu, number, recording);
    put_in_order(recording.packets_);
    return recording;
}

Recording Recorder::before(const weir_capture& captured, std::uint64_t time_ns, std::uint32_t key,
                           std::uint32_t count) const {
    Recording recording;
    if (key >= keys_ || key >= WEIR_RECORD_KEYS || captured.prints[key] == 0 || captured.cpu >= cpus_) return recording;
    begin(recording, std::size_t{cpus_} * count);
    for (std::uint32_t cpu = 0; cpu < cpus_; ++cpu) {
        const std::uint64_t next = next_of(cpu),
                            end = cpu == captured.cpu ? std::min<std::uint64_t>(captured.number, next) : next;
        const std::uint64_t oldest = next - std::min<std::uint64_t>(next, packets_);
        std::uint32_t found = 0;
        for (std::uint64_t number = end; number > oldest && found < count; --number) {
            if (print_of(cpu, number - 1, key) != captured.prints[key] || !copy(cpu, number - 1, recording)) continue;
            if (cpu == captured.cpu || recording.packets_.back().time_ns <= time_ns) {
                ++found;
                continue;
            }
            recording.bytes_.resize(recording.bytes_.size() - recording.packets_.back().bytes.size());
            recording.packets_.pop_back();
        }
    }
    put_in_order(recording.packets_);
    if (recording.packets_.size() > count)
        recording.packets_.erase(recording.packets_.begin(), recording.packets_.end() - count);
    return recording;
}

}  // namespace weir::runtime

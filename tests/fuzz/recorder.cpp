// Any memory as the flight recorder's, which a program in the kernel goes on writing: what is read of it stays within
// it, and the capture made of it is read again with as many packets. The first bytes choose the recorder's size.
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "bpf/abi.h"
#include "grammar/base/check.h"
#include "runtime/recorder.h"
#include "tooling/judge/capture.h"

namespace {

using namespace weir;

std::string capture_of(const runtime::Recording& recording, std::uint32_t most_bytes) {
    runtime::PcapngSection section;
    std::string capture = section.begin();
    for (const runtime::RecordedPacket& packet : recording.packets()) {
        WEIR_CHECK(packet.bytes.size() <= most_bytes);
        std::uint64_t sum = 0;  // each of its bytes is there
        for (const std::uint8_t byte : packet.bytes) sum += byte;
        capture += section.packet({.bytes = packet.bytes,
                                   .original_bytes = packet.original_bytes,
                                   .time_ns = packet.time_ns,
                                   .interface = packet.ifindex % 2 == 0 ? "eth0" : "eth1",
                                   .comment = sum % 2 == 0 ? "even" : "odd",
                                   .direction = packet.direction,
                                   .verdict = packet.verdict});
    }
    return capture;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 4) return 0;
    const std::uint32_t recorded = 64 + 8 * (bytes[0] % 4u), packets = 1u << bytes[1] % 5, cpus = 1 + bytes[2] % 3u;
    bpf::RecordInfo shape{recorded, packets, {}};
    for (int key = bytes[3] % 3; key > 0; --key) shape.keys.push_back(key == 1 ? "ip.src" : "tcp.dport");
    const auto keys = static_cast<std::uint32_t>(shape.keys.size());
    const std::size_t memory_bytes =
        std::size_t{cpus} * WEIR_RECORD_ELEMENTS(packets) * WEIR_RECORD_SLOT_BYTES(keys, recorded);
    void* memory = mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    WEIR_CHECK(memory != MAP_FAILED);
    std::memcpy(memory, bytes + 4, std::min(size - 4, memory_bytes));
    const runtime::Recorder recorder(runtime::UniqueMapping(memory, memory_bytes), shape, cpus);
    for (const std::uint64_t held : recorder.held()) WEIR_CHECK(held <= packets);
    const runtime::Recording all = recorder.all();
    WEIR_CHECK(all.packets().size() <= std::size_t{cpus} * packets);
    const std::string text = capture_of(all, recorded);
    auto capture = tooling::Capture::of_bytes("recorder", text);
    WEIR_CHECK(capture || all.packets().empty());
    for (std::size_t read = 0; capture && read < all.packets().size(); ++read) {
        const auto frame = capture->next();
        if (!frame) break;  // its time or its length is beyond what a capture can have
        WEIR_CHECK(frame->has_value());
    }
    weir_capture captured{};
    std::memcpy(&captured, bytes, std::min(size, sizeof(captured)));
    for (std::uint32_t key = 0; key < keys; ++key)
        WEIR_CHECK(recorder.before(captured, bytes[0], key, 1 + bytes[1] % 64u).packets().size() <= 64);
    return 0;
}

#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "bpf/abi.h"
#include "runtime/recorder.h"
#include "runtime/recorder_view.h"

using namespace weir;
using namespace weir::runtime;

namespace {

constexpr std::uint32_t kBytes = 64, kPackets = 16, kCpus = 2, kKeys = 1;
constexpr std::uint32_t kSlot = WEIR_RECORD_SLOT_BYTES(kKeys, kBytes);
constexpr std::size_t kSize = std::size_t{kCpus} * WEIR_RECORD_ELEMENTS(kPackets) * kSlot;

void store(std::uint8_t* place, std::uint64_t value) {
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(place)).store(value, std::memory_order_release);
}

// What a program writes, as bpf/templates/record.h does.
class Written {
public:
    Written()
        : memory_(static_cast<std::uint8_t*>(
              mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        REQUIRE(memory_ != MAP_FAILED);
    }
    // The same memory as a reader sees it.
    Recorder reader() const {
        return Recorder(UniqueMapping(mremap(memory_, 0, kSize, MREMAP_MAYMOVE), kSize), {kBytes, kPackets, {"ip.src"}},
                        kCpus);
    }
    std::uint8_t* ring(std::uint32_t cpu) const {
        return memory_ + std::size_t{cpu} * WEIR_RECORD_ELEMENTS(kPackets) * kSlot;
    }
    std::uint8_t* slot(std::uint32_t cpu, std::uint64_t number) const {
        return ring(cpu) + (1 + number % kPackets) * kSlot;
    }
    std::uint64_t next(std::uint32_t cpu) const { return *reinterpret_cast<std::uint64_t*>(ring(cpu)); }

    void begin(std::uint32_t cpu, std::uint64_t time_ns, std::uint64_t print, std::uint8_t mark) const {
        std::uint8_t* place = slot(cpu, next(cpu));
        store(place, next(cpu) + 1);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        weir_record_slot head{next(cpu) + 1, time_ns, 100, 2, 5, 7, kBytes, WEIR_DROP, WEIR_RECORD_OUT, 0};
        std::memcpy(place + 8, reinterpret_cast<const std::uint8_t*>(&head) + 8, sizeof(head) - 8);
        std::memcpy(place + sizeof(head), &print, sizeof(print));
        std::memset(place + WEIR_RECORD_BYTES_AT(kKeys), mark, kBytes);
    }
    void end(std::uint32_t cpu) const {
        store(slot(cpu, next(cpu)) + WEIR_RECORD_ENDED_AT(kKeys, kBytes), next(cpu) + 1);
        store(ring(cpu), next(cpu) + 1);
    }
    void put(std::uint32_t cpu, std::uint64_t time_ns, std::uint64_t print, std::uint8_t mark) const {
        begin(cpu, time_ns, print, mark);
        end(cpu);
    }

private:
    std::uint8_t* memory_;
};

std::string marks(const Recording& recording) {
    std::string text;
    for (const RecordedPacket& packet : recording.packets()) text += static_cast<char>(packet.bytes[0]);
    return text;
}

weir_capture captured(std::uint32_t cpu, std::uint64_t number, std::uint64_t print) {
    weir_capture capture{};
    capture.cpu = cpu;
    capture.number = number;
    capture.prints[0] = print;
    return capture;
}

}  // namespace

TEST_CASE("what is recorded comes with all that is known of it, CPUs merged by time") {
    const Written written;
    const Recorder recorder = written.reader();
    CHECK(recorder.all().packets().empty());
    written.put(0, 10, 1, 'a');
    written.put(1, 20, 1, 'b');
    written.put(0, 30, 2, 'c');
    written.put(0, 25, 2, 'd');  // another clock: it counts as 30
    written.put(1, 28, 2, 'e');
    const Recording all = recorder.all();
    CHECK(marks(all) == "abecd");
    const RecordedPacket& first = all.packets().front();
    CHECK(first.cpu == 0);
    CHECK(first.number == 0);
    CHECK(first.time_ns == 10);
    CHECK(first.original_bytes == 100);
    CHECK(first.row == 2);
    CHECK(first.generation == 5);
    CHECK(first.ifindex == 7);
    CHECK(first.verdict == WEIR_DROP);
    CHECK(first.direction == PacketDirection::kOut);
    CHECK(first.bytes.size() == kBytes);
}

TEST_CASE("a ring keeps the last packets of its CPU") {
    const Written written;
    for (int i = 0; i < 40; ++i) written.put(0, static_cast<std::uint64_t>(i), 1, static_cast<std::uint8_t>('A' + i));
    const Recording all = written.reader().all();
    REQUIRE(all.packets().size() == kPackets);
    CHECK(all.packets().front().number == 24);
    CHECK(all.packets().back().number == 39);
    written.put(1, 40, 1, 'z');
    CHECK(written.reader().held() == std::vector<std::uint64_t>{kPackets, 1});
    CHECK(written.reader().memory_bytes() == kSize);
}

TEST_CASE("a slot that is written just now is left out, and so is what it was before") {
    const Written written;
    for (int i = 0; i < 16; ++i) written.put(0, 1, 1, static_cast<std::uint8_t>('a' + i));
    written.begin(0, 1, 1, 'z');
    CHECK(marks(written.reader().all()) == "bcdefghijklmnop");
    written.end(0);
    CHECK(marks(written.reader().all()) == "bcdefghijklmnopz");
}

TEST_CASE("before a packet: its key's last ones, of its CPU by number and of others by time") {
    const Written written;
    const Recorder recorder = written.reader();
    written.put(0, 10, 7, 'a');
    written.put(1, 11, 7, 'b');
    written.put(0, 12, 8, 'x');
    written.put(0, 13, 7, 'c');
    written.put(1, 20, 7, 'd');
    written.put(0, 13, 7, '!');  // the packet itself, number 3 of CPU 0
    written.put(0, 13, 7, 'l');
    written.put(1, 21, 7, 'm');
    CHECK(marks(recorder.before(captured(0, 3, 7), 20, 0, 64)) == "abcd");
    CHECK(marks(recorder.before(captured(0, 3, 7), 19, 0, 64)) == "abc");
    CHECK(marks(recorder.before(captured(0, 3, 7), 20, 0, 2)) == "cd");
    CHECK(marks(recorder.before(captured(0, 3, 9), 20, 0, 64)).empty());
    CHECK(marks(recorder.before(captured(0, 3, 0), 20, 0, 64)).empty());  // it lacks the key
    CHECK(marks(recorder.before(captured(0, 3, 7), 20, 1, 64)).empty());
    CHECK(marks(recorder.before(captured(9, 3, 7), 20, 0, 64)).empty());
}

TEST_CASE("no torn packet is ever read while a program writes") {
    const Written written;
    const Recorder recorder = written.reader();
    std::atomic<bool> ends = false;
    std::thread program([&] {
        for (std::uint64_t i = 0; !ends; ++i) written.put(0, i, i % 251, static_cast<std::uint8_t>(i % 251));
    });
    std::size_t read = 0;
    while (read < 50'000) {
        const Recording all = recorder.all();
        for (const RecordedPacket& packet : all.packets()) {
            ++read;
            const auto mark = static_cast<std::uint8_t>(packet.number % 251);
            const bool whole =
                packet.time_ns >= packet.number &&
                std::all_of(packet.bytes.begin(), packet.bytes.end(), [&](std::uint8_t byte) { return byte == mark; });
            if (!whole) FAIL("packet " << packet.number << " is torn");
        }
    }
    ends = true;
    program.join();
}

TEST_CASE("a row is a rule's name, or what decides where none does, or numbers") {
    const std::vector<std::string> rules{"web", "ssh"};
    CHECK(row_name(&rules, 3, 1) == "ssh");
    CHECK(row_name(&rules, 3, 2) == "default");
    CHECK(row_name(&rules, 3, 3) == "malformed");
    CHECK(row_name(&rules, 3, 4) == "default egress");
    CHECK(row_name(&rules, 3, 5) == "no rule");
    CHECK(row_name(nullptr, 3, 1) == "row 1 of generation 3");
}

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/handles.h"
#include "runtime/sinks/pcap.h"
#include "tests/unit/runtime/deliver.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

CapturedPacket a_packet(std::uint8_t mark, std::string rule, std::string verdict) {
    CapturedPacket packet;
    packet.bytes.assign(60, mark);
    packet.original_bytes = 60;
    packet.wall_clock_ns = 1767323045678901234 + mark;
    packet.interface = "eth0";
    packet.rule = std::move(rule);
    packet.verdict = std::move(verdict);
    packet.direction = PacketDirection::kIn;
    return packet;
}

struct Captured {
    std::string message = "from 198.51.100.7";
    std::optional<CapturedPacket> packet = a_packet(7, "guess", "drop");
    std::vector<CapturedPacket> before{};
};
// Hands the sink an event with these packets. Was it delivered?
bool write(PcapFile& pcap, const Captured& captured = {}) {
    auto manifest = a_manifest();
    manifest.alerts[0].message = {captured.message};
    PackedEvent event = packed(manifest, a_record());
    if (captured.packet) event.captures = std::make_unique<const Captures>(Captures{*captured.packet, captured.before});
    const PackedEvent* one = &event;
    return deliver(pcap, Batch(std::span(&one, 1))).delivered == 1;
}

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Counted {
    int sections = 0, packets = 0;
    bool whole = true;
};
Counted blocks_of(const fs::path& path) {
    const std::string bytes = content(path);
    Counted counted;
    for (std::size_t at = 0; at < bytes.size();) {
        std::uint32_t type = 0, length = 0, again = 0;
        if (bytes.size() - at < 12) return counted.whole = false, counted;
        std::memcpy(&type, bytes.data() + at, 4);
        std::memcpy(&length, bytes.data() + at + 4, 4);
        if (length < 12 || length > bytes.size() - at) return counted.whole = false, counted;
        std::memcpy(&again, bytes.data() + at + length - 4, 4);
        counted.whole = counted.whole && again == length;
        counted.sections += type == PcapngSection::kMagic ? 1 : 0;
        counted.packets += type == 6 ? 1 : 0;
        at += length;
    }
    return counted;
}

// Files of this process may be so long; then a write stops within. The signal for it is ignored, as in weir.
class FileLimit {
public:
    explicit FileLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("a pcap sink writes the packets of an event in their order, and nothing for an event without one") {
    Folder folder;
    const fs::path path = folder.path / "alerts.pcapng";
    PcapFile pcap(path, 0, 0);
    pcap.prepare();
    CHECK(pcap.state() == "ok");
    CHECK(blocks_of(path).sections == 1);
    REQUIRE(write(pcap, {.before = {a_packet(1, "web", "pass"), a_packet(2, "default", "pass")}}));
    REQUIRE(write(pcap, {.packet = std::nullopt}));
    const Counted counted = blocks_of(path);
    CHECK(counted.whole);
    CHECK(counted.packets == 3);
    const std::string bytes = content(path);
    const std::size_t first = bytes.find("pass by web, 2 before alert guessing");
    const std::size_t second = bytes.find("pass by default, 1 before alert guessing");
    const std::size_t last = bytes.find("drop by guess, alert guessing: from 198.51.100.7");
    CHECK(first < second);
    CHECK(second < last);
    CHECK(last != std::string::npos);
}

TEST_CASE("a pcap sink shows nothing of a packet as it came") {
    Folder folder;
    const fs::path path = folder.path / "alerts.pcapng";
    PcapFile pcap(path, 0, 0);
    Captured captured{.message = "a\x1b]0;x\x07\nb \xe2\x80\xae"};
    captured.packet->interface = "e\x1b[31m";
    REQUIRE(write(pcap, captured));
    const std::string bytes = content(path);
    CHECK(bytes.find("a\\x1b]0;x\\x07\\x0ab \\xe2\\x80\\xae") != std::string::npos);
    CHECK(bytes.find('\x1b') == std::string::npos);
}

TEST_CASE("a pcap file rotates by size, keeps so many, and each is whole by itself") {
    Folder folder;
    const fs::path path = folder.path / "alerts.pcapng";
    PcapFile pcap(path, 1000, 2);
    for (int i = 0; i < 40; ++i) REQUIRE(write(pcap));
    CHECK(pcap.state() == "ok");
    for (const char* ending : {"", ".1", ".2"}) {
        const Counted counted = blocks_of(path.string() + ending);
        CHECK(counted.whole);
        CHECK(counted.sections == 1);
        CHECK(counted.packets > 0);
        CHECK(fs::file_size(path.string() + ending) <= 1000);
    }
    CHECK_FALSE(fs::exists(path.string() + ".3"));
}

TEST_CASE("a pcap file goes on in a section of its own; what is cut short is moved out of the way") {
    Folder folder;
    const fs::path path = folder.path / "alerts.pcapng";
    for (int i = 0; i < 2; ++i) {
        PcapFile before(path, 0, 3);
        REQUIRE(write(before));
    }
    CHECK(blocks_of(path).sections == 2);
    CHECK(blocks_of(path).packets == 2);
    fs::resize_file(path, fs::file_size(path) - 5);  // its writer was killed
    PcapFile pcap(path, 0, 3);
    REQUIRE(write(pcap));
    CHECK(blocks_of(path).whole);
    CHECK(blocks_of(path).packets == 1);
    CHECK_FALSE(blocks_of(path.string() + ".1").whole);
    // Emptied, renamed with SIGHUP, removed.
    fs::resize_file(path, 0);
    REQUIRE(write(pcap));
    CHECK(blocks_of(path).sections == 1);
    fs::rename(path, folder.path / "old");
    pcap.reopen();
    REQUIRE(write(pcap));
    CHECK(blocks_of(path).packets == 1);
    fs::remove(path);
    REQUIRE(write(pcap));
    CHECK(blocks_of(path).sections == 1);
    CHECK(blocks_of(path).packets == 1);
}

TEST_CASE("a pcap sink leaves a file alone that is none of its kind") {
    Folder folder;
    const fs::path path = folder.path / "notes";
    std::ofstream(path) << "something else\n";
    PcapFile pcap(path, 0, 0);
    pcap.prepare();
    CHECK_FALSE(write(pcap));
    CHECK_THAT(pcap.state(), Catch::Contains("no pcapng file"));
    CHECK(content(path) == "something else\n");
    fs::remove(path);
    CHECK(write(pcap));
    CHECK(pcap.state() == "ok");
}

TEST_CASE("a full disk loses packets, says so, and leaves whole blocks behind") {
    Folder folder;
    const fs::path path = folder.path / "alerts.pcapng";
    PcapFile pcap(path, 0, 0);
    REQUIRE(write(pcap));
    const auto before = fs::file_size(path);
    {
        const FileLimit limit(before + 20);  // a part of the next block finds room
        CHECK_FALSE(write(pcap));
        CHECK(pcap.state() != "ok");
        CHECK(fs::file_size(path) == before);
    }
    REQUIRE(write(pcap));
    CHECK(pcap.state() == "ok");
    CHECK(blocks_of(path).whole);
    CHECK(blocks_of(path).packets == 2);

    PcapFile full("/dev/full", 0, 0);
    CHECK_FALSE(write(full));
    CHECK_THAT(full.state(), Catch::Contains("No space left"));
}

TEST_CASE("interfaces that a full disk kept out are described with the next packet") {
    Folder folder;
    const fs::path path = folder.path / "alerts.pcapng";
    PcapFile pcap(path, 0, 0);
    pcap.prepare();
    const auto empty = fs::file_size(path);
    {
        const FileLimit limit(empty + 20);
        CHECK_FALSE(write(pcap));
    }
    REQUIRE(write(pcap));
    CHECK(content(path).find("eth0") != std::string::npos);
    CHECK(blocks_of(path).whole);
}

// Captures of both formats, whatever a valid one may be, and what is said of those that are not.
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <zlib.h>

#include <thread>

#include <fmt/format.h>

#include "tests/unit/tooling/captures.h"
#include "tests/unit/tooling/folder.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/capture_writer.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

struct Frame {
    std::string bytes{};
    std::uint64_t time_ns = 0;
    std::uint32_t original_bytes = 0;
    std::string interface{};
    friend bool operator==(const Frame&, const Frame&) = default;
};
std::ostream& operator<<(std::ostream& out, const Frame& frame) {
    return out << fmt::format("{{{} bytes, {} ns, {}}}", frame.bytes.size(), frame.time_ns, frame.original_bytes);
}

// The frames up to the end, or up to what is wrong, which goes to `fault`.
std::vector<Frame> frames_of(Result<Capture> capture, std::string& fault) {
    std::vector<Frame> frames;
    if (!capture) return fault = capture.error().message, frames;
    for (;;) {
        const auto frame = capture->next();
        if (!frame) return fault = frame.error().message, frames;
        if (!*frame) return frames;
        const CapturedFrame& one = **frame;
        frames.push_back({std::string(one.bytes.begin(), one.bytes.end()), one.time_ns, one.original_bytes,
                          std::string(one.interface)});
    }
}
std::vector<Frame> frames_of(const std::string& bytes) {
    std::string fault;
    std::vector<Frame> frames = frames_of(Capture::of_bytes("a capture", bytes), fault);
    INFO(fault);
    CHECK(fault.empty());
    return frames;
}
std::string fault_of(const std::string& bytes) {
    std::string fault;
    frames_of(Capture::of_bytes("x", bytes), fault);
    return fault;
}

std::string gzip(const std::string& bytes) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(compressBound(bytes.size()) + 64, '\0'), in = bytes;
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

constexpr std::uint64_t kSecond_ns = 1'000'000'000;

}  // namespace

TEST_CASE("pcap: both byte orders, both resolutions, long records, old versions") {
    for (const Order order : {Order::kLittle, Order::kBig}) {
        CHECK(frames_of(pcap_head(order) + pcap_packet("ab", 7, 8, order, 1500)) ==
              std::vector<Frame>{{"ab", 7 * kSecond_ns + 8000, 1500}});
        CHECK(frames_of(pcap_head(order, 0xa1b23c4d) + pcap_packet("ab", 7, 8, order)) ==
              std::vector<Frame>{{"ab", 7 * kSecond_ns + 8, 2}});
        const std::string modified =
            u32(1, order) + u32(0, order) + u32(2, order) + u32(2, order) + std::string(8, 'x');
        CHECK(frames_of(pcap_head(order, 0xa1b2cd34) + modified + "ab") == std::vector<Frame>{{"ab", kSecond_ns, 2}});
        // 2.2 had the lengths the other way round.
        const std::string swapped = u32(1, order) + u32(0, order) + u32(60, order) + u32(2, order);
        CHECK(frames_of(pcap_head(order, 0xa1b2c3d4, 1, 2) + swapped + "ab") ==
              std::vector<Frame>{{"ab", kSecond_ns, 60}});
    }
    CHECK(frames_of(pcap_head()).empty());
    CHECK(frames_of(pcap_head(Order::kLittle, 0xa1b2c3d4, 0x14000001) + pcap_packet("ab")).size() == 1);  // FCS bits
    CHECK(frames_of(pcap_head() + pcap_packet("")) == std::vector<Frame>{{"", kSecond_ns, 0}});
}

TEST_CASE("time never goes back") {
    const std::vector<Frame> frames =
        frames_of(pcap_head() + pcap_packet("a", 5) + pcap_packet("b", 3) + pcap_packet("c", 6));
    REQUIRE(frames.size() == 3);
    CHECK(frames[1].time_ns == 5 * kSecond_ns);
    CHECK(frames[2].time_ns == 6 * kSecond_ns);
}

TEST_CASE("pcapng: interfaces with different limits, of other types, and sections of both byte orders") {
    CHECK(frames_of(section() + interface(1, 65535) + interface(1, 262144) + enhanced_packet(0, "a") +
                    enhanced_packet(1, "bcdef"))
              .size() == 2);
    CHECK(frames_of(section() + interface(105) + interface(1) + enhanced_packet(1, "a")).size() == 1);
    CHECK(frames_of(section() + interface() + enhanced_packet(0, "a") + section(Order::kBig) +
                    interface(1, 0, "", Order::kBig) + enhanced_packet(0, "b", 3, Order::kBig, 99)) ==
          std::vector<Frame>{{"a", 0, 1}, {"b", 3000, 99}});
    CHECK_THAT(fault_of(section() + interface(105) + interface(1) + enhanced_packet(1, "a") + enhanced_packet(0, "a")),
               Catch::Equals("x: packet 2 is no Ethernet frame: IEEE 802.11"));
    CHECK_THAT(fault_of(section() + interface() + section() + enhanced_packet(0, "a")),
               Catch::Contains("an interface that is not described"));
}

TEST_CASE("pcapng: all kinds of packets, options, and blocks that nobody knows") {
    const std::string known = section() + interface(1, 3);
    CHECK(frames_of(known + block(3, u32(5) + padded4("abc"))) == std::vector<Frame>{{"abc", 0, 5}});
    CHECK(frames_of(known + block(3, u32(2) + padded4("ab"))) == std::vector<Frame>{{"ab", 0, 2}});
    CHECK(frames_of(known + enhanced_packet(0, "a", 9) + block(3, u32(2) + padded4("ab")))[1].time_ns == 9000);
    CHECK(frames_of(known + block(2, u16(0) + u16(17) + u32(0) + u32(4) + u32(2) + u32(7) + padded4("ab"))) ==
          std::vector<Frame>{{"ab", 4000, 7}});
    CHECK(frames_of(known + block(4, padded4("names")) + block(5, std::string(200'000, 's')) +
                    block(0x0bad, "custom!!") +
                    enhanced_packet(0, "a", 0, Order::kLittle, 0, option(1, "a comment") + option(0, "")))
              .size() == 1);
}

TEST_CASE("pcapng: names of interfaces, as far as they are kept") {
    const auto named = [](const std::string& name, Order order = Order::kLittle) {
        return interface(1, 0, option(2, name, order) + option(9, "\x09", order) + u32(0, order), order);
    };
    const std::vector<Frame> frames =
        frames_of(section() + named("eth0") + interface() + named("lo") + enhanced_packet(2, "a") +
                  enhanced_packet(0, "b") + enhanced_packet(1, "c") + section(Order::kBig) +
                  named("wlan0", Order::kBig) + enhanced_packet(0, "d", 3, Order::kBig));
    REQUIRE(frames.size() == 4);
    CHECK(frames[0].interface == "lo");
    CHECK(frames[1].interface == "eth0");
    CHECK(frames[2].interface.empty());
    CHECK(frames[3].interface == "wlan0");
    CHECK(frames_of(section() + named(std::string(256, 'x')) + enhanced_packet(0, "a")).at(0).interface.size() == 256);
    CHECK(frames_of(section() + named(std::string(257, 'x')) + enhanced_packet(0, "a")).at(0).interface.empty());
    CHECK(frames_of(section() + named(std::string("a\0b", 3)) + enhanced_packet(0, "a")).at(0).interface == "a");
    CHECK(frames_of(section() + named("") + enhanced_packet(0, "a")).at(0).interface.empty());
}

TEST_CASE("pcapng: resolutions and offsets of time") {
    const auto time_of = [](const std::string& options, std::uint64_t ticks, Order order = Order::kLittle) {
        return frames_of(section(order) + interface(1, 0, options, order) + enhanced_packet(0, "a", ticks, order))
            .at(0)
            .time_ns;
    };
    CHECK(time_of("", 5) == 5000);
    CHECK(time_of(option(9, "\x09"), 5) == 5);
    CHECK(time_of(option(9, std::string(1, '\0')), 5) == 5 * kSecond_ns);
    CHECK(time_of(option(9, "\x0c"), 5999) == 5);
    CHECK(time_of(option(9, "\x7f"), ~0ull) == 0);
    CHECK(time_of(option(9, "\x8a"), 1024 + 512) == kSecond_ns + kSecond_ns / 2);
    CHECK(time_of(option(9, "\xff"), ~0ull) == 0);
    for (const Order order : {Order::kLittle, Order::kBig}) {
        CHECK(time_of(option(14, number(100, 8, order), order), 5, order) == 100 * kSecond_ns + 5000);
        CHECK(time_of(option(14, number(static_cast<std::uint64_t>(-100), 8, order), order), 200'000'000, order) ==
              100 * kSecond_ns);
        CHECK(time_of(option(14, number(static_cast<std::uint64_t>(-100), 8, order), order), 5, order) == 0);
    }
    // What no clock says is as late as can be, not early.
    CHECK(time_of("", ~0ull) == std::uint64_t{1} << 62);
    CHECK(time_of(option(14, number(~0ull >> 1, 8)), ~0ull) == std::uint64_t{1} << 62);
    CHECK(time_of(option(14, number(1ull << 63, 8)), ~0ull) == 0);
    // Options of a wrong length, or that the block has no room for, are none.
    CHECK(time_of(option(9, "\x09\x09"), 5) == 5000);
    CHECK(time_of(option(1, "x") + u16(9) + u16(5000), 5) == 5000);
    CHECK(time_of(option(0, "") + option(9, "\x09"), 5) == 5000);
}

TEST_CASE("gzip is read, in several members too; what is wrong with it is said") {
    const std::string pcap = pcap_head() + pcap_packet("abc"),
                      pcapng = section() + interface() + enhanced_packet(0, "abc");
    CHECK(frames_of(gzip(pcap)).size() == 1);
    CHECK(frames_of(gzip(pcapng)).size() == 1);
    CHECK(frames_of(gzip(pcap) + gzip(pcap_packet("def"))).size() == 2);
    const std::string large = gzip(pcap_head() + pcap_packet(std::string(200'000, 'a')));
    CHECK_THAT(fault_of(large.substr(0, large.size() / 2)), Catch::Contains("compressed data is cut short"));
    std::string broken = gzip(pcap);
    broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 0x55);
    CHECK(!fault_of(broken).empty());
    CHECK_THAT(fault_of(gzip("no capture")), Catch::Contains("neither pcap nor pcapng"));
    CHECK_THAT(fault_of("\x28\xb5\x2f\xfd  "), Catch::Contains("compressed with zstd"));
}

TEST_CASE("a capture is read again from the beginning, and its facts are counted") {
    const std::string plain =
        pcap_head() + pcap_packet("a", 9) + pcap_packet("bcd", 10, 0, Order::kLittle, 99) + pcap_packet("bc");
    for (const std::string& bytes : {plain, gzip(plain)}) {
        auto capture = Capture::of_bytes("x", bytes);
        REQUIRE(capture);
        auto facts = capture->facts();
        REQUIRE(facts);
        CHECK(facts->frames == 3);
        CHECK(facts->cut_frames == 1);
        CHECK(facts->shortest_bytes == 1);
        CHECK(facts->longest_bytes == 3);
        std::string fault;
        CHECK(frames_of(std::move(capture), fault).front().time_ns == 9 * kSecond_ns);
        CHECK(fault.empty());
    }
    auto none = Capture::of_bytes("x", pcap_head());
    REQUIRE(none);
    CHECK((*none->facts()).longest_bytes == 0);
}

TEST_CASE("what is damaged or cut is said with its place, after what is whole") {
    const std::string two = pcap_head() + pcap_packet("ab") + pcap_packet("cd");
    for (std::size_t size = 24 + 19; size < two.size(); ++size) {
        std::string fault;
        CHECK(frames_of(Capture::of_bytes("x", two.substr(0, size)), fault).size() == 1);
        CHECK_THAT(fault, Catch::Contains("cut short (packet 2, byte "));
    }
    CHECK_THAT(fault_of(""), Catch::Equals("x cannot be read: it is empty"));
    CHECK_THAT(fault_of("ab"), Catch::Contains("neither pcap nor pcapng"));
    CHECK_THAT(fault_of(pcap_head().substr(0, 20)), Catch::Contains("cut short"));
    CHECK_THAT(fault_of(pcap_head() + u32(1) + u32(1) + u32(0xfffffff0) + u32(1)),
               Catch::Contains("a packet of 4294967280 bytes"));
    CHECK_THAT(fault_of(section() + interface() + block(6, u32(0) + u32(0) + u32(0) + u32(400) + u32(400) + "abcd")),
               Catch::Contains("a packet of 400 bytes"));
    CHECK_THAT(fault_of(section() + block(6, u32(0))), Catch::Contains("a short packet block"));
    CHECK_THAT(fault_of(section() + u32(1) + u32(9)), Catch::Contains("the length of a block"));
    CHECK_THAT(fault_of(section() + u32(1) + u32(0xfffffffc)), Catch::Contains("cut short"));
    CHECK_THAT(fault_of(section() + u32(5) + u32(16) + "body" + u32(20)), Catch::Contains("two lengths differ"));
    CHECK_THAT(fault_of(block(0x0a0d0d0a, std::string(16, 'x'))), Catch::Contains("a section without a byte order"));
    CHECK_THAT(fault_of(pcap_head(Order::kLittle, 0xa1b2c3d4, 101)),
               Catch::Equals("x: packet 1 is no Ethernet frame: raw IP"));
}

TEST_CASE("what a policy names is a regular file; what a command names may be a pipe") {
    const Folder folder;
    const std::string fifo = folder.path("fifo"), file = folder.write("a.pcap", pcap_head() + pcap_packet("ab"));
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    std::string fault;
    CHECK(frames_of(Capture::open_regular(file), fault).size() == 1);
    CHECK(fault.empty());
    for (const std::string& path : {fifo, folder.path(), std::string("/dev/zero")})
        CHECK_THAT(frames_of(Capture::open_regular(path), fault).empty() ? fault : "",
                   Catch::Contains("no regular file"));
    CHECK_THAT(frames_of(Capture::open("/dev/zero"), fault).empty() ? fault : "",
               Catch::Contains("neither pcap nor pcapng"));
    CHECK_THAT(frames_of(Capture::open(folder.path()), fault).empty() ? fault : "", Catch::Contains("Is a directory"));
    std::thread writer(
        [&] { std::ofstream(fifo, std::ios::binary) << pcap_head() << pcap_packet("ab") << pcap_packet("cd"); });
    fault.clear();
    auto piped = Capture::open(fifo);
    writer.join();
    REQUIRE(piped);
    CHECK((*piped->facts()).frames == 2);
    CHECK(frames_of(std::move(piped), fault).size() == 2);
    CHECK(fault.empty());
}

TEST_CASE("what weir writes, it reads: bytes, times, original lengths, interfaces") {
    const Folder folder;
    CaptureWriter writer;
    REQUIRE(writer.open(folder.path("out.pcapng"), CaptureWriter::Appears::kWhole));
    const std::vector<Frame> frames{{"abc", 5, 1500},
                                    {"", kSecond_ns, 0, "eth0"},
                                    {"d", kSecond_ns, 1, "eth1"},
                                    {"e", kSecond_ns, 1, "eth0"},
                                    {std::string(4096, 'x'), 1ull << 61, 4096}};
    for (const Frame& frame : frames)
        CHECK(writer.write({{reinterpret_cast<const std::uint8_t*>(frame.bytes.data()), frame.bytes.size()},
                            frame.original_bytes,
                            frame.time_ns,
                            frame.interface},
                           "drop by r"));
    CHECK(!std::filesystem::exists(folder.path("out.pcapng")));
    REQUIRE(writer.close());
    std::string fault;
    CHECK(frames_of(Capture::open(folder.path("out.pcapng")), fault) == frames);
    CHECK(fault.empty());
    CHECK_THAT(folder.read("out.pcapng"), Catch::Contains("drop by r"));
}

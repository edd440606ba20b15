// Packets on their way out that the kernel has not cut into segments yet.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "runtime/kernel.h"
#include "tests/kernel/trial.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;

namespace {

weir_counter counted(const runtime::Program& program, std::uint32_t row) {
    std::vector<weir_counter_block> blocks(runtime::possible_cpus());
    const std::uint32_t zero = 0;
    REQUIRE(bpf_map_lookup_elem(program.map("weir_counters"), &zero, blocks.data()) == 0);
    weir_counter sum{};
    for (const weir_counter_block& block : blocks) {
        sum.packets += block.rows[row].packets;
        sum.bytes += block.rows[row].bytes;
    }
    return sum;
}

// Test runs with what the kernel says of a merged packet; the program's last answer.
int judge(const runtime::Program& program, const Frame& frame, const __sk_buff& context, int times = 1) {
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.ctx_in = &context;
    opts.ctx_size_in = sizeof(context);
    opts.repeat = times;
    REQUIRE(bpf_prog_test_run_opts(program.egress_fd(), &opts) == 0);
    return static_cast<int>(opts.retval);
}

// TCP over IPv4 or IPv6, `bytes` of payload; `length` is what the IP header says.
Frame tcp(int version, std::size_t bytes, std::uint16_t length) {
    Frame frame{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    const auto add = [&](const Frame& more) { frame.insert(frame.end(), more.begin(), more.end()); };
    const auto high = static_cast<std::uint8_t>(length >> 8), low = static_cast<std::uint8_t>(length);
    if (version == 4) {
        add({8, 0, 0x45, 0, high, low, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2});
    } else {
        add({0x86, 0xdd, 0x60, 0, 0, 0, high, low, 6, 64});
        const Frame source{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        add(source);
        add(source);
    }
    add({0x0f, 0xa0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0});
    frame.resize(frame.size() + bytes);
    return frame;
}

}  // namespace

TEST_CASE("what the kernel cuts later counts as the wire has it", "[egress]") {
    const auto program = loaded(
        compiled("rule often { egress when tcp and count(in 1s) > 3 then drop } "
                 "rule much { egress when tcp and byterate() > 1B/d burst 1130B then drop } "
                 "rule noted { egress when tcp then alert seen } rule web { egress when tcp.dport == 80 then pass } "
                 "alert seen { message \"x\" }"),
        1);
    __sk_buff merged{};
    merged.gso_segs = 3;
    merged.gso_size = 300;
    const Frame frame = tcp(4, 900, 940);
    merged.wire_len = static_cast<__u32>(frame.size() + 2 * 54);  // two more headers
    CHECK(judge(program, frame, merged) == -1);
    CHECK(counted(program, 3).packets == 3);
    CHECK(counted(program, 3).bytes == 954 + 108);
    CHECK(counted(program, 2).packets == 3);
    CHECK(judge(program, frame, merged) == 2);  // 1,062 of 1,130 tokens were taken, as on the wire
    CHECK(counted(program, 1).packets == 3);
    __sk_buff whole{};
    CHECK(judge(program, tcp(4, 10, 50), whole) == -1);
    CHECK(counted(program, 3).packets == 4);
    CHECK(judge(program, tcp(4, 10, 50), whole) == 2);  // `count` counts one, whatever it is made of
    CHECK(counted(program, 0).packets == 1);
}

TEST_CASE("length 0 of a merged packet means to its end", "[egress]") {
    const auto program =
        loaded(compiled("rule cut { egress when malformed then drop } "
                        "rule web { egress when payload.len == 900 and ip.len in { 940, 960 } then pass } "
                        "default egress drop"),
               1);
    __sk_buff merged{}, whole{};
    merged.gso_segs = 3;
    merged.gso_size = 300;
    for (const int version : {4, 6}) {
        CHECK(judge(program, tcp(version, 900, 0), merged) == -1);
        CHECK(judge(program, tcp(version, 900, 0), whole) == 2);
        CHECK(judge(program, tcp(version, 900, version == 4 ? 940 : 920), whole) == -1);
    }
}

TEST_CASE("an upload of 500 MB is noticed, by one connection and by several", "[egress]") {
    std::ifstream file(WEIR_SOURCE_FOLDER "/rules/std/egress-guard.rules");
    const auto program = loaded(compiled({std::istreambuf_iterator<char>(file), {}}), 1);  // the clock stands still
    constexpr std::uint32_t kOneConnection = 6, kInParts = 7;                              // rules
    const auto to_outside = [](Frame frame, std::uint8_t source_port) {
        const Frame address{198, 51, 100, 7};
        std::copy(address.begin(), address.end(), frame.begin() + 30);
        frame[35] = source_port;
        return frame;
    };
    // As the kernel hands over a bulk of 45 segments; of the payload a part is enough.
    __sk_buff bulk{}, whole{};
    bulk.gso_segs = 45;
    bulk.gso_size = 1400;
    bulk.wire_len = 64'930;  // 954 and 44 times 1,454
    const Frame first = to_outside(tcp(4, 900, 0), 1), second = to_outside(tcp(4, 900, 0), 2);
    CHECK(judge(program, first, bulk, 7700) == -1);  // 499,961,000 bytes
    CHECK(counted(program, kOneConnection).packets == 0);
    CHECK(counted(program, kInParts).packets == 0);
    CHECK(judge(program, first, bulk) == -1);
    CHECK(counted(program, kOneConnection).packets == 45);
    CHECK(counted(program, kInParts).packets == 45);
    // A download sends acknowledgements; another connection has its own bytes, but the same address.
    judge(program, to_outside(tcp(4, 0, 40), 1), whole);
    judge(program, second, bulk);
    CHECK(counted(program, kOneConnection).packets == 45);
    CHECK(counted(program, kInParts).packets == 90);
    judge(program, to_outside(tcp(4, 10, 50), 1), whole);
    CHECK(counted(program, kOneConnection).packets == 46);
}

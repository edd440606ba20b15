#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "runtime/handles.h"
#include "runtime/sinks/dispatcher.h"
#include "runtime/sinks/eve.h"
#include "runtime/sinks/stdout.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

bpf::SinkInfo eve_at(const std::string& path) { return {"a", bpf::SinkKind::kEve, {{bpf::SinkWord::kPath, path}}}; }

Event an_event() {
    Event event;
    event.wall_clock_ns = 1767323045678901234;  // 2026-01-02T03:04:05.678901Z
    event.policy = "edge";
    event.rule = "guess";
    event.alert = "guessing";
    event.severity = "high";
    event.message = "from 198.51.100.7";
    event.interface = "eth0";
    event.verdict = "drop";
    weir_packet& packet = event.record.packet;
    packet.present[0] = WEIR_BIT(WEIR_HAS_ETH) | WEIR_BIT(WEIR_HAS_VLAN) | WEIR_BIT(WEIR_HAS_IP) |
                        WEIR_BIT(WEIR_HAS_IP_PROTO) | WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_PORTS);
    packet.ip_version = 4;
    packet.ip_proto = 6;
    packet.ip_src[0] = 0xc6336407;
    packet.ip_dst[0] = 0xc0000201;
    packet.port_src = 50000;
    packet.port_dst = 22;
    packet.vlan_id = 7;
    packet.eth_src = 0x020000000001;
    packet.eth_dst = 0x020000000002;
    event.record.generation = 3;
    event.record.suppressed = 4;
    event.record.verdict = WEIR_DROP;
    return event;
}

std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

// Takes every event but each third.
class Picky : public Sink {
public:
    bool deliver(const Event&) override { return ++seen_ % 3 != 0; }
    std::string state() const override { return "picky"; }

private:
    int seen_ = 0;
};

}  // namespace

TEST_CASE("an EVE line has Suricata's names") {
    const std::string line = eve_line(an_event());
    REQUIRE(line.back() == '\n');
    const json eve = json::parse(line);
    CHECK(eve["timestamp"] == "2026-01-02T03:04:05.678901+0000");
    CHECK(eve["event_type"] == "alert");
    CHECK(eve["src_ip"] == "198.51.100.7");
    CHECK(eve["src_port"] == 50000);
    CHECK(eve["dest_ip"] == "192.0.2.1");
    CHECK(eve["dest_port"] == 22);
    CHECK(eve["proto"] == "TCP");
    CHECK(eve["in_iface"] == "eth0");
    CHECK(eve["vlan"] == json::array({7}));
    CHECK(eve["ether"]["src_mac"] == "02:00:00:00:00:01");
    CHECK(eve["ether"]["dest_mac"] == "02:00:00:00:00:02");
    CHECK(eve["alert"]["action"] == "blocked");
    CHECK(eve["alert"]["signature"] == "guessing");
    CHECK(eve["alert"]["category"] == "edge");
    CHECK(eve["alert"]["severity"] == 1);
    CHECK(eve["alert"]["signature_id"].is_number_unsigned());
    CHECK(eve["weir"]["rule"] == "guess");
    CHECK(eve["weir"]["generation"] == 3);
    CHECK(eve["weir"]["suppressed"] == 4);
    CHECK(eve["weir"]["message"] == "from 198.51.100.7");
}

TEST_CASE("an EVE line says what is known and no more; what is only observed is allowed") {
    Event event = an_event();
    event.record.flags = WEIR_EVENT_WOULD;
    event.record.packet = {};
    event.interface.clear();
    const json eve = json::parse(eve_line(event));
    CHECK(eve["alert"]["action"] == "allowed");
    for (const char* absent : {"src_ip", "src_port", "dest_ip", "proto", "in_iface", "vlan", "ether"})
        CHECK_FALSE(eve.contains(absent));
}

TEST_CASE("hostile words stay words") {
    Event event = an_event();
    event.message = "\"}\n{\"event_type\":\"fake\"} \x1b[2J \xff \xc2\x9b";
    event.interface = "\",\"x\":\"\n";
    const std::string line = eve_line(event);
    CHECK(line.find('\n') == line.size() - 1);
    for (const char c : line.substr(0, line.size() - 1)) CHECK((c >= 0x20 && c < 0x7f));
    const json eve = json::parse(line);
    CHECK(eve["event_type"] == "alert");
    CHECK(eve["in_iface"] == printable(event.interface));
}

TEST_CASE("an EVE line has the packet that was captured, and those before it") {
    Event event = an_event();
    CHECK_FALSE(json::parse(eve_line(event)).contains("packet"));
    event.packet.emplace().bytes = {0xff, 0xfe, 0x00, 0x41};
    CapturedPacket before;
    before.bytes = {'f', 'o', 'o'};
    before.original_bytes = 60;
    before.wall_clock_ns = event.wall_clock_ns;
    before.interface = "eth\x1b";
    before.rule = "web";
    before.verdict = "pass";
    event.before = {before, before};
    const json eve = json::parse(eve_line(event));
    CHECK(eve["packet"] == "//4AQQ==");
    CHECK(eve["packet_info"] == json{{"linktype", 1}});
    REQUIRE(eve["weir"]["before"].size() == 2);
    CHECK(eve["weir"]["before"][0] == json{{"timestamp", "2026-01-02T03:04:05.678901+0000"},
                                           {"in_iface", "eth\\x1b"},
                                           {"rule", "web"},
                                           {"verdict", "pass"},
                                           {"packet_len", 60},
                                           {"packet", "Zm9v"}});
    CHECK(eve_line(event).find('\x1b') == std::string::npos);
}

TEST_CASE("an EVE file rotates by size and keeps so many") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    const std::uint64_t line_bytes = eve_line(an_event()).size();
    EveFile eve(path, 2 * line_bytes, 2);
    for (int i = 0; i < 9; ++i) REQUIRE(eve.deliver(an_event()));
    CHECK(eve.state() == "ok");
    CHECK(lines_of(path).size() == 1);
    CHECK(lines_of(path.string() + ".1").size() == 2);
    CHECK(lines_of(path.string() + ".2").size() == 2);
    CHECK_FALSE(fs::exists(path.string() + ".3"));
}

TEST_CASE("an EVE file goes on where it was, is opened anew, and follows one that was removed") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    { EveFile(path, 0, 0).deliver(an_event()); }
    EveFile eve(path, 0, 0);
    REQUIRE(eve.deliver(an_event()));
    CHECK(lines_of(path).size() == 2);
    fs::rename(path, folder.path / "old.json");
    REQUIRE(eve.deliver(an_event()));
    CHECK(lines_of(folder.path / "old.json").size() == 3);
    eve.reopen();
    REQUIRE(eve.deliver(an_event()));
    CHECK(lines_of(path).size() == 1);
    fs::remove(path);
    REQUIRE(eve.deliver(an_event()));
    CHECK(lines_of(path).size() == 1);
}

TEST_CASE("an EVE file says before the first event that it cannot be opened") {
    Folder folder;
    const fs::path path = folder.path / "later" / "eve.json";
    EveFile eve(path, 0, 0);
    eve.prepare();
    CHECK(eve.state().find("No such file or directory") != std::string::npos);
    fs::create_directories(path.parent_path());
    eve.prepare();
    CHECK(eve.state() == "ok");
    CHECK(fs::exists(path));
}

TEST_CASE("what an EVE file cannot take is lost, said, and over when it is over") {
    Folder folder;
    const fs::path path = folder.path / "sub" / "eve.json";
    EveFile eve(path, 0, 0);
    CHECK_FALSE(eve.deliver(an_event()));
    CHECK_THAT(eve.state(), Catch::Contains("opening") && Catch::Contains("No such file"));
    fs::create_directory(folder.path / "sub");
    CHECK(eve.deliver(an_event()));
    CHECK(eve.state() == "ok");
    CHECK(lines_of(path).size() == 1);

    EveFile full("/dev/full", 0, 0);
    CHECK_FALSE(full.deliver(an_event()));
    CHECK_THAT(full.state(), Catch::Contains("No space left"));
    const fs::path pipe = folder.path / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    EveFile unread(pipe, 0, 0);
    CHECK_FALSE(unread.deliver(an_event()));  // nobody reads it; it does not wait
}

TEST_CASE("a line of text, with colour and without") {
    CHECK(text_line(an_event(), LineColour::kOff) ==
          "2026-01-02T03:04:05.678901Z high guessing: from 198.51.100.7 [drop by guess on eth0]\n");
    CHECK(text_line(an_event(), LineColour::kOn).find("\x1b[31mhigh\x1b[0m") != std::string::npos);
    Event bare = an_event();
    bare.verdict.clear();
    bare.interface.clear();
    CHECK_THAT(text_line(bare, LineColour::kOff), Catch::EndsWith("[by guess]\n"));
    bare.message.assign(10000, 'x');
    CHECK(text_line(bare, LineColour::kOff).size() == 4096);
}

TEST_CASE("a full pipe loses lines, once its reader had its chance; it goes on when it is read") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const UniqueFd reader(ends[0]), writer(ends[1]);
    fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    TextLines lines(writer.get(), LineColour::kOff);
    int taken = 0;
    while (taken < 100000 && lines.deliver(an_event())) ++taken;
    CHECK(taken > 0);
    CHECK(taken < 100000);
    CHECK_FALSE(lines.deliver(an_event()));
    CHECK_THAT(lines.state(), Catch::Contains("nobody reads"));
    std::string read_back(1 << 20, '\0');
    const auto bytes = read(reader.get(), read_back.data(), read_back.size());
    CHECK(bytes ==
          static_cast<ssize_t>(static_cast<std::size_t>(taken) * text_line(an_event(), LineColour::kOff).size()));
    CHECK(lines.deliver(an_event()));
    CHECK(lines.state() == "ok");
}

TEST_CASE("a slow reader of a pipe takes little of the other sinks' time") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    UniqueFd reads(ends[0]), writes(ends[1]);
    REQUIRE(fcntl(writes.get(), F_SETPIPE_SZ, 4096) == 4096);
    // A page each 100 ms: just before the patience of 200 ms is over, again and again.
    std::jthread reader([&](const std::stop_token& stop) {
        char page[4096];
        while (!stop.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            if (read(reads.get(), page, sizeof(page)) <= 0) return;
        }
    });
    TextLines lines(writes.get(), LineColour::kOff);
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    std::size_t delivered = 0, lost = 0;
    Clock::duration waited{};
    while (Clock::now() - begin < std::chrono::seconds(2)) {
        const auto before = Clock::now();
        ++(lines.deliver(an_event()) ? delivered : lost);
        waited += Clock::now() - before;
        std::this_thread::sleep_for(std::chrono::microseconds(100));  // what others do with their time
    }
    INFO(delivered << " delivered, " << lost << " lost");
    CHECK(delivered > 0);
    CHECK(lost > 0);
    CHECK(waited <
          std::chrono::milliseconds(700));  // 200 at once, then one part in twenty; a busy machine takes its own
    reader.request_stop();
    writes = UniqueFd();
}

TEST_CASE("the dispatcher's accounts: each event is delivered or lost, sink by sink") {
    Dispatcher dispatcher([](const bpf::SinkInfo&) -> std::unique_ptr<Sink> { return std::make_unique<Picky>(); });
    const auto first = dispatcher.adopt({eve_at("/a"), {"b", bpf::SinkKind::kStdout}});
    REQUIRE(first.size() == 2);
    CHECK(dispatcher.deliver(an_event(), first));
    CHECK(dispatcher.deliver(an_event(), {first[0]}));
    CHECK_FALSE(dispatcher.deliver(an_event(), first));  // the third for a, the second for b
    CHECK(dispatcher.status(first[0]).delivered == 2);
    CHECK(dispatcher.status(first[0]).lost == 1);
    CHECK(dispatcher.status(first[1]).delivered == 2);
    CHECK(dispatcher.status(first[1]).lost == 0);
    CHECK(dispatcher.status(first[0]).state == "picky");
    // The same declaration goes on, with its account; another path is another sink.
    const auto second = dispatcher.adopt({{"b", bpf::SinkKind::kStdout}, eve_at("/other")});
    CHECK(second[0] == first[1]);
    CHECK(second[1] != first[0]);
    CHECK(dispatcher.status(second[0]).delivered == 2);
    dispatcher.keep_only(second);
    CHECK(dispatcher.adopt({eve_at("/a")})[0] > second[1]);
}

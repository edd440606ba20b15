// Syslog: its forms as Debian's rsyslog reads them, frames of a stream that is slow or ends, hosts that are not there.
#include "runtime/sinks/syslog.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <ctime>
#include <fstream>
#include <thread>

#include "grammar/base/printable.h"
#include "runtime/handles.h"
#include "tests/unit/runtime/deliver.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/runtime/hostile_event.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

// A socket at a port that was free.
struct Bound {
    explicit Bound(int type, std::uint16_t at = 0) : socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
        const int one = 1;
        setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        sockaddr_in address = loopback(at);
        REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
        socklen_t bytes = sizeof(address);
        getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
        port = ntohs(address.sin_port);
    }
    UniqueFd socket;
    std::uint16_t port = 0;
};

std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

// Until it holds. The machine may be slow; a test that never gets there fails.
template <typename Condition>
bool comes_true(Condition condition) {
    for (int i = 0; i < 6000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

// Debian's, with a socket, a UDP port and a TCP port of its own. What it read is in `out`, by property.
class Rsyslog {
public:
    explicit Rsyslog(const fs::path& folder)
        : folder_(folder), udp(Bound(SOCK_DGRAM).port), tcp(Bound(SOCK_STREAM).port) {
        std::ofstream(folder / "conf") << fmt::format(
            R"(global(workDirectory="{0}")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="{0}/log" UseSysTimeStamp="off" IgnoreTimestamp="off" RateLimit.Interval="0")
input(type="imudp" address="127.0.0.1" port="{1}")
input(type="imtcp" address="127.0.0.1" port="{2}")
template(name="all" type="string" string="%syslogfacility-text%|%syslogseverity-text%|%programname%|%procid%|%msgid%|%protocol-version%|%timereported:::date-unixtimestamp%|%msg%\n")
action(type="omfile" file="{0}/out" template="all")
)",
            folder.string(), udp, tcp);
        start();
    }
    Rsyslog(const Rsyslog&) = delete;
    Rsyslog& operator=(const Rsyslog&) = delete;
    ~Rsyslog() { stop(); }

    void start() {
        process_ = fork();
        if (process_ == 0) {
            const std::string conf = (folder_ / "conf").string(), pid = (folder_ / "pid").string();
            execlp("/usr/sbin/rsyslogd", "rsyslogd", "-n", "-f", conf.c_str(), "-i", pid.c_str(), nullptr);
            _exit(127);
        }
        // Its ports are open once it has written its number and opened its socket.
        REQUIRE(comes_true([&] { return fs::exists(folder_ / "log") && fs::exists(folder_ / "pid"); }));
    }
    void stop() {
        if (process_ <= 0) return;
        kill(process_, SIGTERM);
        waitpid(process_, nullptr, 0);
        process_ = -1;
    }
    std::vector<std::string> read(std::size_t count) const {
        comes_true([&] { return lines_of(folder_ / "out").size() >= count; });
        return lines_of(folder_ / "out");
    }

private:
    fs::path folder_;
    pid_t process_ = -1;

public:
    std::uint16_t udp, tcp;
};

// As often as it takes: what is left is tried again, as a worker does.
std::size_t deliver_all(Sink& sink, const Events& events, std::size_t count) {
    std::size_t done = 0;
    comes_true([&] {
        done += deliver(sink, events.batch(done)).delivered;
        return done == count;
    });
    return done;
}

// The messages of a stream of counted frames; nothing where it is out of step.
std::vector<std::string> frames_of(std::string_view text) {
    std::vector<std::string> frames;
    while (!text.empty()) {
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos) return {};
        const std::size_t length = std::stoul(std::string(text.substr(0, space)));
        if (text.size() - space - 1 < length) return {};
        frames.emplace_back(text.substr(space + 1, length));
        text.remove_prefix(space + 1 + length);
    }
    return frames;
}

std::string remote_message(const PackedEvent& event) {
    TextBuffer text;
    append_remote_message(text, event, {3, "here", 42});
    return std::string(text.text());
}

}  // namespace

TEST_CASE("the forms of a message") {
    const auto manifest = a_manifest();
    const PackedEvent event = packed(manifest, a_record());
    CHECK(remote_message(event) ==
          "<27>1 2026-01-02T03:04:05.678901Z here weir 42 guessing - "
          "high guessing: from 198.51.100.7 [drop by guess on eth0]");
    TextBuffer local;
    append_local_message(local, event, {16, "", 42});
    const std::time_t second = 1767323045;
    char time[32] = {};
    std::strftime(time, sizeof(time), "%b %e %H:%M:%S", std::localtime(&second));
    CHECK(local.text() ==
          fmt::format("<131>{} weir[42]: high guessing: from 198.51.100.7 [drop by guess on eth0]", time));
}

TEST_CASE("addresses") {
    const auto parts = [](const char* url) {
        const auto address = syslog_address(url);
        if (!address) return std::string("none");
        return fmt::format("{} {} {}", address->transport == Transport::kTcp ? "tcp" : "udp", address->host,
                           address->port);
    };
    CHECK(parts("udp://logs.example") == "udp logs.example 514");
    CHECK(parts("tcp://192.0.2.1:601") == "tcp 192.0.2.1 601");
    CHECK(parts("tcp://[2001:db8::1]:601") == "tcp 2001:db8::1 601");
    CHECK(parts("udp://[::1]") == "udp ::1 514");
    for (const char* none :
         {"", "http://a", "udp://", "udp://:514", "udp://a:", "udp://a:b", "tcp://[]:1", "tcp://a:123456"})
        CHECK(parts(none) == "none");
}

TEST_CASE("a million hostile values in messages of syslog") {
    HostileEvents events(31);
    TextBuffer text;
    while (events.values() < 1'000'000) {
        const PackedEvent event = events.next();
        for (const auto append : {append_local_message, append_remote_message}) {
            text.clear();
            append(text, event, {3, "here", 42});
            REQUIRE(printable(text.text()) == text.text());
            REQUIRE(text.text().starts_with("<27>"));
        }
    }
}

TEST_CASE("rsyslog reads the local form, RFC 5424 in datagrams, and RFC 5424 in counted frames") {
    Folder folder;
    Rsyslog daemon(folder.path);
    const Events events(200);
    Syslog local(16, {Transport::kUnixDatagrams, (folder.path / "log").string(), {}});
    CHECK(deliver_all(local, events, 200) == 200);
    Syslog udp(3, *syslog_address(fmt::format("udp://127.0.0.1:{}", daemon.udp)));
    CHECK(deliver_all(udp, Events(1), 1) == 1);
    Syslog tcp(4, *syslog_address(fmt::format("tcp://localhost:{}", daemon.tcp)));
    CHECK(deliver_all(tcp, events, 200) == 200);
    CHECK(tcp.state() == "ok");

    std::size_t from_local = 0, from_udp = 0, from_tcp = 0;
    const std::string process = std::to_string(getpid());
    for (const std::string& line : daemon.read(401)) {
        const auto number = [&](std::size_t i) { return 1'000'000 + i; };
        const auto message = [&](std::size_t i) {
            return fmt::format("high guessing: number {} [drop by guess on eth0]", number(i));
        };
        if (line == fmt::format("local0|err|weir|{}|-|0|1767323045| {}", process, message(from_local)))
            ++from_local;
        else if (line == fmt::format("daemon|err|weir|{}|guessing|1|1767323045|{}", process, message(from_udp)))
            ++from_udp;
        else if (line == fmt::format("auth|err|weir|{}|guessing|1|1767323045|{}", process, message(from_tcp)))
            ++from_tcp;
        else
            FAIL(line);
    }
    CHECK(from_local == 200);
    CHECK(from_udp == 1);
    CHECK(from_tcp == 200);

    // Restarted: what comes meanwhile is left, and delivered after.
    daemon.stop();
    fs::remove(folder.path / "log");
    fs::remove(folder.path / "pid");
    fs::remove(folder.path / "out");
    CHECK(deliver(local, events.batch()).left == 200);
    CHECK_FALSE(local.state() == "ok");
    daemon.start();
    CHECK(deliver_all(local, events, 200) == 200);
    CHECK(deliver_all(tcp, events, 200) == 200);
    CHECK(daemon.read(400).size() == 400);
}

TEST_CASE("frames stay whole and in order where the peer reads slowly") {
    const Bound server(SOCK_STREAM);
    const int small = 4096;
    setsockopt(server.socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    REQUIRE(listen(server.socket.get(), 1) == 0);
    Syslog sink(3, *syslog_address(fmt::format("tcp://127.0.0.1:{}", server.port)));
    constexpr std::size_t kCount = 60000;  // more than what sockets hold
    const Events events(kCount);
    std::string text;
    std::thread reader([&] {
        const UniqueFd peer(accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
        char part[30011];
        // At first it reads nothing for longer than the sink waits.
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        for (ssize_t got = 0; (got = read(peer.get(), part, sizeof(part))) > 0;)
            text.append(part, static_cast<std::size_t>(got));
    });
    CHECK(deliver_all(sink, events, kCount) == kCount);
    sink.reopen();  // closes it
    reader.join();
    const auto frames = frames_of(text);
    REQUIRE(frames.size() == kCount);
    for (std::size_t i = 0; i < kCount; ++i)
        REQUIRE(frames[i].find("number " + std::to_string(1'000'000 + i) + " ") != std::string::npos);
}

TEST_CASE("a frame that a peer has a part of when it ends is sent once more, whole") {
    const Bound server(SOCK_STREAM);
    const int small = 4096;
    setsockopt(server.socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    REQUIRE(listen(server.socket.get(), 1) == 0);
    Syslog sink(3, *syslog_address(fmt::format("tcp://127.0.0.1:{}", server.port)));
    const auto accepted = [&] { return UniqueFd(accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)); };
    constexpr std::size_t kCount = 60000;
    const Events events(kCount);
    UniqueFd first;
    std::size_t done = 0;
    CHECK(comes_true([&] {
        const Settled settled = deliver(sink, events.batch(done));
        done += settled.delivered;
        if (!first) first = accepted();
        return settled.delivered == 0;
    }));
    REQUIRE(done < kCount);
    first = UniqueFd();
    std::string text;
    std::thread reader([&] {
        const UniqueFd peer = accepted();
        char part[65536];
        for (ssize_t got = 0; (got = read(peer.get(), part, sizeof(part))) > 0;)
            text.append(part, static_cast<std::size_t>(got));
    });
    const std::size_t before = done;
    comes_true([&] {
        done += deliver(sink, events.batch(done)).delivered;
        return done == kCount;
    });
    CHECK(done == kCount);
    sink.reopen();
    reader.join();
    const auto frames = frames_of(text);
    REQUIRE(frames.size() == kCount - before);
    for (std::size_t i = 0; i < frames.size(); ++i)
        REQUIRE(frames[i].find("number " + std::to_string(1'000'000 + before + i) + " ") != std::string::npos);
}

TEST_CASE("a port of UDP that nobody has is noticed, and events wait") {
    const std::uint16_t port = Bound(SOCK_DGRAM).port;
    Syslog sink(3, *syslog_address(fmt::format("udp://127.0.0.1:{}", port)));
    const Events events(100);
    CHECK(comes_true([&] { return deliver(sink, events.batch()).left > 0; }));
    CHECK_THAT(sink.state(), Catch::Contains("Connection refused"));
    const Bound receiver(SOCK_DGRAM, port);
    CHECK(deliver_all(sink, events, 100) == 100);
    CHECK(sink.state() == "ok");
}

TEST_CASE("a peer that ends is noticed before the next message, and found again") {
    std::uint16_t port = 0;
    const Events events(3);
    const auto accepted = [](const Bound& server) {
        return UniqueFd(accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    };
    std::unique_ptr<Syslog> sink;
    {
        const Bound server(SOCK_STREAM);
        port = server.port;
        REQUIRE(listen(server.socket.get(), 1) == 0);
        sink = std::make_unique<Syslog>(3, *syslog_address(fmt::format("tcp://127.0.0.1:{}", port)));
        CHECK(deliver_all(*sink, events, 3) == 3);
        const UniqueFd peer = accepted(server);
    }
    CHECK(comes_true([&] { return deliver(*sink, events.batch()).left == 3; }));
    CHECK_THAT(sink->state(), Catch::Contains("Connection refused"));
    const Bound server(SOCK_STREAM, port);
    REQUIRE(listen(server.socket.get(), 1) == 0);
    CHECK(deliver_all(*sink, events, 3) == 3);
    CHECK(sink->state() == "ok");
    const UniqueFd peer = accepted(server);
    char part[4096];
    const ssize_t got = read(peer.get(), part, sizeof(part));
    CHECK(frames_of(std::string_view(part, static_cast<std::size_t>(std::max<ssize_t>(got, 0)))).size() == 3);
}

TEST_CASE("a host without an address leaves the events, and says so") {
    Syslog sink(3, *syslog_address("udp://no-such-host.invalid:514"));
    const Events events(2);
    CHECK(comes_true([&] {
        CHECK(deliver(sink, events.batch()).left == 2);
        return sink.state().find("is not known") != std::string::npos;
    }));
}

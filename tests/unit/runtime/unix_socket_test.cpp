// EVE lines as datagrams: a receiver that is there, absent, full, restarted, or that takes only short ones.
#include "runtime/sinks/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <thread>

#include "runtime/handles.h"
#include "tests/unit/runtime/deliver.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;

namespace {

class Receiver {
public:
    explicit Receiver(const std::filesystem::path& path) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        std::filesystem::remove(path);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
        REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    }
    // What is there; "" where nothing is.
    std::string next() const {
        std::string text(1 << 17, '\0');
        text.resize(static_cast<std::size_t>(
            std::max<ssize_t>(recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT), 0)));
        return text;
    }

private:
    UniqueFd socket_;
};

}  // namespace

TEST_CASE("each event is a datagram, an EVE line with its newline") {
    Folder folder;
    const auto path = folder.path / "socket";
    const Receiver receiver(path);
    UnixSocket sink(path.string());
    sink.prepare();
    CHECK(sink.state() == "ok");
    const Events events(5);
    CHECK(deliver(sink, events.batch()).delivered == 5);
    for (std::size_t i = 0; i < 5; ++i) CHECK(receiver.next() == eve_line(events[i]));
    CHECK(receiver.next().empty());
}

TEST_CASE("an absent receiver leaves the events to be tried again; one that comes, or comes again, gets them") {
    Folder folder;
    const auto path = folder.path / "socket";
    UnixSocket sink(path.string());
    sink.prepare();
    CHECK_THAT(sink.state(), Catch::Contains("No such file"));
    const Events events(3);
    CHECK(deliver(sink, events.batch()).left == 3);
    {
        const Receiver receiver(path);
        CHECK(deliver(sink, events.batch()).delivered == 3);
        CHECK(sink.state() == "ok");
    }
    CHECK(deliver(sink, events.batch()).left == 3);
    CHECK_THAT(sink.state(), Catch::Contains("Connection refused"));
    const Receiver again(path);
    CHECK(deliver(sink, events.batch()).delivered == 3);
    CHECK(again.next() == eve_line(events[0]));
    // Restarted between two batches, which nobody noticed.
    const Receiver third(path);
    CHECK(deliver(sink, events.batch()).delivered == 3);
}

TEST_CASE("a full receiver takes what it has room for; the rest is left, and nothing comes twice") {
    Folder folder;
    const auto path = folder.path / "socket";
    const Receiver receiver(path);
    UnixSocket sink(path.string());
    const Events events(2000);
    const Settled settled = deliver(sink, events.batch());
    CHECK(settled.delivered > 0);
    CHECK(settled.left > 0);
    CHECK(settled.lost == 0);
    CHECK_THAT(sink.state(), Catch::Contains("takes nothing"));
    std::size_t seen = 0;
    for (std::string line; !(line = receiver.next()).empty(); ++seen) REQUIRE(line == eve_line(events[seen]));
    CHECK(seen == settled.delivered);
    CHECK(deliver(sink, events.batch(seen)).delivered > 0);
    CHECK(receiver.next() == eve_line(events[seen]));
}

TEST_CASE("a slow receiver gets all of them in order") {
    Folder folder;
    const auto path = folder.path / "socket";
    const Receiver receiver(path);
    UnixSocket sink(path.string());
    const Events events(500);
    std::size_t seen = 0;
    std::thread reader([&] {
        while (seen < 500) {
            const std::string line = receiver.next();
            if (line.empty())
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            else if (line == eve_line(events[seen]))
                ++seen;
            else
                return;
        }
    });
    std::size_t delivered = 0;
    while (delivered < 500) delivered += deliver(sink, events.batch(delivered)).delivered;
    reader.join();
    CHECK(seen == 500);
}

TEST_CASE("what is too large for a datagram is lost; the next one arrives") {
    Folder folder;
    const auto path = folder.path / "socket";
    const Receiver receiver(path);
    UnixSocket sink(path.string());
    Events events(2);
    events.manifest().alerts[0].message.insert(events.manifest().alerts[0].message.begin(), std::string(1 << 20, 'x'));
    const Settled settled = deliver(sink, events.batch());
    CHECK(settled.lost == 2);
    CHECK(settled.reason == "too large");
    events.manifest().alerts[0].message.erase(events.manifest().alerts[0].message.begin());
    CHECK(deliver(sink, events.batch()).delivered == 2);
}

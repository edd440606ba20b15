// Lines of text, to readers that read, that wait and that do not read at all.
#include "runtime/sinks/stdout.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <thread>

#include "grammar/base/printable.h"
#include "runtime/handles.h"
#include "tests/unit/runtime/deliver.h"

using namespace weir;
using namespace weir::runtime;

namespace {

struct Pipe {
    Pipe() {
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        reader = UniqueFd(ends[0]);
        writer = UniqueFd(ends[1]);
        fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    }
    std::string read_all() const {
        std::string text(1 << 20, '\0');
        text.resize(static_cast<std::size_t>(std::max<ssize_t>(read(reader.get(), text.data(), text.size()), 0)));
        return text;
    }
    UniqueFd reader{}, writer{};
};

}  // namespace

TEST_CASE("a line of text, with colour and without") {
    auto manifest = a_manifest();
    auto record = a_record();
    const auto line = [&](LineColour colour, const char* interface = "eth0") {
        return text_line(packed(manifest, record, interface), colour);
    };
    CHECK(line(LineColour::kOff) ==
          "2026-01-02T03:04:05.678901Z high guessing: from 198.51.100.7 [drop by guess on eth0]\n");
    CHECK(line(LineColour::kOn).find("\x1b[31mhigh\x1b[0m guessing") != std::string::npos);
    PackedEvent copy = packed(manifest, record);
    copy.escalated = 12;
    CHECK_THAT(text_line(copy, LineColour::kOff), Catch::EndsWith("[drop by guess on eth0, escalated: 12 events]\n"));
    record.event.verdict = ~0u;
    CHECK_THAT(line(LineColour::kOff, ""), Catch::EndsWith("[by guess]\n"));
}

TEST_CASE("a line is cut between characters where it is longer than what a pipe takes at once") {
    auto manifest = a_manifest();
    for (std::size_t more = 0; more < 4; ++more) {
        std::string text(more, 'x');
        while (text.size() < 8000) text += "\xf0\x9f\x98\x80";
        manifest.alerts[0].message = {text};
        const std::string line = text_line(packed(manifest, a_record()), LineColour::kOff);
        CHECK(line.size() <= 4096);
        CHECK(line.size() > 4092);
        CHECK(printable(line.substr(0, line.size() - 1)) + '\n' == line);
    }
}

TEST_CASE("a batch is in the pipe, line by line") {
    const Pipe pipe;
    TextLines lines(pipe.writer.get(), LineColour::kOff);
    const Events events(300);
    CHECK(deliver(lines, events.batch()).delivered == 300);
    std::string expected;
    for (std::size_t i = 0; i < 300; ++i) expected += text_line(events[i], LineColour::kOff);
    CHECK(pipe.read_all() == expected);
    CHECK(lines.state() == "ok");
}

TEST_CASE("a full pipe loses lines, once its reader had its chance; it goes on when it is read") {
    const Pipe pipe;
    TextLines lines(pipe.writer.get(), LineColour::kOff);
    const Events events(20000);
    const Settled settled = deliver(lines, events.batch());
    CHECK(settled.delivered > 0);
    CHECK(settled.delivered + settled.lost == 20000);
    CHECK(settled.reason == "nobody reads");
    CHECK_THAT(lines.state(), Catch::Contains("nobody reads"));
    const std::string text = pipe.read_all();
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == settled.delivered);
    CHECK(deliver(lines, Events(1).batch()).delivered == 1);
    CHECK(lines.state() == "ok");
}

TEST_CASE("a slow reader gets all lines") {
    Pipe pipe;
    fcntl(pipe.reader.get(), F_SETFL, 0);
    REQUIRE(fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096) == 4096);
    TextLines lines(pipe.writer.get(), LineColour::kOff);
    std::size_t seen = 0;
    std::thread reader([&] {
        char page[4096];
        for (ssize_t got = 0; (got = read(pipe.reader.get(), page, sizeof(page))) > 0;) {
            seen += static_cast<std::size_t>(std::count(page, page + got, '\n'));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    });
    const Settled settled = deliver(lines, Events(500).batch());
    pipe.writer = UniqueFd();
    reader.join();
    CHECK(seen == settled.delivered);
    CHECK(settled.delivered + settled.lost == 500);
    CHECK(settled.delivered > 0);
}

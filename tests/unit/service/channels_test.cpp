#include "service/http/channels.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::service::http;

namespace {

struct Ends {
    runtime::UniqueFd engine;
    std::unique_ptr<Channel> channel;
    Ends() {
        int pair[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        engine = runtime::UniqueFd(pair[0]);
        channel = std::make_unique<Channel>(runtime::UniqueFd(pair[1]));
    }
    void say(const std::string& text) const {
        REQUIRE(write(engine.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    std::string asked() const {  // since it was called last
        char text[256];
        const ssize_t got = recv(engine.get(), text, sizeof(text), MSG_DONTWAIT);
        return {text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    }
};

}  // namespace

TEST_CASE("replies come in the order of the requests, events beside them") {
    Ends ends;
    std::vector<std::string> said;
    ends.channel->on_line([&](std::string line) { said.push_back("event " + line); });
    ends.channel->ask("one", [&](std::string line) { said.push_back("first " + line); });
    ends.channel->ask("two", [&](std::string line) { said.push_back("second " + line); });
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(ends.asked() == "one\n");  // the next one once this has its reply
    ends.say("{\"timestamp\":1}\n{\"ok\":true,\"a\":1}\n{\"lost\":2}\n{\"ok\":fal");
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(said ==
          std::vector<std::string>{"event {\"timestamp\":1}", "first {\"ok\":true,\"a\":1}", "event {\"lost\":2}"});
    CHECK(ends.channel->waiting() == 1);
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(ends.asked() == "two\n");
    ends.say("se}\n{\"ok\":true}\n");
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(said[3] == "second {\"ok\":false}");
    CHECK(said[4] == "event {\"ok\":true}");  // an answer to nothing
}

TEST_CASE("who leaves takes a request back, whether or not the engine has it") {
    Ends ends;
    std::vector<std::string> said;
    const auto taker = [&](const char* who) {
        return [&said, who](const std::string& line) { said.push_back(who + (" " + line)); };
    };
    ends.channel->ask("one", taker("first"), {}, 11);
    ends.channel->ask("two", taker("second"), {}, 12);
    ends.channel->ask("three", taker("third"), {}, 13);
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(ends.asked() == "one\n");
    CHECK(ends.channel->withdraw(12));  // it is not sent at all
    CHECK_FALSE(ends.channel->withdraw(11));
    CHECK_FALSE(ends.channel->withdraw(11));  // once is enough
    CHECK_FALSE(ends.channel->withdraw(99));
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(ends.asked() == "{\"command\":\"withdraw\"}\n");
    ends.say("{\"ok\":false}\n");
    REQUIRE(ends.channel->step(1 << 20));
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(ends.asked().empty());  // the withdrawal has no reply yet
    ends.say("{\"ok\":true}\n");
    REQUIRE(ends.channel->step(1 << 20));
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(ends.asked() == "three\n");
    ends.say("{\"ok\":true,\"a\":3}\n");
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(said == std::vector<std::string>{"first {\"ok\":false}", "third {\"ok\":true,\"a\":3}"});
    CHECK(ends.channel->waiting() == 0);
}

TEST_CASE("a turn takes no more than it may, and the end of the engine is seen") {
    Ends ends;
    std::size_t lines = 0;
    ends.channel->on_line([&](const std::string&) { ++lines; });
    for (int i = 0; i < 100; ++i) ends.say(std::string(99, 'x') + "\n");
    REQUIRE(ends.channel->step(1000));
    CHECK(lines == 10);
    REQUIRE(ends.channel->step(1 << 20));
    CHECK(lines == 100);
    ends.engine = {};
    CHECK_FALSE(ends.channel->step(1000));
}

TEST_CASE("a descriptor goes with its request") {
    Ends ends;
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const runtime::UniqueFd read_end(pipe_ends[0]);
    ends.channel->ask("with", [](std::string) {}, runtime::UniqueFd(pipe_ends[1]));
    REQUIRE(ends.channel->step(1000));
    char text[16], control[CMSG_SPACE(sizeof(int))];
    iovec part{text, sizeof(text)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    CHECK(recvmsg(ends.engine.get(), &message, MSG_CMSG_CLOEXEC) == 5);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    REQUIRE(header != nullptr);
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    const runtime::UniqueFd owned(fd);
    CHECK(fd >= 0);
}

#include "service/control_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

using namespace weir;
using namespace weir::service;

namespace {

struct Folder {
    std::string path = (std::filesystem::temp_directory_path() / ("weir-control-" + std::to_string(getpid()))).string();
    Folder() { std::filesystem::remove_all(path); }
    ~Folder() { std::filesystem::remove_all(path); }
};

class Client {
public:
    explicit Client(const std::string& folder) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const auto address = control_address(folder + "/e.sock");
        REQUIRE(address);
        REQUIRE(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0);
        fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
    }
    // As much as fits. False where nobody takes it.
    bool say(const std::string& text) const {
        const ssize_t sent = send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        return sent > 0 || errno == EAGAIN;
    }
    std::string hear() const {
        std::string all(1 << 20, '\0');
        const ssize_t got = recv(fd_.get(), all.data(), all.size(), 0);
        all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return all;
    }
    bool is_closed() const {
        char byte = 0;
        const ssize_t got = recv(fd_.get(), &byte, 1, MSG_PEEK);
        return got == 0 || (got < 0 && errno != EAGAIN);
    }
    int fd() const { return fd_.get(); }

private:
    runtime::UniqueFd fd_;
};

// A server that answers each request with its own text.
struct Echo {
    Folder folder{};
    ControlServer server;

    explicit Echo(const ControlServer::Limits& limits = {}) : server(make(folder.path, limits)) {}
    static ControlServer make(const std::string& path, const ControlServer::Limits& limits) {
        auto made = ControlServer::listen("e", path, limits);
        REQUIRE(made);
        return std::move(*made);
    }
    // Turns until there are requests.
    std::vector<ControlServer::Request> wait() {
        auto requests = server.receive();
        while (requests.empty()) requests = server.receive();
        return requests;
    }
    // One turn. Returns how many requests there were.
    std::size_t turn() {
        auto requests = server.receive();
        for (const auto& request : requests) server.answer(request.client, "<" + request.text + ">");
        return requests.size();
    }
};

}  // namespace

TEST_CASE("one request a line, one answer a line") {
    Echo echo;
    const Client client(echo.folder.path);
    REQUIRE(client.say("on"));
    CHECK(echo.turn() == 0);
    REQUIRE(client.say("e\ntwo\nthr"));
    CHECK(echo.turn() == 1);  // the others wait for its answer
    CHECK(echo.server.has_more());
    CHECK(echo.turn() == 1);
    CHECK_FALSE(echo.server.has_more());
    CHECK(client.hear() == "<one>\n<two>\n");
    REQUIRE(client.say("ee\n"));
    CHECK(echo.turn() == 1);
    CHECK(client.hear() == "<three>\n");
}

TEST_CASE("a request waits until the one before it has its answer") {
    Echo echo;
    const Client client(echo.folder.path);
    REQUIRE(client.say("a\nb\n"));
    const auto first = echo.wait();
    REQUIRE(first.size() == 1);
    CHECK(echo.server.receive().empty());
    echo.server.answer(first[0].client, "done");
    const auto second = echo.server.receive();
    REQUIRE(second.size() == 1);
    CHECK(second[0].text == "b");
}

TEST_CASE("65,000 newlines stall nobody") {
    Echo echo;
    const Client noisy(echo.folder.path), other(echo.folder.path);
    const std::string newlines(65'000, '\n');
    REQUIRE(noisy.say(newlines));
    REQUIRE(other.say("x\n"));
    std::size_t turns = 0;
    while (other.hear() != "<x>\n") {
        echo.turn();
        REQUIRE(++turns < 10);
    }
    while (!noisy.is_closed() && echo.server.has_more()) {
        CHECK(echo.turn() <= 1);
        noisy.hear();
    }
}

TEST_CASE("a line that is too long is refused, whatever comes after it") {
    Echo echo;
    const Client client(echo.folder.path), other(echo.folder.path);
    const std::string piece(100'000, 'x');
    std::size_t sent = 0;
    for (int i = 0; i < 1000 && client.say(piece); ++i) {
        sent += piece.size();
        CHECK(echo.turn() == 0);
    }
    CHECK(sent < (1u << 20));  // of the 100 MB that it would have sent
    CHECK(client.hear().find("a request has at most 65536 bytes") != std::string::npos);
    CHECK(client.is_closed());
    CHECK(echo.server.clients() == 1);
    REQUIRE(other.say("y\n"));
    CHECK(echo.turn() == 1);
}

TEST_CASE("half a request and no request at all are not waited for") {
    ControlServer::Limits limits;
    limits.line_ms = 30;
    limits.idle_ms = 400;
    Echo echo(limits);
    const Client half(echo.folder.path), idle(echo.folder.path), follower(echo.folder.path);
    REQUIRE(half.say("{"));
    REQUIRE(follower.say("follow\n"));
    for (const auto& request : echo.wait()) {
        echo.server.answer(request.client, "ok");
        REQUIRE(echo.server.offer(request.client, "an event"));
    }
    while (echo.server.clients() == 3) {
        static_cast<void>(half.say("x"));  // a byte now and then does not help
        usleep(5'000);
        echo.turn();
    }
    CHECK(half.is_closed());
    CHECK_FALSE(idle.is_closed());
    while (echo.server.clients() == 2) {
        usleep(5'000);
        echo.turn();
    }
    CHECK(idle.is_closed());
    CHECK(follower.hear() == "ok\nan event\n");
    CHECK_FALSE(follower.is_closed());
}

TEST_CASE("an adopted client takes nobody's place, and nothing but its end closes it") {
    ControlServer::Limits limits;
    limits.clients = 2;
    limits.line_ms = limits.idle_ms = 1;
    Echo echo(limits);
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    runtime::UniqueFd theirs(pair[1]);
    const std::uint64_t adopted = echo.server.adopt(runtime::UniqueFd(pair[0]));
    REQUIRE(adopted != 0);
    REQUIRE(send(theirs.get(), "half", 4, 0) == 4);
    for (int i = 0; i < 5; ++i) {
        const Client one(echo.folder.path), other(echo.folder.path), third(echo.folder.path);
        echo.turn();
        usleep(3'000);
        echo.turn();
    }
    CHECK(echo.server.is_connected(adopted));
    CHECK(echo.server.requests(adopted) == 0);
    REQUIRE(send(theirs.get(), " a request\n", 11, 0) == 11);
    CHECK(echo.turn() == 1);
    CHECK(echo.server.requests(adopted) == 1);
    char text[64] = {};
    CHECK(recv(theirs.get(), text, sizeof(text), MSG_DONTWAIT) > 0);
    theirs = {};
    echo.turn();
    CHECK_FALSE(echo.server.is_connected(adopted));
}

TEST_CASE("idle clients lock nobody out, those that wait for an answer stay") {
    Echo echo;
    const Client waiting(echo.folder.path);
    REQUIRE(waiting.say("reload\n"));
    auto asked = echo.wait();
    std::vector<Client> idle;
    for (int i = 0; i < 31; ++i) idle.emplace_back(echo.folder.path);
    while (echo.server.clients() != 32) echo.turn();
    const Client late(echo.folder.path);
    REQUIRE(late.say("status\n"));
    for (int i = 0; i < 5; ++i) echo.turn();
    CHECK(late.hear() == "<status>\n");
    CHECK(idle.front().is_closed());
    CHECK_FALSE(idle.back().is_closed());
    echo.server.answer(asked[0].client, "in force");
    CHECK(waiting.hear() == "in force\n");
}

TEST_CASE("an answer goes out in pieces, at the reader's pace") {
    Echo echo;
    const Client slow(echo.folder.path), other(echo.folder.path);
    REQUIRE(slow.say("big\n"));
    auto asked = echo.wait();
    REQUIRE(asked.size() == 1);
    const std::string answer(20u << 20, 'a');
    echo.server.answer(asked[0].client, answer);
    REQUIRE(slow.say("next\n"));
    CHECK(echo.turn() == 0);  // it is not asked for more while it does not read
    CHECK_FALSE(echo.server.offer(asked[0].client, "event"));
    REQUIRE(other.say("z\n"));
    CHECK(echo.turn() == 1);
    std::string heard;
    while (!heard.ends_with("\n<next>\n")) {
        heard += slow.hear();
        echo.turn();
    }
    CHECK(heard.size() == answer.size() + 8);
}

TEST_CASE("who sends no more gets its answer, who has left is not connected") {
    Echo echo;
    const Client client(echo.folder.path);
    REQUIRE(client.say("a\nb\n"));
    shutdown(client.fd(), SHUT_WR);
    for (int i = 0; i < 4; ++i) echo.turn();
    CHECK(client.hear() == "<a>\n<b>\n");
    CHECK(client.is_closed());
    std::uint64_t id = 0;
    {
        const Client leaver(echo.folder.path);
        REQUIRE(leaver.say("reload\n"));
        auto asked = echo.wait();
        id = asked[0].client;
        CHECK(echo.server.is_connected(id));
    }
    echo.server.receive();
    CHECK_FALSE(echo.server.is_connected(id));
    pollfd quiet{echo.server.fd(), POLLIN, 0};
    CHECK(poll(&quiet, 1, 0) == 0);  // it does not wake us again and again
    echo.server.answer(id, "nobody hears it");
    CHECK(echo.server.clients() == 0);
}

TEST_CASE("a descriptor comes with a request") {
    Echo echo;
    const Client client(echo.folder.path);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const runtime::UniqueFd reader(ends[0]), writer(ends[1]);
    char line[] = "take\n";
    iovec part{line, 5};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = writer.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    REQUIRE(sendmsg(client.fd(), &message, 0) == 5);
    auto asked = echo.wait();
    REQUIRE(asked[0].attached);
    CHECK((fcntl(asked[0].attached.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(write(asked[0].attached.get(), "x", 1) == 1);
    char byte = 0;
    CHECK(read(reader.get(), &byte, 1) == 1);
}

TEST_CASE("without a descriptor left, clients are turned away and nothing spins") {
    Echo echo;
    const Client busy(echo.folder.path);
    REQUIRE(busy.say("reload\n"));
    auto asked = echo.wait();
    const Client late(echo.folder.path);
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit tight{static_cast<rlim_t>(late.fd()) + 1, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    std::vector<runtime::UniqueFd> taken;
    for (runtime::UniqueFd fd(dup(0)); fd; fd = runtime::UniqueFd(dup(0))) taken.push_back(std::move(fd));
    for (int i = 0; i < 3; ++i) echo.turn();
    pollfd quiet{echo.server.fd(), POLLIN, 0};
    const int ready = poll(&quiet, 1, 0);
    const bool is_closed = late.is_closed();
    taken.clear();
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(ready == 0);
    CHECK(is_closed);
    const Client again(echo.folder.path);
    REQUIRE(again.say("x\n"));
    for (int i = 0; i < 3; ++i) echo.turn();
    CHECK(again.hear() == "<x>\n");
    echo.server.answer(asked[0].client, "done");
    CHECK(busy.hear() == "done\n");
}

TEST_CASE("a folder that others can write to is refused, one that its group can write to is repaired") {
    const Folder folder;
    REQUIRE(mkdir(folder.path.c_str(), 0750) == 0);
    chmod(folder.path.c_str(), 0777);
    CHECK_FALSE(ControlServer::listen("e", folder.path));
    chmod(folder.path.c_str(), 0770);
    {
        const auto server = ControlServer::listen("e", folder.path);
        REQUIRE(server);
        struct stat facts{};
        REQUIRE(stat(folder.path.c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0750);
        REQUIRE(stat((folder.path + "/e.sock").c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0600);
        CHECK_FALSE(ControlServer::listen("e", folder.path));  // one of a name
        for (const char* name : {"", ".", "..", "a/b", "../x"}) CHECK_FALSE(ControlServer::listen(name, folder.path));
    }
    CHECK(std::filesystem::is_empty(folder.path));
}

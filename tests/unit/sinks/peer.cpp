#include "tests/unit/sinks/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <utility>

#include "tests/unit/runtime/folder.h"

namespace weir::tests {
namespace {

// Not of those that the kernel gives to clients: a client that tries again and again to reach a port of these while its
// server is away may get the port itself, and then talks to itself.
constexpr std::uint16_t kFirstPort = 20'000, kPorts = 12'000;

int bound(std::uint16_t& port) {
    std::random_device random;
    for (;;) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        port = static_cast<std::uint16_t>(kFirstPort + random() % kPorts);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        REQUIRE(fd >= 0);
        if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
        close(fd);
    }
}

}  // namespace

DullServer::DullServer(std::string greeting) : greeting_(std::move(greeting)), socket_(bound(port_)) {
    REQUIRE(listen(socket_, 64) == 0);
    thread_ = std::thread([this] { serve(); });
}

DullServer::~DullServer() {
    is_over_ = true;
    thread_.join();
    close(socket_);
}

void DullServer::serve() {
    std::vector<int> clients;
    while (!is_over_) {
        pollfd ready{socket_, POLLIN, 0};
        constexpr int kTick_ms = 20;
        if (poll(&ready, 1, kTick_ms) != 1) continue;
        clients.push_back(accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        static_cast<void>(send(clients.back(), greeting_.data(), greeting_.size(), MSG_NOSIGNAL));
    }
    for (const int client : clients) close(client);
}

bool replace_file(const char* path, const std::string& text) {
    const Folder folder;
    const std::string file = folder.path / "file";
    std::ofstream(file) << text;
    return unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount(file.c_str(), path, nullptr, MS_BIND, nullptr) == 0;
}

std::uint16_t free_port() {
    std::uint16_t port = 0;
    close(bound(port));
    return port;
}

}  // namespace weir::tests

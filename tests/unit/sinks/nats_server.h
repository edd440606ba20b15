// nats-server of Debian.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/folder.h"
#include "tests/unit/sinks/peer.h"

extern char** environ;

namespace weir::tests {

inline constexpr const char* kNatsServer = "/usr/sbin/nats-server";  // of Debian's package of that name

// Debian's server, with its store in a folder of its own, which stays when the server ends.
class NatsServerProcess {
public:
    explicit NatsServerProcess(std::string configuration = {}) : port_(free_port()) {
        std::ofstream(folder_.path / "server.conf") << "listen: 127.0.0.1:" << port_ << "\n" << configuration;
        start(true);
    }
    ~NatsServerProcess() { end(SIGKILL); }

    void start(bool has_jetstream) {
        const std::string file = folder_.path / "server.conf", store = folder_.path / "store";
        std::vector<const char*> words = {kNatsServer, "-c", file.c_str()};
        if (has_jetstream) words.insert(words.end(), {"-js", "-sd", store.c_str()});
        words.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        REQUIRE(posix_spawn(&process_, kNatsServer, &actions, nullptr, const_cast<char**>(words.data()), environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
    }
    void end(int signal) {
        if (process_ > 0) {
            kill(process_, signal);
            waitpid(process_, nullptr, 0);
        }
        process_ = -1;
    }
    void send(int signal) const { kill(process_, signal); }
    std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

private:
    Folder folder_{};
    std::uint16_t port_;
    pid_t process_ = -1;
};

}  // namespace weir::tests

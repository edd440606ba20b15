// What the network door's process may not do is tried from inside it.
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "runtime/handles.h"
#include "service/confine.h"

using namespace weir;

namespace {

struct Try {
    const char* what;
    std::function<bool()> does;  // true: it worked
};

// Descriptors that the process has from before.
struct Given {
    int listener = -1;
    int unbound = -1;
    int memory = -1;
};

std::vector<Try> files_and_sockets(const Given& given) {
    sockaddr_in somewhere{};
    somewhere.sin_family = AF_INET;
    somewhere.sin_port = htons(9);
    somewhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return {
        {"open a file", [] { return open("/etc/passwd", O_RDONLY) >= 0; }},
        {"open its own memory", [] { return open("/proc/self/mem", O_RDWR) >= 0; }},
        {"make a file", [] { return open("/tmp/weir-door-was-here", O_CREAT | O_WRONLY, 0600) >= 0; }},
        {"remove a file", [] { return unlink("/tmp/weir-door-was-here") == 0 || errno == ENOENT; }},
        {"make a folder", [] { return mkdir("/tmp/weir-door-was-here", 0700) == 0; }},
        {"look at a file", [] { return access("/etc/passwd", F_OK) == 0; }},
        {"make a socket of TCP", [] { return socket(AF_INET, SOCK_STREAM, 0) >= 0; }},
        {"make a UNIX socket", [] { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }},
        {"make a raw socket", [] { return socket(AF_PACKET, SOCK_RAW, 0) >= 0; }},
        {"make a netlink socket", [] { return socket(AF_NETLINK, SOCK_RAW, 0) >= 0; }},
        {"make a pair of sockets",
         [] {
             int pair[2];
             return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
         }},
        {"connect",
         [=] {
             return connect(given.unbound, reinterpret_cast<const sockaddr*>(&somewhere), sizeof(somewhere)) == 0 ||
                    errno != EPERM;
         }},
        {"bind",
         [=] {
             return bind(given.unbound, reinterpret_cast<const sockaddr*>(&somewhere), sizeof(somewhere)) == 0 ||
                    errno != EPERM;
         }},
        {"listen", [=] { return listen(given.unbound, 1) == 0 || errno != EPERM; }},
    };
}

std::vector<Try> others(pid_t engine) {
    return {
        {"start a program",
         [] {
             char name[] = "/bin/true";
             char* words[] = {name, nullptr};
             return execve(name, words, nullptr) == 0 || errno != EPERM;
         }},
        {"make a process", [] { return fork() >= 0; }},
        {"trace the engine", [=] { return ptrace(PTRACE_ATTACH, engine, nullptr, nullptr) == 0; }},
        {"signal the engine", [=] { return kill(engine, 0) == 0; }},
        {"read the engine's memory",
         [=] {
             char byte = 0;
             iovec ours{&byte, 1}, theirs{const_cast<char*>("x"), 1};
             return process_vm_readv(engine, &ours, 1, &theirs, 1, 0) == 1;
         }},
        {"hold a process", [=] { return syscall(SYS_pidfd_open, engine, 0) >= 0; }},
        {"load a program of BPF",
         [] {
             bpf_attr attributes{};
             return syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)) >= 0 || errno != EPERM;
         }},
        {"make a map of BPF",
         [] {
             bpf_attr attributes{};
             attributes.map_type = BPF_MAP_TYPE_ARRAY;
             attributes.key_size = attributes.value_size = 4;
             attributes.max_entries = 1;
             return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)) >= 0;
         }},
        {"become root", [] { return setuid(0) == 0 || setresuid(0, 0, 0) == 0; }},
        {"change groups", [] { return setgroups(0, nullptr) == 0; }},
        {"leave its namespaces", [] { return unshare(CLONE_NEWUSER) == 0; }},
        {"mount", [] { return mount("none", "/tmp", "tmpfs", 0, nullptr) == 0; }},
        {"map executable memory",
         [] { return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; }},
        {"make memory executable",
         [] {
             void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
         }},
        {"measure performance",
         [] { return syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0) >= 0 || errno != EPERM; }},
        {"make a ring of io_uring", [] { return syscall(SYS_io_uring_setup, 1, nullptr) >= 0 || errno != EPERM; }},
        {"use keys", [] { return syscall(SYS_keyctl, 0, -3, 0) >= 0; }},
        {"raise its limits", [=] { return syscall(SYS_prlimit64, engine, 7, nullptr, nullptr) == 0; }},
    };
}

std::vector<Try> needed(const Given& given) {
    return {
        {"accept a connection",
         [=] { return accept4(given.listener, nullptr, nullptr, SOCK_NONBLOCK) >= 0 || errno == EAGAIN; }},
        {"make a file in memory", [] { return memfd_create("policy", MFD_CLOEXEC) >= 0; }},
        {"write", [=] { return write(given.memory, "x", 1) == 1; }},
        {"shut a socket down", [=] { return shutdown(given.unbound, SHUT_RDWR) == 0 || errno == ENOTCONN; }},
        {"ask for options",
         [=] {
             int value = 0;
             socklen_t size = sizeof(value);
             return getsockopt(given.listener, SOL_SOCKET, SO_TYPE, &value, &size) == 0;
         }},
    };
}

}  // namespace

TEST_CASE("the network door cannot do what it has not been given") {
    Given given;
    given.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    REQUIRE(listen(given.listener, 8) == 0);
    given.unbound = socket(AF_INET, SOCK_STREAM, 0);
    given.memory = memfd_create("memory", 0);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t engine = getpid(), child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const bool is_root = geteuid() == 0;
        std::string said;
        for (const std::string& lack : service::confine_door(engine))
            if (is_root) said += "lacks " + lack + "\n";
        for (const auto& tries : {files_and_sockets(given), others(engine)})
            for (const Try& one : tries)
                if (one.does()) said += std::string("can ") + one.what + "\n";
        for (const Try& one : needed(given))
            if (!one.does()) said += std::string("cannot ") + one.what + "\n";
        said += "end\n";
        _exit(write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string said(1 << 16, '\0');
    const ssize_t got = read(ends[0], said.data(), said.size());
    said.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child);
    CHECK(how == 0);
    CHECK(said == "end\n");
    for (const int fd : {given.listener, given.unbound, given.memory, ends[0]}) close(fd);
}

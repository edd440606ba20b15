// What code in the compiler's place can do: compute, and answer in bounds.
#include <sys/syscall.h>
#include <unistd.h>

#include <poll.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "hostile.h"
#include "service/worker.h"

using namespace weir;
using namespace weir::service;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("weir-hostile-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name) << text;
        return (path / name).string();
    }
};

Worker start_hostile(std::uint64_t deadline_ms = 60'000) {
    auto worker = Worker::start({{"/proc/self/exe", kHostileArgument}, deadline_ms});
    REQUIRE(worker);
    return std::move(*worker);
}

// The process that compiles: the child of the one that opens files.
runtime::UniqueFd compiler_of(const Worker& worker) {
    const std::string opener = std::to_string(worker.process());
    pid_t found = -1;
    while (found <= 1) {  // it may not be there yet
        std::ifstream children("/proc/" + opener + "/task/" + opener + "/children");
        REQUIRE(children);
        children >> found;
    }
    return runtime::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, found, 0)));
}

// Waits until the process has ended: for ever, where it does not.
void wait_for_end(const runtime::UniqueFd& process) {
    pollfd ended{process.get(), POLLIN, 0};
    REQUIRE(process);
    CHECK(poll(&ended, 1, -1) == 1);
}

WorkerOutcome outcome_of(Worker& worker, const std::string& file) {
    WorkerRequest request;
    request.file = file;
    worker.ask(request);
    for (;;) {
        pollfd ready{worker.fd(), POLLIN, 0};
        poll(&ready, 1, static_cast<int>(worker.timeout_ms().value_or(1000)));
        if (auto outcome = worker.step()) return std::move(*outcome);
    }
}

std::size_t resident_bytes() {
    std::size_t pages = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t peak_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmHWM:") {
            std::size_t kilobytes = 0;
            status >> kilobytes;
            return kilobytes << 10;
        }
    return 0;
}

// From here on the peak is that of what follows.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace

TEST_CASE("a compiler that is taken over gets nothing done") {
    if (geteuid() != 0) return;  // its user would be ours
    const Folder folder;
    const std::string file = folder.write("attempts-" + std::to_string(getpid()), "rule r { when tcp then drop }\n");
    folder.write("attempts-" + std::to_string(getpid()) + ".secret", "x");
    Worker worker = start_hostile();
    const WorkerOutcome outcome = outcome_of(worker, file);
    CHECK(outcome.status == kPolicyFault);
    CHECK(outcome.diagnostics == "");
    for (const std::string& lack : worker.lacks()) WARN("this machine lacks " << lack);
    CHECK(worker.lacks().empty());
    CHECK(worker.is_alive());
}

TEST_CASE("diagnostics of a compiler that is taken over drive no terminal") {
    const Folder folder;
    Worker worker = start_hostile();
    const WorkerOutcome outcome = outcome_of(worker, folder.write("terminal", ""));
    CHECK(outcome.status == kPolicyFault);
    CHECK(outcome.diagnostics == "\\x1b]0;owned\\x07\\x1b[2J\\x1b[1;31m\\xc2\\x9b\n");
}

TEST_CASE("answers of a compiler that is taken over are refused, and take no memory") {
    const Folder folder;
    const char* kinds[] = {"wrap",           "negative",       "long",        "short",       "names",
                           "garbage",        "range-sink",     "range-field", "range-iface", "range-path",
                           "range-argument", "range-variable", "mapped",      "flood"};
    for (const char* kind : kinds) {
        DYNAMIC_SECTION(kind) {
            const std::string file = folder.write(kind, "");
            Worker worker = start_hostile();
            const runtime::UniqueFd compiler = compiler_of(worker);
            const std::size_t before = resident_bytes();
            forget_peak();
            const WorkerOutcome outcome = outcome_of(worker, file);
            INFO(outcome.diagnostics);
            CHECK(outcome.status == kWorldFault);
            CHECK(outcome.diagnostics.find("the compiler's answer") != std::string::npos);
            CHECK_FALSE(outcome.image);
            CHECK_FALSE(worker.is_alive());
            CHECK(peak_bytes() < before + (64u << 20));
            wait_for_end(compiler);
        }
    }
}

TEST_CASE("a compiler that fills its file in memory, closes its socket or says nothing is ended") {
    const Folder folder;
    for (const char* kind : {"silent", "closed", "fill"}) {
        DYNAMIC_SECTION(kind) {
            const std::string file = folder.write(kind, "");
            Worker worker = start_hostile(500);
            const runtime::UniqueFd compiler = compiler_of(worker);
            const WorkerOutcome outcome = outcome_of(worker, file);
            INFO(outcome.diagnostics);
            CHECK(outcome.status == kWorldFault);
            CHECK(outcome.diagnostics.find("was ended") != std::string::npos);
            CHECK_FALSE(worker.is_alive());
            wait_for_end(compiler);
        }
    }
}

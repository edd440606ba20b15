#include "service/side_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/kernel.h"
#include "service/http/door_settings.h"
#include "service/variables.h"

using namespace weir;
using namespace weir::service;

namespace {

std::string socket_path(int number) {
    const std::string name = "weir-door-" + std::to_string(getpid()) + "-" + std::to_string(number) + ".sock";
    return (std::filesystem::temp_directory_path() / name).string();
}

// A door at a UNIX socket, whose channels end here.
struct Door {
    std::vector<runtime::UniqueFd> channels{};
    SideProcess::Adopt adopt = [this](runtime::UniqueFd fd) {
        channels.push_back(std::move(fd));
        return std::uint64_t{channels.size()};
    };

    std::string path{};

    SideProcessOptions options() {
        static int number = 0;
        http::DoorOptions options;
        path = socket_path(++number);
        options.listen = {path};
        auto settings = http::read_settings(options);
        REQUIRE(settings);
        auto process = http::door_process(*settings);
        REQUIRE(process);
        return std::move(*process);
    }
    ~Door() { std::filesystem::remove(path); }
};

template <typename Holds>
bool comes(const Holds& holds) {
    for (int i = 0; i < 3000; ++i) {
        if (holds()) return true;
        usleep(10'000);
    }
    return false;
}

}  // namespace

TEST_CASE("a process beside the engine starts, reports, and is started again") {
    Door door;
    SideProcess process(door.options());
    CHECK(process.status().state == "starting");
    const Status begun = process.begin(door.adopt);
    REQUIRE(begun);
    CHECK(door.channels.size() == 4);
    CHECK(process.status().name == "network-door");
    CHECK(process.status().addresses == std::vector<std::string>{door.path});
    CHECK(process.status().restarts == 0);
    kill(process.process(), SIGKILL);
    REQUIRE(comes([&] { return process.step(door.adopt), process.fd() < 0; }));
    CHECK(process.status().state == "was ended by signal 9");
    CHECK(process.timeout_ms() <= 201);
    REQUIRE(comes([&] { return process.step(door.adopt), process.status().state == "ok"; }));
    CHECK(process.status().restarts == 1);
    CHECK(door.channels.size() == 8);
    CHECK(process.status().counts.contains("streams"));
}

TEST_CASE("a process that cannot use what it is given says why at the start") {
    Door door;
    {
        SideProcessOptions options = door.options();
        options.settings = "cut";
        SideProcess process(std::move(options));
        const Status begun = process.begin(door.adopt);
        REQUIRE_FALSE(begun);
        CHECK(begun.error().message == "the door's settings are cut short");
    }
    Door other;
    SideProcessOptions missing = other.options();
    missing.program = "/nowhere";
    CHECK_FALSE(SideProcess(std::move(missing)).begin(other.adopt));
}

TEST_CASE("what a process says of itself is bounded text and numbers") {
    const SideReport report{"ok", "", {"seccomp: not here"}, {{"streams", 3}}};
    const SideReport read = decode_report(encode(report));
    CHECK(read.state == "ok");
    CHECK(read.lacks == report.lacks);
    CHECK(read.counts == report.counts);
    const std::string unreadable = "what it says of itself cannot be read";
    CHECK(decode_report("nonsense").state == unreadable);
    CHECK(decode_report(R"({"state":1})").state == unreadable);
    CHECK(decode_report(R"({"counts":{"a":-1}})").state == unreadable);
    CHECK(decode_report("{\"state\":\"\\u001b[2J\"}").state.find('\x1b') == std::string::npos);
    CHECK(decode_report(encode({std::string(100'000, 'x'), "", {}, {}})).state.size() == 400);
    CHECK(decode_report(encode({"ok", "", std::vector<std::string>(17), {}})).state == unreadable);
}

TEST_CASE("only an engine starts such processes, and they get no secrets") {
    const char* words[] = {"weir", "network-door", "4", "1"};
    CHECK(is_side_process(4, words));
    CHECK_FALSE(is_side_process(2, words));
    words[1] = "status";
    CHECK_FALSE(is_side_process(4, words));
    setenv("WEIR_SINK_TOKEN", "secret", 1);
    setenv("ASAN_OPTIONS", "abort_on_error=0", 0);
    for (const char* variable : variables_handed_on())
        if (variable != nullptr) CHECK(std::string(variable).find("secret") == std::string::npos);
    unsetenv("WEIR_SINK_TOKEN");
}

// EVE files that others move, truncate, and leave no room for: nothing that was delivered is lost or spoiled.
#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/sinks/eve.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

Event numbered(int number) {
    Event event;
    event.alert = "a";
    event.message = std::to_string(1'000'000 + number);
    return event;
}

std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

const std::uint64_t kLineBytes = eve_line(numbered(0)).size();

// No file of this process may become longer, as on a full disk.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes) {
        getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    ~FullDisk() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("an EVE file that somebody else moved away rotates nothing: the kept ones stay, and a new one is begun") {
    Folder folder;
    const fs::path path = folder.path / "eve.json", taken = folder.path / "taken";
    EveFile eve(path, 2 * kLineBytes, 3);
    int sent = 0;
    const auto send = [&](int count) {
        for (int i = 0; i < count; ++i) REQUIRE(eve.deliver(numbered(sent++)));
    };
    send(7);  // one line, and three files of two
    const std::vector<std::string> kept{path.string() + ".1", path.string() + ".2", path.string() + ".3"};
    std::vector<std::vector<std::string>> before;
    for (const std::string& file : kept) before.push_back(lines_of(file));
    fs::rename(path, taken);
    send(3);
    CHECK(lines_of(taken).size() == 2);
    CHECK(lines_of(path).size() == 2);
    for (std::size_t i = 0; i < kept.size(); ++i) CHECK(lines_of(kept[i]) == before[i]);
    CHECK(eve.state() == "ok");
    send(1);  // its own rotation goes on as ever
    CHECK(lines_of(path).size() == 1);
    CHECK(lines_of(kept[2]) == before[1]);
}

TEST_CASE("an EVE file in whose place somebody put another one goes on with that") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 2 * kLineBytes, 3);
    for (int i = 0; i < 2; ++i) REQUIRE(eve.deliver(numbered(i)));
    fs::rename(path, folder.path / "taken");
    std::ofstream{path};  // as logrotate's `create` does
    REQUIRE(eve.deliver(numbered(2)));
    CHECK(lines_of(path).size() == 1);
    CHECK_FALSE(fs::exists(path.string() + ".1"));
}

TEST_CASE("a rotation that fails moves the kept files once, however often it is tried") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 2 * kLineBytes, 4);
    for (int i = 0; i < 4; ++i) REQUIRE(eve.deliver(numbered(i)));
    const auto kept = lines_of(path.string() + ".1");
    // The first place cannot be freed: the second is a folder with something in it.
    fs::create_directories(folder.path / "eve.json.2" / "x");
    fs::create_directories(folder.path / "eve.json.3" / "x");
    fs::create_directories(folder.path / "eve.json.4" / "x");
    for (int i = 4; i < 8; ++i) REQUIRE(eve.deliver(numbered(i)));
    CHECK_THAT(eve.state(), Catch::Contains("rotating"));
    CHECK(lines_of(path.string() + ".1") == kept);
    CHECK(lines_of(path).size() == 6);  // rather a file that grows than events that are lost
}

TEST_CASE("a line that has no room is taken back, also where the file was truncated meanwhile") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 0, 0);
    for (int i = 0; i < 3; ++i) REQUIRE(eve.deliver(numbered(i)));
    fs::resize_file(path, kLineBytes);  // copytruncate, and one line that came after
    {
        const FullDisk full(2 * kLineBytes - 10);
        CHECK_FALSE(eve.deliver(numbered(3)));
        CHECK_THAT(eve.state(), Catch::Contains("No space left"));
        CHECK(fs::file_size(path) == kLineBytes);
        fs::resize_file(path, 0);
        const FullDisk fuller(kLineBytes - 10);
        CHECK_FALSE(eve.deliver(numbered(4)));
        CHECK(fs::file_size(path) == 0);
    }
    REQUIRE(eve.deliver(numbered(5)));
    CHECK(eve.state() == "ok");
    REQUIRE(lines_of(path).size() == 1);
    CHECK(lines_of(path).front() + "\n" == eve_line(numbered(5)));
}

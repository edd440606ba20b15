// EVE files that others move, truncate, and leave no room for: nothing that was delivered is lost or spoiled.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/handles.h"
#include "runtime/sinks/eve.h"
#include "tests/unit/runtime/deliver.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> lines_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

const std::uint64_t kLineBytes = eve_line(Events(1)[0]).size();

// Delivers event `number`, and says whether it was.
bool deliver_one(EveFile& eve, int number) {
    return deliver(eve, Events(1, static_cast<std::size_t>(number)).batch()).delivered == 1;
}

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
        for (int i = 0; i < count; ++i) REQUIRE(deliver_one(eve, sent++));
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
    for (int i = 0; i < 2; ++i) REQUIRE(deliver_one(eve, i));
    fs::rename(path, folder.path / "taken");
    std::ofstream{path};  // as logrotate's `create` does
    REQUIRE(deliver_one(eve, 2));
    CHECK(lines_of(path).size() == 1);
    CHECK_FALSE(fs::exists(path.string() + ".1"));
}

TEST_CASE("an EVE file without a rotation of its own goes on in the one that logrotate made, without a signal") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 0, 0);
    REQUIRE(deliver_one(eve, 0));
    fs::rename(path, folder.path / "eve.json-20260102");
    std::ofstream{path};
    for (int i = 1; i < 3; ++i) REQUIRE(deliver_one(eve, i));
    CHECK(lines_of(folder.path / "eve.json-20260102").size() == 1);
    CHECK(lines_of(path).size() == 2);
}

TEST_CASE("a rotation that fails moves the kept files once, however often it is tried") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 2 * kLineBytes, 4);
    for (int i = 0; i < 4; ++i) REQUIRE(deliver_one(eve, i));
    const auto kept = lines_of(path.string() + ".1");
    // The first place cannot be freed: the second is a folder with something in it.
    fs::create_directories(folder.path / "eve.json.2" / "x");
    fs::create_directories(folder.path / "eve.json.3" / "x");
    fs::create_directories(folder.path / "eve.json.4" / "x");
    for (int i = 4; i < 8; ++i) REQUIRE(deliver_one(eve, i));
    CHECK_THAT(eve.state(), Catch::Contains("rotating"));
    CHECK(lines_of(path.string() + ".1") == kept);
    CHECK(lines_of(path).size() == 6);  // rather a file that grows than events that are lost
}

TEST_CASE("a line that has no room is taken back, also where the file was truncated meanwhile") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 0, 0);
    for (int i = 0; i < 3; ++i) REQUIRE(deliver_one(eve, i));
    fs::resize_file(path, kLineBytes);  // copytruncate, and one line that came after
    {
        const FullDisk full(2 * kLineBytes - 10);
        CHECK_FALSE(deliver_one(eve, 3));
        CHECK_THAT(eve.state(), Catch::Contains("writing"));
        CHECK(fs::file_size(path) == kLineBytes);
        fs::resize_file(path, 0);
        const FullDisk fuller(kLineBytes - 10);
        CHECK_FALSE(deliver_one(eve, 4));
        CHECK(fs::file_size(path) == 0);
    }
    REQUIRE(deliver_one(eve, 5));
    CHECK(eve.state() == "ok");
    REQUIRE(lines_of(path).size() == 1);
    CHECK(lines_of(path).front() + "\n" == eve_line(Events(1, 5)[0]));
}

TEST_CASE("a batch is written in pieces of whole lines; what is in the file is what was counted") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 0, 0);
    const Events events(5000);
    const Settled settled = deliver(eve, events.batch());
    CHECK(settled.delivered == 5000);
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 5000);
    for (std::size_t i = 0; i < lines.size(); ++i) REQUIRE(lines[i] + '\n' == eve_line(events[i]));
}

TEST_CASE("a batch fills one file after another, each as far as it may") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 10 * kLineBytes + 5, 3);
    CHECK(deliver(eve, Events(35).batch()).delivered == 35);
    CHECK(lines_of(path.string() + ".3").size() == 10);
    CHECK(lines_of(path.string() + ".1").size() == 10);
    CHECK(lines_of(path).size() == 5);
    EveFile small(folder.path / "small.json", 10, 1);  // less than a line: one a file
    CHECK(deliver(small, Events(3).batch()).delivered == 3);
    CHECK(lines_of(folder.path / "small.json").size() == 1);
}

TEST_CASE("of a batch that the disk has no room for, the lines that are there are delivered, the others lost") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 0, 0);
    {
        const FullDisk full(7 * kLineBytes + 100);
        const Settled settled = deliver(eve, Events(1000).batch());
        CHECK(settled.delivered == 7);
        CHECK(settled.lost == 993);
        CHECK(settled.reason == "no space");
        CHECK_THAT(eve.state(), Catch::Contains("File too large"));
        CHECK(fs::file_size(path) == 7 * kLineBytes);
    }
    CHECK(deliver(eve, Events(1000, 7).batch()).delivered == 1000);
    CHECK(eve.state() == "ok");
    const auto lines = lines_of(path);
    REQUIRE(lines.size() == 1007);
    for (std::size_t i = 0; i < lines.size(); ++i)
        REQUIRE(lines[i].find("number " + std::to_string(1'000'000 + i)) != std::string::npos);
}

TEST_CASE("a file that is truncated or removed between batches goes on from its beginning") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    EveFile eve(path, 1000 * kLineBytes, 2);
    CHECK(deliver(eve, Events(600).batch()).delivered == 600);
    fs::resize_file(path, 0);  // copytruncate
    CHECK(deliver(eve, Events(600).batch()).delivered == 600);
    CHECK(lines_of(path).size() == 600);
    CHECK_FALSE(fs::exists(path.string() + ".1"));  // it is not full: its size was looked at
    fs::remove(path);
    CHECK(deliver(eve, Events(5).batch()).delivered == 5);
    CHECK(lines_of(path).size() == 5);
}

TEST_CASE("a pipe gets whole lines, and what nobody reads is lost") {
    Folder folder;
    const fs::path path = folder.path / "pipe";
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    EveFile eve(path, 0, 0);
    CHECK(deliver(eve, Events(3).batch()).lost == 3);  // nobody has opened it; it does not wait
    const UniqueFd reader(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const Settled settled = deliver(eve, Events(1000).batch());
    CHECK(settled.delivered > 50);
    CHECK(settled.delivered + settled.lost == 1000);
    CHECK(settled.reason == "nobody reads");
    std::string text(1 << 20, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(read(reader.get(), text.data(), text.size()), 0)));
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == settled.delivered);
    CHECK(text.back() == '\n');
}

TEST_CASE("an EVE file goes on where it was, is opened anew, and follows one that was removed") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    {
        EveFile before(path, 0, 0);
        REQUIRE(deliver_one(before, 0));
    }
    EveFile eve(path, 0, 0);
    REQUIRE(deliver_one(eve, 1));
    CHECK(lines_of(path).size() == 2);
    fs::rename(path, folder.path / "old.json");
    REQUIRE(deliver_one(eve, 2));
    CHECK(lines_of(folder.path / "old.json").size() == 3);
    eve.reopen();
    REQUIRE(deliver_one(eve, 3));
    CHECK(lines_of(path).size() == 1);
}

TEST_CASE("an EVE file says before the first event that it cannot be opened; what comes then is lost") {
    Folder folder;
    const fs::path path = folder.path / "later" / "eve.json";
    EveFile eve(path, 0, 0);
    eve.prepare();
    CHECK_THAT(eve.state(), Catch::Contains("opening") && Catch::Contains("No such file or directory"));
    CHECK(deliver(eve, Events(2).batch()).lost == 2);
    fs::create_directories(path.parent_path());
    eve.prepare();
    CHECK(eve.state() == "ok");
    CHECK(deliver(eve, Events(2).batch()).delivered == 2);

    EveFile full("/dev/full", 0, 0);
    const Settled settled = deliver(full, Events(2).batch());
    CHECK(settled.lost == 2);
    CHECK(settled.reason == "no space");
    CHECK_THAT(full.state(), Catch::Contains("No space left"));
}

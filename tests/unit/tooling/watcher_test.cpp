// Changes as the watcher sees them. Nothing here depends on how fast the machine is: each wait is for what must come.
#include <catch2/catch.hpp>

#include <poll.h>

#include <fstream>
#include <thread>

#include "tests/unit/tooling/folder.h"
#include "tooling/files/watcher.h"

using namespace weir;
using namespace weir::tooling;

namespace {

Watcher watching(const std::vector<std::string>& paths) {
    auto watcher = Watcher::create();
    REQUIRE(watcher);
    watcher->follow(paths);
    return std::move(*watcher);
}

// Until it says that the files have changed.
void wait(Watcher& watcher) {
    while (!watcher.step()) {
        const auto timeout_ms = watcher.poll_timeout_ms();
        pollfd ready{watcher.fd(), POLLIN, 0};
        poll(&ready, 1, timeout_ms ? static_cast<int>(*timeout_ms) : -1);
    }
}

// Nothing is left to be said: no change waits, and none is in the queue.
bool is_quiet(Watcher& watcher) { return !watcher.step() && !watcher.poll_timeout_ms(); }

}  // namespace

TEST_CASE("what is watched for the first time counts as changed") {
    const tests::Folder folder;
    Watcher watcher = watching({folder.write("a.rules", "1")});
    CHECK(watcher.poll_timeout_ms());
    wait(watcher);
    CHECK(is_quiet(watcher));
    watcher.follow({folder.path("a.rules")});  // nothing new
    CHECK(is_quiet(watcher));
}

TEST_CASE("writes, renames and removals are changes, those of neighbours are not") {
    const tests::Folder folder;
    Watcher watcher = watching({folder.write("a.rules", "1"), folder.write("sets/bad.list", "")});
    wait(watcher);

    folder.write("other.rules", "2");
    folder.write("sets/other.list", "2");
    CHECK(is_quiet(watcher));

    folder.write("a.rules", "2");
    wait(watcher);
    folder.write("sets/bad.list", "10.0.0.1");
    wait(watcher);
    folder.write("new", "3");
    std::filesystem::rename(folder.path("new"), folder.path("a.rules"));
    wait(watcher);
    std::filesystem::remove(folder.path("a.rules"));
    wait(watcher);
    folder.write("a.rules", "4");
    wait(watcher);
    CHECK(is_quiet(watcher));
}

TEST_CASE("a file that is not there yet is seen when it comes, with its folder") {
    const tests::Folder folder;
    Watcher watcher = watching({folder.path("later/sets/bad.list")});
    wait(watcher);
    folder.write("later/sets/bad.list", "10.0.0.1");
    wait(watcher);
    while (!is_quiet(watcher)) continue;  // a folder and a file came: that may be two changes
    folder.write("later/sets/bad.list", "10.0.0.2");
    wait(watcher);
}

TEST_CASE("a link that is turned elsewhere is a change, and so is what it leads to") {
    const tests::Folder folder;
    folder.write("v1/a.rules", "1");
    folder.write("v2/a.rules", "2");
    std::filesystem::create_directory_symlink("v1", folder.path("now"));
    Watcher watcher = watching({folder.path("now/a.rules")});
    wait(watcher);
    folder.write("v2/a.rules", "not looked at yet");
    CHECK(is_quiet(watcher));
    std::filesystem::create_directory_symlink("v2", folder.path("next"));
    std::filesystem::rename(folder.path("next"), folder.path("now"));
    wait(watcher);
    while (!is_quiet(watcher)) continue;
    folder.write("v2/a.rules", "3");
    wait(watcher);
    folder.write("v1/a.rules", "no longer looked at");
    CHECK(is_quiet(watcher));
}

TEST_CASE("a writer that has not closed its file is waited for, and then no longer") {
    const tests::Folder folder;
    Watcher watcher = watching({folder.write("a.rules", "1")});
    wait(watcher);
    std::ofstream writer(folder.path("a.rules"));
    writer << "half" << std::flush;
    CHECK(!watcher.step());
    REQUIRE(watcher.poll_timeout_ms());
    wait(watcher);  // though nobody closed it
    writer << " and half" << std::flush;
    CHECK(!watcher.step());
    writer.close();
    wait(watcher);
    CHECK(is_quiet(watcher));
}

TEST_CASE("links that lead to one another end") {
    const tests::Folder folder;
    std::filesystem::create_symlink("b", folder.path("a"));
    std::filesystem::create_symlink("a", folder.path("b"));
    Watcher watcher = watching({folder.path("a/x.rules")});
    wait(watcher);
    CHECK(is_quiet(watcher));
}

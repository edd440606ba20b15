#include <catch2/catch.hpp>

#include "tests/unit/tooling/folder.h"
#include "tooling/files/paths.h"

using namespace weir;
using namespace weir::tooling;

TEST_CASE("paths from the root, with links followed") {
    const tests::Folder folder;
    folder.write("real/a.rules", "");
    std::filesystem::create_directory_symlink("real", folder.path("link"));
    CHECK(resolved(folder.path("link/a.rules")) == folder.path("real/a.rules"));
    CHECK(resolved(folder.path("link/../link/./new.rules")) == folder.path("real/new.rules"));
    CHECK(resolved(folder.path("none/../deep/er")) == folder.path("deep/er"));
    CHECK(from_root("-") == "-");
    CHECK(from_root("/a/../b") == "/a/../b");
    CHECK(from_root("a").starts_with('/'));
}

TEST_CASE("a folder, and what is in it") {
    CHECK(folder_of("a.rules") == ".");
    CHECK(folder_of("/a.rules") == "/");
    CHECK(folder_of("x/y/a.rules") == "x/y");
    CHECK(is_inside("/a/b", "/a"));
    CHECK(is_inside("/a/b/c", "/a"));
    CHECK(is_inside("/a", "/"));
    CHECK(!is_inside("/a", "/a"));
    CHECK(!is_inside("/ab", "/a"));
    CHECK(!is_inside("/b/a", "/a"));
}

// Files that commands write: whole, or as they were.
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "tests/unit/tooling/folder.h"
#include "tooling/files/output_file.h"

using namespace weir;
using namespace weir::tooling;

namespace {

std::size_t files_in(const tests::Folder& folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++count;
    return count;
}
mode_t mode_of(const std::string& path) {
    struct stat facts{};
    return stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("what is not committed leaves everything as it was") {
    const tests::Folder folder;
    const std::string path = folder.write("out", "old");
    {
        auto file = OutputFile::create(path);
        REQUIRE(file);
        CHECK(file->write("new"));
        CHECK(file->flush());
        CHECK(folder.read("out") == "old");
    }
    CHECK(folder.read("out") == "old");
    CHECK(files_in(folder) == 1);
}

TEST_CASE("a commit replaces all of it, and keeps mode and links") {
    const tests::Folder folder;
    const std::string path = folder.write("out", "a long old content");
    chmod(path.c_str(), 0604);
    std::filesystem::create_symlink("out", folder.path("link"));
    REQUIRE(write_whole(folder.path("link"), "new"));
    CHECK(folder.read("out") == "new");
    CHECK(std::filesystem::is_symlink(folder.path("link")));
    CHECK(mode_of(path) == 0604);
    CHECK(files_in(folder) == 2);
}

TEST_CASE("a new file has the mode that the umask leaves") {
    const tests::Folder folder;
    const mode_t before = umask(027);
    const Status written = write_whole(folder.path("out"), "new");
    umask(before);
    REQUIRE(written);
    CHECK(folder.read("out") == "new");
    CHECK(mode_of(folder.path("out")) == 0640);
}

TEST_CASE("others can read along what is written as it comes") {
    const tests::Folder folder;
    folder.write("out", "old");
    auto file = OutputFile::create(folder.path("out"), OutputFile::Appears::kAsItComes);
    REQUIRE(file);
    CHECK(folder.read("out").empty());
    CHECK(file->write("new"));
    CHECK(file->flush());
    CHECK(folder.read("out") == "new");
    CHECK(file->commit());
}

TEST_CASE("devices are written, not replaced; what cannot be written is said") {
    CHECK(write_whole("/dev/null", "gone"));
    CHECK(std::filesystem::is_character_file("/dev/null"));
    const Status full = write_whole("/dev/full", "too much");
    REQUIRE(!full);
    CHECK_THAT(full.error().message, Catch::Equals("/dev/full cannot be written: No space left on device"));
    CHECK(!write_whole("/nonexistent/out", "x"));
    CHECK(!write_whole("/tmp", "x"));
}

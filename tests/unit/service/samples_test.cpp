#include "service/samples.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace weir;
using namespace weir::service;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("weir-samples-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
};

std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("disagreements become a capture with comments") {
    const Folder folder;
    const std::vector<std::uint8_t> frame(60, 0xaa);
    const runtime::Disagreement one{frame, 1'000'000'000, "drop by x", "pass by default"};
    Samples samples;
    samples.take(one);  // nothing was begun
    CHECK(samples.written() == 0);
    const auto first = folder.path / "first.pcapng", second = folder.path / "second.pcapng";
    REQUIRE(samples.begin("eth0", first));
    samples.take(one);
    samples.take(one);
    CHECK(samples.written() == 2);
    CHECK(samples.state() == "ok");
    CHECK(samples.path() == first);
    REQUIRE(samples.begin("eth0", second));  // in place of the first
    CHECK(samples.written() == 0);
    samples.take(one);
    samples.end();
    samples.take(one);
    CHECK(samples.written() == 1);
    const std::string text = text_of(first);
    const std::string comment = "in force: drop by x; candidate: pass by default";
    CHECK(text.find(comment) != std::string::npos);
    CHECK(text.find(comment, text.find(comment) + 1) != std::string::npos);
}

TEST_CASE("a capture ends at 10,000 packets") {
    const Folder folder;
    const std::vector<std::uint8_t> frame(14, 1);
    Samples samples;
    REQUIRE(samples.begin("eth0", folder.path / "many.pcapng"));
    for (int i = 0; i < 10'100; ++i) samples.take({frame, 0, "a", "b"});
    CHECK(samples.written() == 10'000);
}

TEST_CASE("a capture that cannot be made is an error, one that cannot be written says so") {
    Samples samples;
    CHECK_FALSE(samples.begin("eth0", "/nowhere/at/all.pcapng"));
    const std::vector<std::uint8_t> frame(14, 1);
    if (!samples.begin("eth0", "/dev/full")) return;  // what it begins with does not fit either
    samples.take({frame, 0, "a", "b"});
    CHECK(samples.written() == 0);
    CHECK(samples.state() != "ok");
}

// The last good value on disk, whatever happens to the file that was written last.
#include "service/nats/kept_value.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/tooling/folder.h"

using namespace weir;
using namespace weir::service;

namespace {

KeptValue opened(const tests::Folder& folder) {
    auto kept = KeptValue::open(folder.path("state/nats"));
    REQUIRE(kept);
    return std::move(*kept);
}
std::string bytes_of(const KeptValue& kept) {
    const auto value = kept.read();
    return value ? value->bytes : "nothing";
}

}  // namespace

TEST_CASE("the value written last is read, also by the next process") {
    const tests::Folder folder;
    KeptValue kept = opened(folder);
    CHECK(bytes_of(kept) == "nothing");
    for (int i = 1; i <= 5; ++i) {
        const Revision revision{static_cast<std::uint64_t>(i), 100, "hash" + std::to_string(i)};
        REQUIRE(kept.write(revision, std::string(static_cast<std::size_t>(6 - i) * 1000, static_cast<char>('a' + i))));
        const auto value = opened(folder).read();
        REQUIRE(value);
        CHECK(value->revision == revision);
        CHECK(value->bytes == std::string(static_cast<std::size_t>(6 - i) * 1000, static_cast<char>('a' + i)));
    }
}

TEST_CASE("a file that is cut, empty or changed costs the newer value, never both") {
    const tests::Folder folder;
    KeptValue kept = opened(folder);
    REQUIRE(kept.write({1, 0, "one"}, "first"));
    REQUIRE(kept.write({2, 0, "two"}, "second"));
    const std::string newer = folder.path("state/nats/value.1");
    const auto size = std::filesystem::file_size(newer);
    const std::string whole = folder.read("state/nats/value.1");
    for (std::uintmax_t left = 0; left < size; ++left) {
        std::filesystem::resize_file(newer, left);
        CHECK(bytes_of(kept) == "first");
        folder.write("state/nats/value.1", whole);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 4);
        folder.write("state/nats/value.1", changed);
        CHECK(bytes_of(kept) == "first");
    }
    // The next one takes the place of the one that is broken.
    REQUIRE(kept.write({3, 0, "three"}, "third"));
    CHECK(bytes_of(kept) == "third");
    std::filesystem::resize_file(newer, 0);
    CHECK(bytes_of(kept) == "first");
}

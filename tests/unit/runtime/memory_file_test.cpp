#include "runtime/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

using namespace weir::runtime;

TEST_CASE("a file in memory is read from its first byte, and a sealed one stays as it is") {
    const std::string text(100'000, 'x');
    const auto memory = make_memory_file("test", text);
    REQUIRE(memory);
    std::string read_back(text.size() + 1, ' ');
    CHECK(read(memory->get(), read_back.data(), read_back.size()) == 100'000);
    CHECK(read_back == text + " ");
    CHECK(pwrite(memory->get(), "y", 1, 0) == 1);
    REQUIRE(seal(memory->get()));
    CHECK(seal(memory->get()));  // once more is no error
    CHECK(pwrite(memory->get(), "z", 1, 0) < 0);
    CHECK(ftruncate(memory->get(), 1) != 0);
    CHECK(ftruncate(memory->get(), 200'000) != 0);
}

TEST_CASE("a file in memory that somebody can write to is not sealed") {
    const auto memory = make_memory_file("test", "abc");
    REQUIRE(memory);
    void* const mapped = mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, memory->get(), 0);
    REQUIRE(mapped != MAP_FAILED);
    const auto sealed = seal(memory->get());
    REQUIRE_FALSE(sealed);
    CHECK(sealed.error().number == EBUSY);
    munmap(mapped, 3);
}

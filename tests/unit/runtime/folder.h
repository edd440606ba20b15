// A folder for a test's files.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

// Removed with all that is in it.
struct Folder {
    Folder() {
        std::string shape = std::filesystem::temp_directory_path() / "weir-unit-XXXXXX";
        REQUIRE(mkdtemp(shape.data()) != nullptr);
        path = shape;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

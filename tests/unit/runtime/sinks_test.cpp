// From declarations to sinks: each kind that this file says is made is the one that delivers.
#include "runtime/sinks/make.h"

#include <catch2/catch.hpp>

#include <filesystem>

#include "tests/unit/runtime/deliver.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<Sink> made(const bpf::SinkInfo& sink) { return make_sink(sink, {}); }

}  // namespace

TEST_CASE("an eve sink writes to its path, and keeps so many files") {
    Folder folder;
    const fs::path path = folder.path / "eve.json";
    const auto sink = made({"events",
                            SinkKind::kEve,
                            {{SinkWord::kPath, path.string()},
                             {.word = SinkWord::kRotate, .number = 1},
                             {.word = SinkWord::kKeep, .number = 2}}});
    CHECK(deliver(*sink, Events(5).batch()).delivered == 5);
    CHECK(fs::exists(path));
    CHECK(fs::exists(path.string() + ".2"));
    CHECK_FALSE(fs::exists(path.string() + ".3"));
}

TEST_CASE("sinks of sockets say where they wait for a receiver") {
    Folder folder;
    const std::string path = (folder.path / "socket").string();
    const auto collector = made({"collector", SinkKind::kUnix, {{SinkWord::kPath, path}}});
    CHECK(deliver(*collector, Events(1).batch()).left == 1);
    CHECK_THAT(collector->state(), Catch::Contains(path));
    const auto remote = made({"remote",
                              SinkKind::kSyslog,
                              {{.word = SinkWord::kFacility, .number = 16}, {SinkWord::kUrl, "tcp://127.0.0.1:1"}}});
    CHECK(deliver(*remote, Events(1).batch()).left == 1);
    CHECK_THAT(remote->state(), Catch::Contains("tcp://127.0.0.1:1") && Catch::Contains("refused"));
}

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "runtime/sinks/rights.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;

namespace {

bpf::SinkInfo with_path(SinkKind kind, const std::string& path) { return {"s", kind, {{SinkWord::kPath, path}}}; }

std::string refusal(const SinkRights& rights, const bpf::SinkInfo& sink) {
    const Status admitted = admit(rights, {{"first", SinkKind::kStdout}, sink});
    return admitted ? std::string() : admitted.error().message;
}

}  // namespace

TEST_CASE("kinds of sinks that an operator allows") {
    const auto kinds = sink_kinds("eve,stdout");
    REQUIRE(kinds);
    CHECK(*kinds == std::vector<SinkKind>{SinkKind::kEve, SinkKind::kStdout});
    CHECK_FALSE(sink_kinds(""));
    CHECK_FALSE(sink_kinds("eve,"));
    CHECK_FALSE(sink_kinds("eve, pcap"));
    SinkRights rights;
    CHECK(refusal(rights, with_path(SinkKind::kPcap, "/x")).empty());
    rights.kinds = *kinds;
    CHECK(refusal(rights, with_path(SinkKind::kEve, "/x")).empty());
    CHECK(refusal(rights, with_path(SinkKind::kPcap, "/x")) ==
          "the sink `s` is not allowed: pcap is not among --allow-sinks");
}

TEST_CASE("programs are run from one folder only, and not without it") {
    const Folder folder;
    const std::string at = folder.path.string();
    namespace fs = std::filesystem;
    fs::create_directory(at + "/programs");
    std::ofstream(at + "/programs/block") << "";
    std::ofstream(at + "/outside") << "";
    fs::create_symlink(at + "/outside", at + "/programs/link");
    SinkRights rights;
    const auto exec = [&](const std::string& path) { return refusal(rights, with_path(SinkKind::kExec, at + path)); };
    CHECK(exec("/programs/block") == "the sink `s` is not allowed: it runs a program");
    rights.programs = at + "/programs";
    CHECK_THAT(exec("/programs/block"), !Catch::Contains("not allowed"));  // this build may not have the kind
    CHECK_THAT(exec("/outside"), Catch::Contains("is not in"));
    CHECK_THAT(exec("/programs/../outside"), Catch::Contains("is not in"));
    CHECK_THAT(exec("/programs/link"), Catch::Contains("is not in"));
    CHECK_THAT(exec("/programs-other/block"), Catch::Contains("is not in"));
    CHECK_THAT(exec("/programs"), Catch::Contains("is not in"));
    rights.programs = at + "/nowhere";
    CHECK_THAT(exec("/nowhere/block"), Catch::Contains("is not in"));
}

TEST_CASE("files and sockets are below the folder of sinks") {
    const Folder folder;
    const std::string at = folder.path.string();
    SinkRights rights;
    rights.folder = at;
    for (const SinkKind kind : {SinkKind::kEve, SinkKind::kPcap, SinkKind::kUnix}) {
        CHECK_THAT(refusal(rights, with_path(kind, at + "/new/eve.json")), !Catch::Contains("not allowed"));
        CHECK_THAT(refusal(rights, with_path(kind, "/etc/passwd")), Catch::Contains("is not in"));
        CHECK_THAT(refusal(rights, with_path(kind, at + "/../x")), Catch::Contains("is not in"));
        CHECK_THAT(refusal(rights, with_path(kind, "eve.json")), Catch::Contains("is not in"));
    }
    CHECK(refusal(rights, {"s", SinkKind::kStdout}).empty());
}

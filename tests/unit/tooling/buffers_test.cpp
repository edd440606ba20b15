// Texts that stand for files: as a policy, as an import, as a set file, saved or not.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/folder.h"
#include "tooling/files/buffers.h"
#include "tooling/files/policy_file.h"

using namespace weir;
using namespace weir::tooling;

namespace {

constexpr const char* kPolicy =
    "import \"part.rules\"\nset bad : net from \"bad.list\"\n"
    "rule r { when ip.src in bad and ports then drop }\n";

std::string said(const LoadedPolicy& loaded) {
    return render(loaded.sources, loaded.diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
}

}  // namespace

TEST_CASE("an unsaved text stands for its file, whatever the file has") {
    const tests::Folder folder;
    const std::string policy = folder.write("edge.rules", "rule {"), part = folder.write("part.rules", "wrong");
    folder.write("bad.list", "10.0.0.0/8\n");
    Buffers buffers;
    CHECK(!analyse_unsaved(policy, buffers, {}).compiled);
    buffers.put(policy, kPolicy);
    CHECK(!analyse_unsaved(policy, buffers, {}).compiled);  // the import is still wrong
    buffers.put(part, "let ports = tcp.dport == 22");
    const LoadedPolicy loaded = analyse_unsaved(policy, buffers, {});
    INFO(said(loaded));
    REQUIRE(loaded.compiled);
    CHECK(loaded.compiled->policy.sets.front().entries.size() == 1);
    CHECK(folder.read("edge.rules") == "rule {");

    buffers.remove(policy);
    CHECK(!analyse_unsaved(policy, buffers, {}).compiled);
    CHECK(!analyse_file(policy, {}).compiled);
}

TEST_CASE("a text needs no file, and its name may be a link or have dots") {
    const tests::Folder folder;
    folder.write("real/bad.list", "10.0.0.0/8\n");
    std::filesystem::create_directory_symlink("real", folder.path("link"));
    Buffers buffers;
    buffers.put(folder.path("link/edge.rules"), kPolicy);
    buffers.put(folder.path("real/sub/../part.rules"), "let ports = tcp.dport == 22");
    buffers.put(folder.path("real/bad.list"), "10.0.0.0/8\n192.0.2.0/24\n");
    const LoadedPolicy loaded = analyse_unsaved(folder.path("real/edge.rules"), buffers, {});
    INFO(said(loaded));
    REQUIRE(loaded.compiled);
    CHECK(loaded.compiled->policy.sets.front().entries.size() == 2);
    CHECK(buffers.find(folder.path("link/bad.list")) != nullptr);
    CHECK(buffers.find(folder.path("bad.list")) == nullptr);
}

TEST_CASE("what neither a buffer nor a file has is unreadable") {
    const tests::Folder folder;
    const LoadedPolicy loaded = analyse_unsaved(folder.path("none.rules"), {}, {});
    REQUIRE(loaded.unreadable);
    CHECK(loaded.status == kWorldFault);
    CHECK_THAT(loaded.unreadable->message, Catch::Contains("none.rules cannot be read: No such file"));
}

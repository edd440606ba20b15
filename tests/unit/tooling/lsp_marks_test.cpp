// Names and their uses, in one file (tooling/lsp/marks.h) and over the files of a workspace (tooling/lsp/library.h).
#include <catch2/catch.hpp>

#include "tests/unit/tooling/folder.h"
#include "tooling/lsp/library.h"
#include "tooling/lsp/uri.h"

using namespace weir;
using namespace weir::tooling::lsp;

namespace {

std::size_t uses(const ParsedFile& file, Space space, const std::string& name) {
    return static_cast<std::size_t>(std::count_if(file.marks.begin(), file.marks.end(), [&](const Mark& mark) {
        return mark.space == space && mark.name == name;
    }));
}

}  // namespace

TEST_CASE("each name of a policy is marked where it stands") {
    const std::string text =
        "let lim = 10/min\nlet f(lim, x) = ip.src == lim and ip.dst == x\nset s : ip ttl lim\n"
        "rule r { when f(1.2.3.4, 1.2.3.5) and rate(ip.src) > lim size lim then alert a, add ip.src to s for lim }\n"
        "alert a { throttle lim per ip.src every lim  to k  escalate to k when lim within lim per ip.src"
        "  respond { remove ip.src from s } }\nsink k = stdout()\n"
        "test \"t\" { after lim\n tcp 1.2.3.4:5 -> 1.2.3.5:6 => pass by r, alert a\n expect s contains 1.2.3.4 }\n";
    Library library;
    library.open("file:///marks.rules", 1, text);
    const ParsedFile* file = library.parsed("/marks.rules");
    REQUIRE(file != nullptr);
    REQUIRE(file->is_clean);
    for (const Mark& mark : file->marks) {
        INFO(mark.name << " at " << mark.span.begin);
        CHECK(file->sources.text(mark.span) == mark.name);
    }
    CHECK(uses(*file, Space::kParameter, "lim") == 2);
    CHECK(uses(*file, Space::kParameter, "x") == 2);
    CHECK(uses(*file, Space::kValue, "lim") == 10);
    CHECK(uses(*file, Space::kValue, "s") == 4);
    CHECK(uses(*file, Space::kRule, "r") == 2);
    CHECK(uses(*file, Space::kAlert, "a") == 3);
    CHECK(uses(*file, Space::kSink, "k") == 3);
}

TEST_CASE("a name is found in what a file imports, and in what imports it") {
    const tests::Folder folder;
    const std::string nets = folder.write("nets.rules", "let office = 1\nlet both = office\n");
    const std::string edge = folder.write("edge.rules", "import \"nets.rules\"\nlet mine = office\n");
    const std::string stranger = folder.write("stranger.rules", "let office = 2\n");
    Library library;
    library.folders = {edge.substr(0, edge.rfind('/'))};
    const ParsedFile* file = library.parsed(edge);
    REQUIRE(file != nullptr);
    const Mark* mark = mark_at(file->marks, static_cast<std::uint32_t>(file->text.all().rfind("office")));
    REQUIRE(mark != nullptr);
    const auto declared = library.declaration(*file, *mark);
    REQUIRE(declared);
    CHECK(declared->file->path == nets);
    std::vector<std::string> paths;
    for (const ParsedFile* one : library.relatives(nets)) paths.push_back(one->path);
    CHECK(paths == std::vector<std::string>{nets, edge});

    // What is open counts, not what is on the disk; a file that changes is read again with the next request.
    library.open(uri_of(nets), 1, "let other = 1\n");
    CHECK(!library.declaration(*library.parsed(edge), *mark));
    library.close(uri_of(nets));
    folder.write("nets.rules", "let office = 1\nlet more_than_before = 2\n");
    library.begin_request();
    CHECK(library.declaration(*library.parsed(edge), *mark));
}

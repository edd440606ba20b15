#include "service/named_files.h"

#include <catch2/catch.hpp>

using namespace weir::service;
using Kind = NamedFiles::Kind;

TEST_CASE("a policy's files are those that it names") {
    NamedFiles files("/etc/weir/edge.rules", {"/usr/share/weir"});
    CHECK(files.kind("/etc/weir/edge.rules") == Kind::kPolicy);
    CHECK(files.kind("/etc/weir/lists/bad.txt") == Kind::kNone);
    files.add("/etc/weir/edge.rules",
              "import \"common.rules\"  # and \"more\"\nimport\n  \"std/scan.rules\"\n"
              "set bad : ip from \"lists/bad.txt\"\nset worse : ip from \"/srv/feeds/worse.txt\"\n"
              "sink s = eve(\"/var/log/weir/eve.json\")\nset up : ip from \"../up.txt\"\n");
    CHECK(files.kind("/etc/weir/common.rules") == Kind::kPolicy);
    CHECK(files.kind("/usr/share/weir/common.rules") == Kind::kPolicy);
    CHECK(files.kind("/usr/share/weir/std/scan.rules") == Kind::kPolicy);
    CHECK(files.kind("/etc/weir/lists/bad.txt") == Kind::kList);
    CHECK(files.kind("/srv/feeds/worse.txt") == Kind::kList);
    CHECK(files.kind("/etc/up.txt") == Kind::kList);
    for (const char* other : {"/etc/passwd", "/etc/weir/edge.rules.bak", "/etc/weir/bad.txt", "/srv/feeds",
                              "lists/bad.txt", "", "/etc/weir/../weir/common.rules"})
        CHECK(files.kind(other) == Kind::kNone);
}

TEST_CASE("what an imported file names may be read, what a list names may not") {
    NamedFiles files("/p/a.rules", {});
    files.add("/p/a.rules", "import \"sub/b.rules\"\nset s : ip from \"list.txt\"\n");
    files.add("/p/sub/b.rules", "set t : ip from \"c.txt\"\n");
    CHECK(files.kind("/p/sub/c.txt") == Kind::kList);
    CHECK(files.kind("/p/c.txt") == Kind::kNone);
    CHECK(files.kind("/p/list.txt") == Kind::kList);  // the reader adds no list
}

TEST_CASE("every string of a policy is found, whatever stands around it") {
    NamedFiles files("/p/a.rules", {});
    files.add("/p/a.rules",
              "# it's a \" stray quote\nset s : ip from \"one.txt\" # \"\nalert a { message \"say \\\"hi\\\" \\\\\" }\n"
              "set t:ip from \"two.txt\"set u:ip from\"three.txt\"");
    for (const char* name : {"one.txt", "two.txt", "three.txt"}) {
        CHECK(files.kind(std::string("/p/") + name) == Kind::kList);
        CHECK(files.is_quoted(name));
    }
    CHECK(files.is_quoted("say \"hi\" \\"));
    CHECK_FALSE(files.is_quoted("four.txt"));
    CHECK_FALSE(files.is_quoted(""));
}

TEST_CASE("a file that both an import and a set name is a policy") {
    NamedFiles files("/p/a.rules", {});
    files.add("/p/a.rules", "set s : ip from \"b\"\nimport \"b\"\n");
    CHECK(files.kind("/p/b") == Kind::kPolicy);
}

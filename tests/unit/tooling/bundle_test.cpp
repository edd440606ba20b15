// A policy with all that it reads, made on one machine and read without its disk.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/unit/tooling/folder.h"
#include "tooling/files/bundle.h"
#include "tooling/files/sha256.h"
#include "tooling/files/tar.h"

using namespace weir;
using namespace weir::tooling;

namespace {

constexpr const char* kEdge =
    "import \"parts/ports.rules\"\nimport \"shared.rules\"\nset bad : net from \"lists/bad.netset\"\n"
    "rule r { when ip.src in bad and ports then drop }\ntest \"t\" { replay \"some.pcap\" => pass }\n";

// A policy of five files, one of them in an --include folder.
struct Tree {
    tests::Folder folder{};
    PolicyOptions options{};
    Tree() {
        folder.write("site/edge.rules", kEdge);
        folder.write("site/parts/ports.rules", "let ports = tcp.dport == 22\n");
        folder.write("site/lists/bad.netset", "10.0.0.0/8\n");
        folder.write("site/some.pcap", "a capture");
        folder.write("site/unrelated", "not taken along");
        folder.write("std/shared.rules", "rule shared { when arp then pass }\n");
        options.include_dirs = {folder.path("std")};
    }
    std::string policy() const { return folder.path("site/edge.rules"); }
};

Bundle bundle_of(const Tree& tree) {
    auto collected = collect(tree.policy(), tree.options);
    if (!collected) FAIL(collected.error().message);
    INFO(render(collected->loaded.sources, collected->loaded.diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
    REQUIRE(collected->loaded.compiled);
    return std::move(collected->bundle);
}
std::string fault_of(const Result<Collected>& collected) {
    return collected ? std::string() : collected.error().message;
}
std::string fault_of(const std::string& tar) {
    const auto bundle = bundle_from_tar(tar);
    return bundle ? std::string() : bundle.error().message;
}

}  // namespace

TEST_CASE("SHA-256 of FIPS 180-4's examples") {
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a bundle has what the policy reads and nothing else") {
    const Tree tree;
    const Bundle bundle = bundle_of(tree);
    std::vector<std::string> names;
    for (const BundleFile& file : bundle.files) names.push_back(file.name);
    CHECK(names == std::vector<std::string>{"/include/1/shared.rules", "edge.rules", "lists/bad.netset",
                                            "parts/ports.rules", "some.pcap"});
    CHECK(bundle.policy == "edge.rules");
    CHECK(bundle.find("some.pcap")->bytes == "a capture");
    CHECK(bundle.find("edge.rules")->sha256 == sha256(kEdge));
    CHECK(bundle.find("unrelated") == nullptr);
}

TEST_CASE("a bundle checks without the disk, and means the same") {
    Bundle bundle;
    std::string tar;
    std::size_t rules = 0;
    {
        const Tree tree;
        bundle = bundle_of(tree);
        auto bytes = to_tar(bundle);
        REQUIRE(bytes);
        tar = *bytes;
        rules = analyse_file(tree.policy(), tree.options).compiled->policy.rules.size();
    }
    auto read = bundle_from_tar(tar);
    if (!read) FAIL(read.error().message);
    CHECK(*read == bundle);
    const LoadedPolicy loaded = analyse_bundle(*read, {});
    REQUIRE(loaded.compiled);
    CHECK(loaded.compiled->policy.rules.size() == rules);
    CHECK(loaded.compiled->policy.name == "edge");
}

TEST_CASE("diagnostics of a bundle name its files") {
    const tests::Folder folder;
    folder.write("edge.rules", "import \"a/part.rules\"");
    folder.write("a/part.rules", "rule r { when tcp.dprot == 1 then drop }");
    const auto collected = collect(folder.path("edge.rules"), {});
    if (!collected) FAIL(collected.error().message);
    const LoadedPolicy& loaded = (*collected).loaded;
    CHECK(!loaded.compiled);
    CHECK(loaded.status == kPolicyFault);
    CHECK_THAT(render(loaded.sources, loaded.diagnostics, DiagnosticFormat::kHuman, Colour::kOff),
               Catch::Contains(" --> a/part.rules:1:15"));
}

TEST_CASE("what is outside is not taken along") {
    const tests::Folder folder;
    folder.write("secret", "10.0.0.0/8\n");
    folder.write("std/a.rules", "import \"../secret\"\n");
    std::filesystem::create_directories(folder.path("site/sub"));
    std::filesystem::create_symlink("../secret", folder.path("site/link"));
    std::filesystem::create_directory_symlink("..", folder.path("site/up"));
    PolicyOptions options;
    options.include_dirs = {folder.path("std")};
    const std::string set = "set s : net from \"{}\"\nrule r {{ when ip.src in s then drop }}\n";
    for (const std::string& path :
         {std::string("../secret"), std::string("sub/../../secret"), std::string("link"), std::string("up/secret"),
          folder.path("secret"), folder.path("site/sub/../../secret")}) {
        INFO(path);
        folder.write("site/edge.rules", fmt::format(fmt::runtime(set), path));
        CHECK_THAT(fault_of(collect(folder.path("site/edge.rules"), options)), Catch::Contains("is outside of"));
        folder.write("site/edge.rules", fmt::format("import \"{}\"\n", path));
        CHECK_THAT(fault_of(collect(folder.path("site/edge.rules"), options)), Catch::Contains("is outside of"));
        folder.write("site/edge.rules", fmt::format("test \"t\" {{ replay \"{}\" => pass }}\n", path));
        CHECK_THAT(fault_of(collect(folder.path("site/edge.rules"), options)), Catch::Contains("is outside of"));
    }
    folder.write("site/edge.rules", "import \"a.rules\"\n");  // and that one leaves the --include folder
    CHECK_THAT(fault_of(collect(folder.path("site/edge.rules"), options)), Catch::Contains("is outside of"));
    CHECK_THAT(fault_of(collect("-", options)), Catch::Contains("standard input"));
    CHECK_THAT(fault_of(collect(folder.path("site/none.rules"), options)), Catch::Contains("cannot be read"));
    folder.write("site/edge.rules", "test \"t\" { replay \"none.pcap\" => pass }\n");
    CHECK_THAT(fault_of(collect(folder.path("site/edge.rules"), options)), Catch::Contains("none.pcap cannot be read"));
}

TEST_CASE("a folder above the policy's own, and a policy that is a link") {
    const tests::Folder folder;
    folder.write("sites/a/edge.rules", "import \"../../common/web.rules\"\n");
    folder.write("common/web.rules", "rule web { when tcp.dport == 80 then pass }\n");
    std::filesystem::create_symlink("edge.rules", folder.path("sites/a/now.rules"));
    auto collected = collect(folder.path("sites/a/now.rules"), {}, folder.path());
    if (!collected) FAIL(collected.error().message);
    CHECK(collected->bundle.policy == "sites/a/now.rules");
    CHECK(collected->bundle.find("common/web.rules") != nullptr);
    CHECK(analyse_bundle(collected->bundle, {}).compiled);
    CHECK_THAT(fault_of(collect(folder.path("sites/a/edge.rules"), {}, folder.path("common"))),
               Catch::Contains("is outside of"));
}

TEST_CASE("a policy in a bundle reads nothing else, whatever it names") {
    const tests::Folder folder;
    const std::string secret = folder.write("secret", "10.0.0.0/8\n");
    for (const std::string& path :
         {secret, std::string("../secret"), std::string("/include/7/x"), std::string("secret")}) {
        const std::string text =
            fmt::format("set s : net from \"{}\"\nrule r {{ when ip.src in s then drop }}\n", path);
        const Bundle bundle{"edge.rules", 1, {{"edge.rules", sha256(text), text}}};
        const LoadedPolicy loaded = analyse_bundle(bundle, {});
        CHECK(!loaded.compiled);
        REQUIRE(loaded.diagnostics.errors() == 1);
        CHECK_THAT(loaded.diagnostics.all().front().message,
                   Catch::Contains("of the bundle") || Catch::Contains("in the bundle"));
    }
}

TEST_CASE("a bundle that was changed is refused") {
    const Tree tree;
    auto whole = to_tar(bundle_of(tree));
    REQUIRE(whole);
    REQUIRE(fault_of(*whole).empty());
    // Every byte: content, names, sizes, check sums, the manifest, padding, owners, the end.
    for (std::size_t at = 0; at < whole->size(); ++at) {
        std::string changed = *whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x11);
        if (bundle_from_tar(changed)) FAIL("a change of byte " << at << " is accepted");
    }
    for (std::size_t size = 0; size < whole->size(); size += 512) CHECK(!fault_of(whole->substr(0, size)).empty());
}

TEST_CASE("archives that no bundle is are refused, with the reason") {
    const auto manifest = [](const std::string& name, const std::string& content) {
        return fmt::format("weir bundle 1\npolicy edge.rules\ninclude 0\n{}  {}\n", sha256(content), name);
    };
    const auto tar_of = [](std::vector<TarEntry> entries) {
        auto tar = to_tar(entries);
        REQUIRE(tar);
        return *tar;
    };
    const std::string text = "rule r { when tcp then drop }\n", name = "policy/edge.rules";
    CHECK(fault_of(tar_of({{"manifest", manifest(name, text)}, {name, text}})).empty());
    CHECK_THAT(fault_of(tar_of({{name, text}})), Catch::Contains("first file is not `manifest`"));
    CHECK_THAT(fault_of(tar_of({{"manifest", manifest(name, text)}})), Catch::Contains("has no policy"));
    CHECK_THAT(fault_of(tar_of({{"manifest", manifest(name, "other")}, {name, text}})),
               Catch::Contains("not those of its manifest"));
    CHECK_THAT(fault_of(tar_of({{"manifest", "weir bundle 2\n"}, {name, text}})), Catch::Contains("cannot be read"));
    for (const char* bad :
         {"policy/../x", "../x", "/etc/x", "policy//x", "policy/./x", "include/1/x", "other", "policy/"})
        CHECK_THAT(fault_of(tar_of({{"manifest", manifest(name, text)}, {bad, text}})),
                   Catch::Contains("leads outside"));
    CHECK_THAT(fault_of(tar_of({{"manifest", manifest(name, text)}, {name, text}, {name, text}})),
               Catch::Contains("not in order"));
    CHECK_THAT(fault_of("no tar"), Catch::Contains("it has no end"));
    std::string link = tar_of({{"manifest", manifest(name, text)}, {name, text}});
    link[156] = '2';  // the type of the first entry; its check sum follows
    CHECK_THAT(fault_of(link), Catch::Contains("check sum"));
}

TEST_CASE("names of archives: long ones are divided, and longer ones refused") {
    const std::string folder(120, 'f'), file(90, 'n');
    auto tar = to_tar(std::vector<TarEntry>{{folder + "/" + file, "x"}, {"short", std::string(512, 'y')}});
    REQUIRE(tar);
    CHECK(tar->size() == 512 * 6);
    const auto read = from_tar(*tar);
    REQUIRE(read);
    CHECK((*read).front().name == folder + "/" + file);
    CHECK((*read).back().bytes == std::string(512, 'y'));
    CHECK(!to_tar(std::vector<TarEntry>{{std::string(101, 'n'), "x"}}));
    CHECK(!to_tar(std::vector<TarEntry>{{std::string(156, 'f') + "/" + file, "x"}}));
}

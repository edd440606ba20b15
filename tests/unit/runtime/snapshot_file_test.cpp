// The file that keeps entries of sets: what is written is read again, and nothing else is.
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "grammar/base/seeded.h"
#include "runtime/state/set_text.h"
#include "runtime/state/snapshot_file.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() {
        char name[] = "/tmp/weir-kept-XXXXXX";
        path = std::string(mkdtemp(name)) + "/engine";
    }
    ~Folder() { fs::remove_all(fs::path(path).parent_path()); }
    std::string read() const {
        std::ifstream in(snapshot_path(path));
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const std::string& text) const {
        fs::create_directories(path);
        std::ofstream(snapshot_path(path)) << text;
        fs::permissions(snapshot_path(path), fs::perms::owner_read | fs::perms::owner_write);
    }
    std::string path;
};

struct Line {
    std::string identity, value;
    std::uint64_t end_ns;
    auto operator<=>(const Line&) const = default;
};
const std::vector<Line> kLines = {{"set a: (ip)", "198.51.100.7", 0},
                                  {"set a: (ip)", "2001:db8::1", 1'800'000'000'000'000'000},
                                  {"set b: (ip, port)", "198.51.100.7, 22", ~std::uint64_t{0}},
                                  {"set c: (mac)", "02:00:00:00:00:01", 1}};
constexpr std::uint64_t kNow_ns = 1'767'322'800'000'000'000;

std::string written(const Folder& folder, const std::vector<Line>& lines = kLines) {
    auto file = SnapshotWriter::create(folder.path, kNow_ns);
    REQUIRE(file);
    std::string identity;
    for (const Line& line : lines) {
        if (line.identity != identity) file->set(identity = line.identity);
        file->entry(line.value, line.end_ns);
    }
    REQUIRE(file->finish());
    return folder.read();
}

// What is read; the error's message where it is refused.
std::string fault_of(const Folder& folder, std::vector<Line>* lines = nullptr) {
    auto file = SnapshotReader::open(folder.path);
    if (!file) return file.error().message;
    CHECK(file->saved_at_ns() == kNow_ns);
    const Status read = file->each([&](std::string_view identity, std::string_view value, std::uint64_t end_ns) {
        if (lines != nullptr) lines->push_back({std::string(identity), std::string(value), end_ns});
    });
    return read ? "" : read.error().message;
}

// The same hash as the file's, by another hand.
std::string with_end(const std::string& body, std::uint64_t entries) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : body) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001b3;
    }
    return fmt::format("{}end {} {:016x}\n", body, entries, hash);
}

}  // namespace

TEST_CASE("what a file keeps is read again") {
    const Folder folder;
    const std::string text = written(folder);
    CHECK(text.starts_with("weir sets 1\nat 1767322800000000000\nset a: (ip)\n0 198.51.100.7\n"));
    std::vector<Line> lines;
    CHECK(fault_of(folder, &lines) == "");
    CHECK(lines == kLines);
    struct stat facts{};
    REQUIRE(stat(snapshot_path(folder.path).c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    REQUIRE(stat(folder.path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07027) == 0);
    CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
    CHECK(written(folder, {}) == with_end("weir sets 1\nat 1767322800000000000\n", 0));
}

TEST_CASE("many entries are one file, whole") {
    const Folder folder;
    std::vector<Line> lines, read;
    for (std::uint32_t i = 0; i < 100'000; ++i) lines.push_back({"set n: (u32)", std::to_string(i), i});
    written(folder, lines);
    CHECK(fault_of(folder, &read) == "");
    CHECK(read == lines);
}

TEST_CASE("a file that is cut short or changed anywhere is refused whole") {
    const Folder folder;
    const std::string text = written(folder);
    for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
        folder.write(text.substr(0, bytes));
        if (fault_of(folder).empty()) FAIL("cut to " << bytes << " bytes");
    }
    for (std::size_t at = 0; at < text.size(); ++at)
        for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
            std::string other = text;
            other[at] = static_cast<char>(other[at] ^ mask);
            folder.write(other);
            if (fault_of(folder).empty()) FAIL("byte " << at << " with " << mask);
        }
    folder.write(text + text);
    CHECK_THAT(fault_of(folder), Catch::EndsWith("has data after its end"));
    folder.write(text);
    CHECK(fault_of(folder) == "");
}

TEST_CASE("what is no such file says so") {
    const Folder folder;
    const std::string text = written(folder), body = "weir sets 1\nat 1767322800000000000\n";
    const auto said = [&](const std::string& other) { return folder.write(other), fault_of(folder); };
    CHECK_THAT(said(""), Catch::EndsWith("is not a sets file of weir"));
    CHECK_THAT(said("weir sets 2\n" + text.substr(12)),
               Catch::EndsWith("has a version that this weir does not support"));
    CHECK_THAT(said(with_end("weir sets 1\nat noon\n", 0)), Catch::EndsWith("does not say when it was written"));
    CHECK_THAT(said(with_end(body + "0 1.2.3.4\n", 1)), Catch::EndsWith("has a line that is not an entry"));
    CHECK_THAT(said(with_end(body + "set a: (ip)\n1.2.3.4\n", 1)), Catch::EndsWith("has a line that is not an entry"));
    CHECK_THAT(said(with_end(body + "set a: (ip)\n18446744073709551616 1.2.3.4\n", 1)),
               Catch::EndsWith("has a line that is not an entry"));
    CHECK_THAT(said(with_end(body + "set \x1b[31m\n", 0)), Catch::EndsWith("has a line that is no text"));
    CHECK_THAT(said(with_end(body + "set a: (ip)\n0 1.2.3.4\n", 18446744073709551615u)),
               Catch::EndsWith("does not match its checksum"));
    CHECK_THAT(said(body + "set " + std::string(100'000, 'a') + "\n"), Catch::EndsWith("is truncated"));
    std::string sets;
    for (int i = 0; i < 70'000; ++i) sets += "set a: (ip)\n";
    CHECK_THAT(said(with_end(body + sets, 0)), Catch::EndsWith("has too many sets"));
    CHECK(said(with_end(body + "set a: (ip)\n0 anything\n", 1)).empty());
}

TEST_CASE("what is no file of one's own is not read") {
    const Folder folder;
    written(folder);
    const fs::path file = snapshot_path(folder.path);
    fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
    CHECK_THAT(fault_of(folder), Catch::EndsWith("is writable by others"));
    fs::permissions(file, fs::perms::group_write, fs::perm_options::remove);
    fs::resize_file(file, std::uint64_t{3} << 30);  // with a hole in it
    CHECK_THAT(fault_of(folder), Catch::Contains("has 3221225472 bytes"));
    fs::resize_file(file, 1 << 30);
    CHECK(fault_of(folder) != "");
    fs::rename(file, folder.path + "/elsewhere");
    fs::create_symlink("elsewhere", file);
    CHECK_THAT(fault_of(folder), Catch::EndsWith("is a symbolic link"));
    // The next one takes its place, and does not write through it.
    const auto aside = quarantine_snapshot(folder.path);
    REQUIRE(aside);
    CHECK(fs::is_symlink(*aside));
    written(folder);
    CHECK(fault_of(folder) == "");
    CHECK(fs::file_size(folder.path + "/elsewhere") == 1 << 30);
    fs::remove(file);
    REQUIRE(mkfifo(file.c_str(), 0600) == 0);
    CHECK_THAT(fault_of(folder), Catch::EndsWith("is not a regular file"));
    fs::remove(file);
    fs::create_directory(file);
    CHECK_THAT(fault_of(folder), Catch::EndsWith("is not a regular file"));
    fs::remove(file);
    const auto none = SnapshotReader::open(folder.path);
    REQUIRE(!none);
    CHECK(none.error().number == ENOENT);
    CHECK(SnapshotReader::open(folder.path + "/nowhere").error().number == ENOENT);
    // Nor is a folder that is a link to one.
    fs::create_directory_symlink(folder.path, folder.path + "-link");
    CHECK(!SnapshotReader::open(folder.path + "-link"));
    CHECK(!SnapshotWriter::create(folder.path + "-link", kNow_ns));
    CHECK(!SnapshotWriter::create(folder.path + "/not/made/either", kNow_ns));
}

TEST_CASE("what is not finished leaves the file as it was") {
    const Folder folder;
    const std::string text = written(folder);
    {
        auto file = SnapshotWriter::create(folder.path, kNow_ns + 1);
        REQUIRE(file);
        file->set("set z: (ip)");
    }
    CHECK(folder.read() == text);
    CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
    std::ofstream(folder.path + "/sets.new") << "left by one that was killed";
    CHECK(written(folder) == text);
}

// Files that are whole, with anything in them: never a crash, and never an entry that another writing would change.
TEST_CASE("entries that are no values of their set's type are refused one by one") {
    Seeded random(7);
    const Folder folder;
    const std::vector<bpf::SetInfo> sets = {
        {"a", true, 0, "set a: (ip)", 0, 0, {bpf::SetPart::kIp}},
        {"b", true, 0, "set b: (ip, port)", 0, 0, {bpf::SetPart::kIp, bpf::SetPart::kPort}},
        {"c", true, 0, "set c: (mac)", 0, 0, {bpf::SetPart::kMac}}};
    const std::string good = "0123456789abcdef:., ()-+xX/";
    std::size_t taken = 0;
    for (int round = 0; round < 2000; ++round) {
        std::string body = "weir sets 1\nat 1767322800000000000\n";
        std::uint64_t entries = 0;
        for (const bpf::SetInfo& info : sets) {
            body += info.identity + "\n";
            for (int i = 0; i < 5; ++i, ++entries) {
                std::string value = i == 0 ? "1.2.3.4" : i == 1 ? "::1, 65535" : i == 2 ? "02:00:00:00:00:01" : "";
                for (std::uint64_t changes = random() % 4; changes != 0; --changes)
                    value.insert(random() % (value.size() + 1), 1, good[random() % good.size()]);
                body += fmt::format("{} {}\n", random() % 3, value);
            }
        }
        folder.write(with_end(body, entries));
        std::vector<Line> lines;
        REQUIRE(fault_of(folder, &lines) == "");
        for (const Line& line : lines)
            for (const bpf::SetInfo& info : sets) {
                if (info.identity != line.identity) continue;
                auto words = set_words(info, line.value);
                if (!words) continue;
                ++taken;
                const auto again = set_words(info, set_text(info, words->data()));
                REQUIRE(again);
                REQUIRE(*again == *words);
            }
    }
    CHECK(taken > 1000);
}

TEST_CASE("values of each type are written as they are read") {
    using Part = bpf::SetPart;
    const auto again = [](std::vector<Part> parts, const std::string& value) {
        const bpf::SetInfo info{"s", true, 0, "set s: (x)", 0, 0, std::move(parts)};
        auto words = set_words(info, value);
        return words ? set_text(info, words->data()) : words.error().message;
    };
    CHECK(again({Part::kIp}, "198.51.100.7") == "198.51.100.7");
    CHECK(again({Part::kIp}, "2001:DB8:0::1") == "2001:db8::1");
    CHECK(again({Part::kIp}, "::ffff:1.2.3.4") == "::ffff:1.2.3.4");
    CHECK(again({Part::kNet}, "10.0.0.0/8") == "10.0.0.0/8");
    CHECK(again({Part::kNet}, "0.0.0.0/0") == "0.0.0.0/0");
    CHECK(again({Part::kNet}, "2001:db8::/33") == "2001:db8::/33");
    CHECK(again({Part::kNet}, "::/0") == "::/0");
    CHECK(again({Part::kNet}, "10.0.0.1/32") == "10.0.0.1");
    CHECK(again({Part::kNet}, "::1/128") == "::1");
    CHECK(again({Part::kPort, Part::kNet, Part::kU8}, "80,2001:db8::/64,7") == "80, 2001:db8::/64, 7");
    CHECK(again({Part::kPort}, "65535") == "65535");
    CHECK(again({Part::kPort}, "65536") == "`65536` is no port");
    CHECK(again({Part::kMac}, "02:00:00:00:00:fF") == "02:00:00:00:00:ff");
    CHECK(again({Part::kU8}, "255") == "255");
    CHECK(again({Part::kU16}, "65535") == "65535");
    CHECK(again({Part::kU32}, "4294967295") == "4294967295");
    CHECK(again({Part::kU32}, "4294967296") == "`4294967296` is no u32");
    CHECK(again({Part::kIp, Part::kPort}, "(198.51.100.7,22)") == "198.51.100.7, 22");
    CHECK(again({Part::kMac, Part::kIp, Part::kU8}, "02:00:00:00:00:01, ::1, 7") == "02:00:00:00:00:01, ::1, 7");
    CHECK(again({Part::kIp, Part::kPort}, "198.51.100.7") == "`` is no port");
    CHECK(again({Part::kPort}, "1, 2") == "`1, 2` is no port");
}

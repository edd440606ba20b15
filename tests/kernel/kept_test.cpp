// Sets that change outlast their engine: a file that is whole whenever its writer ends, and is read before packets
// come.
#include <catch2/catch.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>

#include "grammar/base/seeded.h"
#include "runtime/kernel.h"
#include "runtime/state/snapshot_file.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

struct Folder {
    Folder() {
        char name[] = "/tmp/weir-kept-XXXXXX";
        root = mkdtemp(name);
    }
    ~Folder() { fs::remove_all(root); }
    std::string path() const { return root + "/state/one"; }
    std::string root;
};

struct Start {
    bpf::Object object;
    std::string notices{};
    std::unique_ptr<Engine> engine{};

    Start(const std::string& policy, const std::string& folder, std::uint64_t every_ms = 3'600'000,
          runtime::Lifetime lifetime = runtime::Lifetime::kProcess)
        : object(compiled(policy)) {
        auto options = on("b0");
        options.name = "one";
        options.lifetime = lifetime;
        options.state_folder = folder;
        options.keep_every_ms = every_ms;
        options.on_notice = [this](const std::string& sentence) { notices += sentence + "\n"; };
        auto started = Engine::start(object, std::move(options));
        REQUIRE(started);
        engine = std::move(*started);
    }
};

void add(const Engine& engine, const std::string& name, const std::vector<std::string>& values,
         std::optional<std::chrono::nanoseconds> lasts = {}) {
    auto set = engine.set(name);
    REQUIRE(set);
    auto added = set->add(values, lasts ? std::optional<std::uint64_t>(lasts->count()) : std::nullopt);
    REQUIRE(added);
    REQUIRE(added->refused == 0);
}

std::string read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

template <typename Holds>
bool comes_true(Engine& engine, const Holds& holds) {
    for (const auto end = std::chrono::steady_clock::now() + 20s; !holds();) {
        if (std::chrono::steady_clock::now() > end) return false;
        static_cast<void>(engine.poll(1));
    }
    return true;
}

constexpr const char* kBanning =
    "set banned : port size 1000 ttl 1h "
    "rule ban { when udp.dport in banned then drop } "
    "rule missed { when udp.dport == 23 then pass } "
    "rule guessing { when udp.dport in 1000..1999 then add udp.dport to banned }";

}  // namespace

TEST_CASE("entries of each type come back, with the time they have left", "[kept]") {
    const std::string policy =
        "set a : ip set p : port set m : mac set x : u8 set y : u16 set z : u32 set t : (ip, port) set w : (ip, ip, "
        "mac) set none : port set n : net set q : (port, net) "
        "rule r { when udp and ip.src in a and udp.dport in p and eth.src in m and ip.ttl in x and ip.id in z and "
        "(ip.src, udp.dport) in t "
        "and (ip.src, ip.dst, eth.src) in w and packet.len in z and udp.len in y and udp.sport in none and ip.src in n "
        "and (udp.dport, ip.src) in q then drop }";
    const Folder folder;
    const std::vector<std::pair<std::string, std::vector<std::string>>> all = {
        {"a", {"198.51.100.7", "2001:db8::1", "::ffff:1.2.3.4"}},
        {"p", {"0", "65535"}},
        {"m", {"02:00:00:00:00:fe"}},
        {"x", {"0", "255"}},
        {"y", {"65535"}},
        {"z", {"4294967295"}},
        {"t", {"198.51.100.7, 22", "2001:db8::1, 80"}},
        {"w", {"1.2.3.4, 2001:db8::1, 02:00:00:00:00:01"}},
        {"none", {}},
        {"n", {"10.0.0.0/8", "2001:db8::/32", "1.2.3.4", "::/0"}},
        {"q", {"80, 10.0.0.0/8"}}};
    {
        const Start first(policy, folder.path());
        for (const auto& [set, values] : all) add(*first.engine, set, values);
        add(*first.engine, "p", {"7"}, 1h);
        add(*first.engine, "p", {"8"}, 1500ms);
        CHECK(status_of(*first.engine).sets_file->saved_at.empty());
    }
    std::this_thread::sleep_for(1600ms);
    Start second(policy, folder.path());
    CHECK_THAT(second.notices, Catch::Contains("19 set entries restored, 1 expired since 20"));
    for (const auto& [set, values] : all) {
        std::vector<std::string> expected = values;
        if (set == "p") expected.push_back("7");
        std::sort(expected.begin(), expected.end());
        CHECK(members(*second.engine, set) == expected);
    }
    const auto entries = *second.engine->set("p")->list();
    for (const auto& entry : entries) {
        CAPTURE(entry.value, entry.expires_in_ns);
        CHECK((entry.value == "7" ? entry.expires_in_ns > 3'590'000'000'000 && entry.expires_in_ns < 3'598'500'000'000
                                  : entry.expires_in_ns == 0));
    }
    CHECK(status_of(*second.engine).sets_file->restored == 19);
    CHECK(status_of(*second.engine).sets_file->skipped == 0);
}

TEST_CASE("a ban is in force from the first packet that the policy sees", "[kept]") {
    const Folder folder;
    Wire wire;
    {
        Start first(kBanning, folder.path());
        wire.send(udp(1023));
        wire.send(udp(9));
        wire.passed(9, 2);
        add(*first.engine, "banned", {"23"});
    }
    std::atomic<bool> stop = false;
    std::thread sender([&] {
        Wire other("a0", "b0");
        while (!stop) other.send(udp(23));
    });
    {
        Start second(kBanning, folder.path());
        CHECK(comes_true(*second.engine, [&] { return rule(status_of(*second.engine), "ban").packets > 100; }));
        CHECK(rule(status_of(*second.engine), "missed").packets == 0);
        CHECK(members(*second.engine, "banned") == std::vector<std::string>{"1023", "23"});
    }
    stop = true;
    sender.join();
}

TEST_CASE("what has changed is written while the engine runs, and nothing where nothing has", "[kept]") {
    const Folder folder;
    Start start(kBanning, folder.path(), 1);
    Engine& engine = *start.engine;
    const auto kept = [&] { return status_of(engine).sets_file->entries; };
    REQUIRE(comes_true(engine, [&] { return !status_of(engine).sets_file->saved_at.empty(); }));
    Wire wire;
    for (std::uint16_t i = 0; i < 5; ++i) wire.send(udp(static_cast<std::uint16_t>(1000 + i)));
    CHECK(comes_true(engine, [&] { return kept() == 5; }));
    const std::string text = read(runtime::snapshot_path(folder.path())), at = status_of(engine).sets_file->saved_at;
    for (const auto end = std::chrono::steady_clock::now() + 300ms; std::chrono::steady_clock::now() < end;)
        REQUIRE(engine.poll(1));
    CHECK(read(runtime::snapshot_path(folder.path())) == text);
    CHECK(status_of(engine).sets_file->saved_at == at);
    add(engine, "banned", {"1000"}, 2h);  // the same entry, another time
    CHECK(comes_true(engine, [&] { return status_of(engine).sets_file->saved_at != at; }));
    // What is in force counts: a policy whose set is another kind keeps none of those entries.
    REQUIRE(engine.swap(compiled("set banned : u16 rule r { when udp.len in banned then drop }")));
    CHECK(comes_true(engine, [&] { return kept() == 0; }));
    CHECK_THAT(read(runtime::snapshot_path(folder.path())), Catch::Contains("set banned: (u16)"));
}

TEST_CASE("who goes on with a killed engine has its sets, and not the file", "[kept]") {
    const Folder folder;
    const auto pinned = runtime::Lifetime::kPinned;
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        Start start(kBanning, folder.path(), 1, pinned);
        add(*start.engine, "banned", {"1", "2"});
        if (!comes_true(*start.engine, [&] { return status_of(*start.engine).sets_file->entries == 2; })) _exit(1);
        if (!start.engine->set("banned")->remove({"1"})) _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE(waitpid(process, &how, 0) == process);
    REQUIRE((WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
    CHECK_THAT(read(runtime::snapshot_path(folder.path())), Catch::Contains(" 1\n"));
    {
        const Start next(kBanning, folder.path(), 3'600'000, pinned);
        CHECK_THAT(next.notices, !Catch::Contains("restored"));
        CHECK(members(*next.engine, "banned") == std::vector<std::string>{"2"});
    }
    const Start fresh(kBanning, folder.path());
    CHECK(members(*fresh.engine, "banned") == std::vector<std::string>{"2"});
}

TEST_CASE("entries that do not fit are skipped and reported", "[kept]") {
    const Folder folder;
    const std::string rest = "rule r { when udp.dport in a and udp.dport in b and udp.dport in c then drop }";
    {
        const Start first(
            "set a : port set b : port set c : port set d : port " + rest + " rule s { when udp.dport in d then drop }",
            folder.path());
        for (const char* set : {"a", "b", "c", "d"}) add(*first.engine, set, {"1", "2", "3"});
    }
    const std::string text = read(runtime::snapshot_path(folder.path()));
    {
        Start second("set a : port set b : port size 1 set c : u16 " +
                         std::string("rule r { when udp.dport in a and udp.dport in b and udp.len in c then drop }"),
                     folder.path());
        CHECK_THAT(second.notices, Catch::Contains("`set b: (port)`: 2 saved entries have no room"));
        CHECK_THAT(second.notices,
                   Catch::Contains("`set c: (port)`: 3 saved entries are skipped: it is `set c: (u16)` now"));
        CHECK_THAT(
            second.notices,
            Catch::Contains("`set d: (port)`: 3 saved entries are skipped: the policy has no such set that changes"));
        CHECK(members(*second.engine, "a").size() == 3);
        CHECK(members(*second.engine, "b").size() == 1);
        CHECK(members(*second.engine, "c").empty());
        CHECK(status_of(*second.engine).sets_file->skipped == 8);
        CHECK(status_of(*second.engine).sets_file->restored == 4);
    }
    // A damaged file is renamed, and the engine starts without it.
    std::ofstream(runtime::snapshot_path(folder.path())) << text.substr(0, text.size() / 2);
    {
        const Start third("set a : port " + std::string("rule r { when udp.dport in a then drop }"), folder.path());
        CHECK_THAT(third.notices, Catch::Contains("no set entries were restored: " + folder.path() +
                                                  "/sets is truncated\nthe file was renamed to " + folder.path() +
                                                  "/sets.unreadable"));
        CHECK(members(*third.engine, "a").empty());
    }
    CHECK(read(folder.path() + "/sets.unreadable") == text.substr(0, text.size() / 2));
    CHECK(runtime::SnapshotReader::open(folder.path()));
}

TEST_CASE("a wall clock that was put back gives no entry more time than it had", "[kept]") {
    const Folder folder;
    const std::string policy = "set a : port rule r { when udp.dport in a then drop }";
    const std::uint64_t year_ns = 31'536'000'000'000'000, ahead_ns = runtime::realtime_ns() + year_ns;
    {
        auto file = runtime::SnapshotWriter::create(folder.path(), ahead_ns);
        REQUIRE(file);
        file->set("set a: (port)");
        file->entry("1", ahead_ns + 60'000'000'000);
        file->entry("2", ahead_ns);
        file->entry("3", ~std::uint64_t{0});
        REQUIRE(file->finish());
    }
    const Start start(policy, folder.path());
    const auto entries = *start.engine->set("a")->list();
    REQUIRE(entries.size() == 2);
    for (const auto& entry : entries)
        if (entry.value == "1") CHECK((entry.expires_in_ns > 50'000'000'000 && entry.expires_in_ns <= 60'000'000'000));
}

// Says what a process does to the files of a folder, as it does it.
class FolderWatch {
public:
    explicit FolderWatch(const std::string& folder) : fd_(inotify_init1(IN_CLOEXEC)) {
        REQUIRE(inotify_add_watch(fd_.get(), folder.c_str(), IN_CREATE | IN_MODIFY | IN_MOVED_TO) >= 0);
    }
    // Waits until `name` had `times` of the events in `mask`. False where nothing at all happens for a minute.
    bool wait_for(const std::string& name, std::uint32_t mask, int times) {
        alignas(inotify_event) char buffer[4096];
        while (times > 0) {
            pollfd readable{fd_.get(), POLLIN, 0};
            if (poll(&readable, 1, 60'000) != 1) return false;
            const ssize_t got = ::read(fd_.get(), buffer, sizeof(buffer));
            for (ssize_t at = 0; at < got;) {
                const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
                if ((event->mask & mask) != 0 && name == event->name) --times;
                at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
            }
        }
        return true;
    }

private:
    runtime::UniqueFd fd_;
};

// The writes of the process say when it is killed, not a clock: every other time in the middle of a file, else once one
// is in its place.
TEST_CASE("killed while it writes: a whole file, each time", "[kept]") {
    const char* many = std::getenv("WEIR_KEPT_KILLS");
    const int kills = many == nullptr ? 10 : std::atoi(many);
    const Folder folder;
    fs::create_directories(folder.path());
    Seeded random(1);
    const std::string policy = "set banned : u32 size 200000 rule ban { when packet.len in banned then drop }";
    std::uint64_t most = 0;
    int unfinished = 0;
    for (int i = 0; i < kills; ++i) {
        FolderWatch watch(folder.path());
        const pid_t process = fork();
        REQUIRE(process >= 0);
        if (process == 0) {
            Start start(policy, folder.path(), 1);
            std::vector<std::string> values;
            for (int n = 0; n < 1000; ++n) values.push_back(std::to_string(100'000 + i * 1000 + n));
            add(*start.engine, "banned", values);
            for (std::uint32_t n = 0;; ++n) {
                add(*start.engine, "banned", {std::to_string(n % 1000)}, 1h);
                static_cast<void>(start.engine->poll(1));
            }
        }
        bool seen = true;
        if (i % 2 == 0)
            seen = watch.wait_for("sets", IN_MOVED_TO, 1 + static_cast<int>(random() % 2));
        else
            seen = watch.wait_for("sets.new", IN_CREATE, 1 + static_cast<int>(random() % 3)) &&
                   (random() % 2 == 0 || watch.wait_for("sets.new", IN_MODIFY, 1));
        kill(process, SIGKILL);
        REQUIRE(waitpid(process, nullptr, 0) == process);
        REQUIRE(seen);
        unfinished += fs::exists(folder.path() + "/sets.new") ? 1 : 0;
        auto file = runtime::SnapshotReader::open(folder.path());
        REQUIRE(file);
        std::uint64_t entries = 0;
        REQUIRE(file->each([&](std::string_view, std::string_view, std::uint64_t) { ++entries; }));
        CHECK(entries >= most);  // none of those that stay is lost
        most = std::max(most, entries / 1000 * 1000);
    }
    CHECK(most > 0);
    std::printf("%d kills, %d of them in the middle of a file; %lu entries at the end\n", kills, unfinished,
                static_cast<unsigned long>(most));
}

TEST_CASE("a full disk is said, and the policy goes on", "[kept]") {
    const Folder folder;
    const std::string disk = folder.root + "/state";
    fs::create_directory(disk);
    REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=32k") == 0);
    Start start("set banned : u32 size 100000 rule ban { when packet.len in banned then drop }", folder.path(), 1);
    Engine& engine = *start.engine;
    add(engine, "banned", {"1", "2", "3"});
    CHECK(comes_true(engine, [&] { return status_of(engine).sets_file->entries == 3; }));
    std::vector<std::string> values;
    for (int i = 0; i < 10'000; ++i) values.push_back(std::to_string(i));
    add(engine, "banned", values);
    CHECK(comes_true(engine, [&] { return status_of(engine).sets_file->state != "ok"; }));
    CHECK_THAT(status_of(engine).sets_file->state, Catch::Contains("No space left on device"));
    CHECK(status_of(engine).sets_file->entries == 3);
    CHECK(runtime::SnapshotReader::open(folder.path()));
    CHECK_FALSE(fs::exists(folder.path() + "/sets.new"));
    CHECK(members(engine, "banned").size() == 10'000);
    REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=4m") == 0);
    CHECK(comes_true(engine, [&] { return status_of(engine).sets_file->state == "ok"; }));
    CHECK(status_of(engine).sets_file->entries == 10'000);
    CHECK_THAT(start.notices,
               Catch::Contains("set entries cannot be saved: writing") && Catch::Contains("are saved again in"));
    start.engine.reset();
    CHECK(umount(disk.c_str()) == 0);
}

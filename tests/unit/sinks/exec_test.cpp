#include "runtime/sinks/exec.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#define CATCH_CONFIG_ENABLE_PAIR_STRINGMAKER
#include <catch2/catch.hpp>

#include "runtime/sinks/exec_program.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/sinks/peer.h"

using namespace weir;
using namespace weir::runtime;
using namespace weir::tests;
namespace fs = std::filesystem;

namespace {

const bpf::FieldRef kPath = {"http.path",
                             bpf::FieldFormat::kText,
                             static_cast<std::uint8_t>(WEIR_HAS_HTTP_REQUEST),
                             static_cast<std::uint16_t>(WEIR_INSIDE_OFFSET + offsetof(weir_inside, http_path)),
                             4,
                             0,
                             0xffff};
using Words = std::vector<std::vector<bpf::MessagePart>>;

bpf::Manifest manifest() {
    bpf::Manifest all;
    all.policy = "edge";
    bpf::RuleInfo rule;
    rule.name = "guess";
    all.rules = {rule};
    bpf::AlertInfo alert;
    alert.name = "guessing";
    all.alerts = {alert};
    return all;
}

// Of this run's events: another run of these tests may be at work on the same machine.
const std::uint64_t kRing = std::uint64_t{std::random_device()()} << 32 | std::random_device()();

// Events of a request for a path, one each; `bytes` may be anything.
class Events {
public:
    explicit Events(const std::vector<std::string>& paths) {
        for (std::size_t i = 0; i < paths.size(); ++i) {
            events_.push_back(std::make_unique<PackedEvent>());
            set(*events_.back(), paths[i]);
            events_.back()->ring = kRing, events_.back()->position = i;
            pointers_.push_back(events_.back().get());
        }
    }
    // `path`: nullptr, one that has none.
    void set(PackedEvent& event, const std::string& path) {
        weir_event_inside record{};
        record.event.flags = WEIR_EVENT_INSIDE;
        record.event.packet.present[WEIR_PRESENT_WORD(WEIR_HAS_HTTP_REQUEST)] = WEIR_BIT(WEIR_HAS_HTTP_REQUEST);
        record.event.packet.payload_offset = 54;
        record.event.captured = static_cast<__u32>(path.size());
        std::memcpy(record.payload, path.data(), path.size());
        record.inside.http_path = WEIR_TEXT(54, static_cast<__u32>(path.size()));
        event.manifest = &manifest_;
        event.set_record({reinterpret_cast<const std::uint8_t*>(&record), sizeof(record)});
    }
    std::span<const PackedEvent* const> all() const { return pointers_; }
    PackedEvent& first() { return *events_.front(); }

private:
    bpf::Manifest manifest_ = manifest();
    std::vector<std::unique_ptr<PackedEvent>> events_{};
    std::vector<const PackedEvent*> pointers_{};
};

// Programs, and a place where they may write.
struct Place {
    Place() {
        fs::permissions(folder.path, fs::perms(0755));
        fs::create_directory(folder.path / "bin");
        fs::create_directory(folder.path / "out");
        fs::permissions(folder.path / "out", fs::perms(0777));
    }
    std::string program(const std::string& name, const std::string& script) const {
        const fs::path path = folder.path / "bin" / name;
        std::ofstream(path) << "#!/bin/sh\n" << script;
        fs::permissions(path, fs::perms(0755));
        return path;
    }
    std::string out(const std::string& name) const { return folder.path / "out" / name; }
    std::string read(const std::string& name) const {
        std::ifstream file(out(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::string bin() const { return folder.path / "bin"; }
    Folder folder{};
};

std::unique_ptr<ExecBroker> broker_of(const std::string& folder) {
    auto started = ExecBroker::start(folder);
    REQUIRE(started);
    return std::move(*started);
}

// Processes that programs of this run's events began, however long ago and whoever their parent is: all of them have
// the event's id in their environment.
std::size_t living_programs() {
    const std::string mark = fmt::format("WEIR_EVENT={:016x}-", kRing);
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        std::ifstream variables(entry.path() / "environ", std::ios::binary);
        count += std::string(std::istreambuf_iterator<char>(variables), {}).find(mark) != std::string::npos;
    }
    return count;
}

// What became of one run for each path, and the sink's last state.
struct Ran {
    std::map<std::string, std::size_t> outcomes;
    std::string state;
};
Ran run(const ExecBroker* broker, ExecTerms terms, const Words& words, const std::vector<std::string>& paths) {
    const Events events(paths);
    Batch batch(events.all());
    ExecSink sink(std::move(terms), words, broker);
    sink.prepare();
    REQUIRE(deliver_all(sink, batch));
    return {outcomes(batch), sink.state()};
}
using Counts = std::map<std::string, std::size_t>;

}  // namespace

TEST_CASE("exec: arguments are words, whatever is in them") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string program =
        place.program("words", "for word; do printf '%s\\n' \"$word\"; done >>" + place.out("words"));
    const std::vector<std::string> paths = {"/a b;touch x", "$(id)`id`", "'\"\\",    "*?[a]~",
                                            "|&><",         "\n/etc",    "\x1b[31m", ""};
    const Ran ran = run(broker.get(), {program, "games", 10'000, 1},
                        {{std::string("--path")}, {kPath}, {std::string("x="), kPath}}, paths);
    CHECK(ran.outcomes == Counts{{"", paths.size()}});
    CHECK(ran.state == "ok");
    std::string expected;
    for (const std::string path :
         {"/a b;touch x", "$(id)`id`", "'\"\\", "*?[a]~", "|&><", "\\x0a/etc", "\\x1b[31m", ""})
        expected += "--path\n" + path + "\nx=" + path + "\n";
    CHECK(place.read("words") == expected);
}

TEST_CASE("exec: a value that looks like an option, or that is not there, starts nothing") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string program = place.program("note", "echo ran >>" + place.out("ran"));
    CHECK(run(broker.get(), {program, "games", 10'000, 2}, {{kPath}}, {"-rf", "--output=/etc/passwd", "a-b", "-"})
              .outcomes == Counts{{"", 1}, {"refused: option-like value", 2}, {"refused: no value", 1}});
    // Behind other text, too.
    CHECK(run(broker.get(), {program, "games", 10'000, 2}, {{std::string("ip="), kPath}}, {"-x", "x"}).outcomes ==
          Counts{{"", 1}, {"refused: option-like value", 1}});
    CHECK(place.read("ran") == "ran\nran\n");
    const bpf::FieldRef absent = {
        "tcp.dport", bpf::FieldFormat::kNumber, WEIR_HAS_TCP, offsetof(weir_packet, port_dst), 2, 0, 0xffff};
    CHECK(run(broker.get(), {program, "games", 10'000, 2}, {{absent}}, {"x"}).outcomes ==
          Counts{{"refused: no value", 1}});
}

TEST_CASE("exec: a million hostile values") {
    std::mt19937_64 random(20261128);
    Events events({""});
    std::size_t refused = 0;
    const Words words = {{std::string("ban")}, {kPath}, {std::string("from="), kPath, std::string("!")}};
    std::string value;
    for (int i = 0; i < 1'000'000; ++i) {
        value.clear();
        constexpr char kBites[] = "-\n\r\t\0\x1b'\"`$;|&<>(){}[]*?~\\ /\x7f\x80\x9b\xc2\xe2\x80\xae";
        const std::size_t length = random() % 24;
        for (std::size_t k = 0; k < length; ++k)
            value += random() % 2 == 0 ? kBites[random() % (sizeof(kBites) - 1)] : static_cast<char>(random());
        events.set(events.first(), value);
        const ExecArguments arguments = exec_arguments(words, events.first());
        const bool is_option = value.starts_with('-');
        if ((arguments.refused != nullptr) != is_option) FAIL("refused or not, the value " << i);
        if (is_option) {
            ++refused;
            continue;
        }
        if (arguments.words.size() != 3 || arguments.words[0] != "ban" || !arguments.words[2].starts_with("from=") ||
            arguments.words[2] != "from=" + arguments.words[1] + "!" || arguments.words[1].starts_with('-'))
            FAIL("other words, of value " << i);
        for (const char byte : arguments.words[1])
            if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) FAIL("a control character, of value " << i);
    }
    CHECK(refused > 10'000);
}

TEST_CASE("exec: hostile values reach a program as they are, byte for byte") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string program = place.program("words", "printf '%s\\0' \"$@\" >>" + place.out("words"));
    std::mt19937_64 random(7);
    std::vector<std::string> paths;
    std::string expected;
    Events one({""});
    while (paths.size() < 200) {
        std::string value;
        for (std::size_t k = random() % 40; k != 0; --k) value += static_cast<char>(random());
        one.set(one.first(), value);
        const ExecArguments arguments = exec_arguments({{kPath}}, one.first());
        if (arguments.refused != nullptr) continue;
        paths.push_back(value);
        expected += arguments.words[0] + '\0';
    }
    CHECK(run(broker.get(), {program, "games", 10'000, 1}, {{kPath}}, paths).outcomes == Counts{{"", paths.size()}});
    CHECK(place.read("words") == expected);
}

TEST_CASE("exec: a program has nothing of the engine's") {
    const Place place;
    const UniqueFd secret(open("/etc/hostname", O_RDONLY));  // that exec does not close
    setenv("WEIR_SINK_SECRET", "do-not-show-me", 1);
    const auto broker = broker_of(place.bin());
    const std::string out = place.out("facts");
    const std::string program = place.program(
        "facts", "exec >" + out +
                     "\nid -u; id -G; pwd; umask; env | sort; grep -E 'CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs' "
                     "/proc/self/status\nreadlink /proc/self/fd/0\nls /proc/self/fd\n"
                     "echo end; readlink /proc/self/fd/*; grep SigBlk /proc/self/status");
    CHECK(run(broker.get(), {program, "games", 10'000, 1}, {{kPath}}, {"x"}).outcomes == Counts{{"", 1}});
    unsetenv("WEIR_SINK_SECRET");
    const std::string facts = place.read("facts");
    INFO(facts);
    std::istringstream lines_of(facts);
    std::vector<std::string> all;
    for (std::string line; std::getline(lines_of, line);) all.push_back(line);
    REQUIRE(all.size() > 10);
    CHECK(all[0] == "5");
    CHECK(all[1] == "60");
    CHECK(all[2] == "/");
    CHECK(all[3] == "0077");
    CHECK(facts.find("do-not-show-me") == std::string::npos);
    CHECK(facts.find("WEIR_EVENT=") != std::string::npos);
    for (const char* name : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        CHECK(facts.find(std::string(name) + ":\t0000000000000000") != std::string::npos);
    CHECK(facts.find("NoNewPrivs:\t1") != std::string::npos);
    // 3 is the script's own file, 4 what ls reads.
    CHECK(facts.find("/dev/null\n0\n1\n2\n3\n4\nend\n") != std::string::npos);
    CHECK(facts.find("hostname") == std::string::npos);
    REQUIRE(secret);
    CHECK(facts.find("SigBlk:\t0000000000000000") != std::string::npos);
}

TEST_CASE("exec: how a program ended is said, in one line without anything that bites") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string fails = place.program("fails", "printf 'no \\033[31mroute\\nsecond line\\n' >&2; exit 3");
    const Ran failed = run(broker.get(), {fails, "games", 10'000, 1}, {}, {"x", "y"});
    CHECK(failed.outcomes == Counts{{"failed", 2}});
    CHECK(failed.state == fails + " ended with status 3: no \\x1b[31mroute");
    // More than a pipe holds: it waits for us, and nothing of it fails.
    const std::string talks =
        place.program("talks", "set -e; i=0; while [ $i -lt 200 ]; do printf '%01000d\\n' $i >&2; i=$((i+1)); done");
    CHECK(run(broker.get(), {talks, "games", 60'000, 1}, {}, {"x"}).outcomes == Counts{{"", 1}});
    const std::string dies = place.program("dies", "kill -SEGV $$");
    CHECK(run(broker.get(), {dies, "games", 10'000, 1}, {}, {"x"}).state == dies + " was ended by SIGSEGV");
}

namespace {

void check_bounds(const ExecBroker& broker, const Place& place) {
    const std::string sleeps = place.program("sleeps", "setsid sleep 1000 & sleep 1000 & exec sleep 1000");
    const Ran slept = run(&broker, {sleeps, "games", 300, 4}, {}, {"a", "b", "c"});
    CHECK(slept.outcomes == Counts{{"timed out", 3}});
    CHECK(slept.state == sleeps + " took more than 300 ms");
    CHECK(living_programs() == 0);
    const std::string talks = place.program("talks", "yes out & yes err >&2 & wait");
    CHECK(run(&broker, {talks, "games", 300, 2}, {}, {"a", "b"}).outcomes == Counts{{"timed out", 2}});
    CHECK(living_programs() == 0);
    // One that has ended leaves nothing behind either.
    const std::string leaves = place.program("leaves", "setsid sleep 1000 >/dev/null 2>&1 & exit 0");
    CHECK(run(&broker, {leaves, "games", 10'000, 2}, {}, {"a"}).outcomes == Counts{{"", 1}});
    CHECK(living_programs() == 0);
}

}  // namespace

TEST_CASE("exec: what never ends, or talks without end, ends with its time, and so does all that it started") {
    const Place place;
    check_bounds(*broker_of(place.bin()), place);
}

TEST_CASE("exec: likewise where no PID namespace can be made") {
    const Place place;
    // In a process of its own: what is dropped does not come back.
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0);
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct now[2] = {};
        syscall(SYS_capget, &header, now);
        now[0].permitted &= ~(1u << CAP_SYS_ADMIN);
        now[0].effective = now[0].permitted;
        bool is_well = syscall(SYS_capset, &header, now) == 0;
        {
            auto broker = ExecBroker::start(place.bin());
            const std::string sleeps = place.program("sleeps", "setsid sleep 1000 & sleep 1000 & exec sleep 1000");
            const Ran slept = run(broker->get(), {sleeps, "games", 300, 4}, {}, {"a", "b", "c"});
            is_well = is_well && slept.outcomes == Counts{{"timed out", 3}} && living_programs() == 0;
        }
        _exit(is_well ? 0 : 1);
    }
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child);
    CHECK(how == 0);
}

TEST_CASE("exec: a program that does nothing but start others is ended with all of them") {
    const Place place;
    const auto broker = broker_of(place.bin());
    // `exec`: the shell itself starts nothing after the others have taken all the processes that its user may have.
    const std::string bomb = place.program("bomb", "bomb() { bomb | bomb & }; bomb; exec sleep 1000");
    CHECK(run(broker.get(), {bomb, "games", 1000, 1}, {}, {"a"}).outcomes == Counts{{"timed out", 1}});
    CHECK(living_programs() == 0);
}

TEST_CASE("exec: no more than so many at once") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string log = place.out("log");
    const std::string program = place.program("one", "echo begin >>" + log + "; sleep 0.05; echo end >>" + log);
    std::ofstream(log).close();
    fs::permissions(log, fs::perms(0666));
    const Ran ran = run(broker.get(), {program, "games", 30'000, 3}, {{kPath}}, std::vector<std::string>(30, "x"));
    CHECK(ran.outcomes == Counts{{"", 30}});
    std::istringstream text(place.read("log"));
    int now = 0, most = 0, all = 0;
    for (std::string line; std::getline(text, line);) {
        now += line == "begin" ? 1 : -1;
        most = std::max(most, now);
        all += line == "begin";
    }
    CHECK(all == 30);
    CHECK(most <= 3);
}

TEST_CASE("exec: which programs are not run") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string good = place.program("good", "exit 0");
    const auto why = [&](const std::string& path, const std::string& user = "games") {
        const Ran ran = run(broker.get(), {path, user, 10'000, 1}, {}, {"x"});
        CHECK(ran.outcomes == Counts{{"not started", 1}});
        return ran.state;
    };
    const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
    CHECK(run(broker.get(), {good, "games", 10'000, 1}, {}, {"x"}).outcomes == Counts{{"", 1}});
    CHECK(run(broker.get(), {good, "", 10'000, 1}, {}, {"x"}).outcomes == Counts{{"", 1}});  // as nobody
    CHECK(has(why("/bin/true"), "is not in"));
    CHECK(has(why(place.bin() + "/../bin2/good"), "No such file"));
    CHECK(has(why(place.bin() + "/missing"), "No such file"));
    fs::create_symlink("/bin/true", place.bin() + "/out");
    CHECK(has(why(place.bin() + "/out"), "is not in"));
    fs::create_symlink("good", place.bin() + "/in");
    CHECK(run(broker.get(), {place.bin() + "/in", "games", 10'000, 1}, {}, {"x"}).outcomes == Counts{{"", 1}});
    CHECK(has(why(place.bin()), "is not in"));
    fs::create_directory(place.bin() + "/below");
    CHECK(has(why(place.bin() + "/below"), "it is no file"));
    const std::string loose = place.program("loose", "exit 0");
    fs::permissions(loose, fs::perms(0757));
    CHECK(has(why(loose), "others may write to it"));
    const std::string foreign = place.program("foreign", "exit 0");
    REQUIRE(chown(foreign.c_str(), 1, 1) == 0);
    CHECK(has(why(foreign), "neither to root nor"));
    const std::string locked = place.program("locked", "exit 0");
    fs::permissions(locked, fs::perms(0700));
    CHECK(has(why(locked), "may not run it"));
    REQUIRE(mkfifo((place.bin() + "/fifo").c_str(), 0755) == 0);
    CHECK(has(why(place.bin() + "/fifo"), "it is no file"));
    fs::create_directory(place.bin() + "/open");
    fs::copy_file(good, place.bin() + "/open/good");
    fs::permissions(place.bin() + "/open", fs::perms(0777));
    CHECK(has(why(place.bin() + "/open/good"), "others may write to it"));
    CHECK(has(why(good, "root"), "do not run as root"));
    CHECK(has(why(good, "no-such-user"), "there is no user `no-such-user`"));
    const std::string broken = place.bin() + "/broken";
    std::ofstream(broken) << "no program at all";
    fs::permissions(broken, fs::perms(0755));
    CHECK(has(why(broken), "Exec format error"));
}

TEST_CASE("exec: without a name it is nobody for an engine that may become another user, else the engine's own") {
    const auto name_of = [](bool may_change) {
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_KEEPCAPS, 1);
            constexpr uid_t kEngine = 61'234;  // nobody has this number
            if (setresuid(kEngine, kEngine, kEngine) != 0) _exit(3);
            if (may_change) {
                __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
                __user_cap_data_struct now[2] = {};
                now[0].permitted = now[0].effective = 1u << CAP_SETUID | 1u << CAP_SETGID;
                if (syscall(SYS_capset, &header, now) != 0) _exit(4);
            }
            const auto user = find_exec_user("");
            _exit(!user ? 5 : user->name == "nobody" ? 0 : user->uid == kEngine ? 1 : 6);
        }
        int how = 0;
        REQUIRE(waitpid(child, &how, 0) == child);
        return WEXITSTATUS(how);
    };
    CHECK(name_of(true) == 0);
    CHECK(name_of(false) == 1);
}

TEST_CASE("exec: which folders are not taken, and without one nothing runs") {
    const Place place;
    const std::string good = place.program("good", "exit 0");
    const Ran ran = run(nullptr, {good, "games", 10'000, 1}, {}, {"x", "y"});
    CHECK(ran.outcomes == Counts{{"not allowed", 2}});
    CHECK(ran.state == "programs are not allowed: start weir with --allow-exec=DIR");
    CHECK_FALSE(ExecBroker::start("/no/such/folder"));
    CHECK_FALSE(ExecBroker::start(good));
    CHECK_FALSE(ExecBroker::start(place.out("")));  // others may write there
}

TEST_CASE("exec: a program that is replaced is the new one from then on") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string path = place.program("now", "echo old >>" + place.out("log"));
    const Events events({"a"});
    ExecSink sink({path, "games", 10'000, 1}, {}, broker.get());
    Batch first(events.all());
    REQUIRE(deliver_all(sink, first));
    place.program("next", "echo new >>" + place.out("log"));
    fs::rename(place.bin() + "/next", path);
    Batch second(events.all());
    REQUIRE(deliver_all(sink, second));
    CHECK(place.read("log") == "old\nnew\n");
}

TEST_CASE("exec: the end of the engine is the end of its programs") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string sleeps = place.program("sleeps", "exec sleep 1000");
    const Events events({"a", "b"});
    EndSignal end;
    Batch batch(events.all(), &end);
    auto sink = std::make_unique<ExecSink>(ExecTerms{sleeps, "games", 600'000, 4}, Words{}, broker.get());
    sink->deliver(batch);
    CHECK(batch.size() == 2);
    REQUIRE(deliver_until(*sink, batch, [] { return living_programs() == 2; }));
    end.set();
    sink->deliver(batch);
    CHECK(batch.size() == 2);
    sink.reset();
    for (int i = 0; i < 600 && living_programs() != 0; ++i) usleep(100'000);
    CHECK(living_programs() == 0);
}

TEST_CASE("exec: without its broker a sink says so") {
    const Place place;
    const auto broker = broker_of(place.bin());
    const std::string sleeps = place.program("sleeps", "exec sleep 1000");
    const Events events({"a", "b", "c"});
    Batch batch(events.all());
    ExecSink sink({sleeps, "games", 600'000, 1}, {}, broker.get());
    sink.deliver(batch);
    REQUIRE(deliver_until(sink, batch, [] { return living_programs() == 1; }));
    kill(broker->process(), SIGKILL);
    REQUIRE(deliver_until(sink, batch, [&] { return batch.size() == 2; }));
    CHECK(batch.outcomes()[0] == std::string("process lost"));
    REQUIRE(deliver_until(sink, batch, [&] { return sink.state().find("has ended") != std::string::npos; }));
    for (int i = 0; i < 600 && living_programs() != 0; ++i) usleep(100'000);
    CHECK(living_programs() == 0);
}

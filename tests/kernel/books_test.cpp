// Whatever an engine does when it is killed: each packet is counted once, each event is accounted for, and nothing is
// left behind. Nothing adjusts an account; what is expected is what was sent.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "runtime/engine/pins.h"
#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
namespace fs = std::filesystem;

namespace {

// Rules stand elsewhere in each; `only_here` leaves and comes back.
constexpr const char* kOne =
    "set seen : port size 1000 ttl 1h "
    "rule marked { when udp.dport == 9 then alert hit, drop } "
    "rule counted { when udp.dport == 10 then alert some, add udp.sport to seen, pass } "
    "alert hit { message \"x\" } alert some { message \"y\" throttle 1 per ip.src every 10ms }";
constexpr const char* kTwo =
    "set seen : port size 1000 ttl 1h "
    "rule only_here { when udp.dport == 11 then drop } "
    "rule counted { when udp.dport == 10 then alert some, pass } "
    "rule marked { when udp.dport == 9 then alert hit, drop } "
    "rule blocked { when udp.dport == 12 and udp.sport in seen then drop } "
    "alert some { message \"y\" throttle 1 per ip.src every 10ms } alert hit { message \"x\" }";

struct Folder {
    Folder() {
        char name[] = "/tmp/weir-books-XXXXXX";
        root = mkdtemp(name);
    }
    ~Folder() { fs::remove_all(root); }
    std::string root;
};

// What sinks have heard, in memory that the engines of all processes share.
struct Heard {
    std::atomic<std::uint64_t> hit, some;
};
Heard& shared_heard() {
    void* memory = mmap(nullptr, sizeof(Heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    return *new (memory) Heard{};
}

runtime::EngineOptions options_for(const Folder& folder, Heard& heard) {
    auto options = on("b0");
    options.name = "books";
    options.lifetime = runtime::Lifetime::kPinned;
    options.state_folder = folder.root + "/state";
    options.keep_every_ms = 1;
    options.on_event = [&heard](const runtime::Event& event) {
        ++(event.alert == "hit" ? heard.hit : heard.some);
        usleep(10);  // some engines are killed right here
    };
    return options;
}

// All that an engine can be asked for, in no order, until it is killed. Requests that are refused (nothing to confirm,
// nothing to go back to) are part of it.
[[noreturn]] void live(Engine& engine, const bpf::Object& one, const bpf::Object& two, std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto object = [&]() -> const bpf::Object& { return random() % 2 == 0 ? one : two; };
    for (;;) {
        bool done = true;
        switch (random() % 8) {
            case 0:
            case 1: done = static_cast<bool>(engine.swap(object())); break;
            case 2: done = static_cast<bool>(engine.swap(object(), {.confirm_within_ms = 1 + random() % 20})); break;
            case 3: done = static_cast<bool>(engine.confirm()); break;
            case 4: done = static_cast<bool>(engine.rollback()); break;
            case 5: done = static_cast<bool>(engine.shadow(object())); break;
            case 6: done = static_cast<bool>(engine.promote()); break;
            default: engine.end_shadow(); break;
        }
        if (!engine.poll(done ? 0 : 1)) _exit(1);
    }
}

void check_balanced(const runtime::AlertStatus& account, std::uint64_t sent, std::uint64_t heard) {
    INFO(account.name << ": matched " << account.matched << ", delivered " << account.delivered << ", suppressed "
                      << account.suppressed << ", lost " << account.lost << ", pending " << account.pending
                      << ", repeated " << account.repeated << "; heard " << heard << " of " << sent);
    CHECK(account.matched == sent);
    CHECK(account.matched == account.delivered + account.suppressed + account.lost + account.pending);
    CHECK(account.pending == 0);
    CHECK(heard >= account.delivered);
    CHECK(heard <= account.delivered + account.repeated);
}

// The pins of a running engine whose events have all been read: those of what it has loaded, and no others.
void check_no_orphans(const runtime::EngineStatus& status) {
    std::set<std::string> expected{"root", "slots", "word", "events", "journal", "sums", "link-b0"}, found;
    const auto add = [&](std::uint32_t generation) {
        expected.insert("program-" + std::to_string(generation));
        expected.insert("record-" + std::to_string(generation));
    };
    add(status.in_force.generation);
    for (const auto& old : status.history) add(old.generation);
    for (const auto& entry : fs::directory_iterator(std::string(runtime::kPinRoot) + "/books"))
        found.insert(entry.path().filename());
    CHECK(found == expected);
}

}  // namespace

namespace {

// Packets that go on while engines come and go.
class Load {
public:
    Load() : thread_([this] { send(); }) {}
    ~Load() { end(); }
    void end() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    bool missed() const { return missed_; }
    std::uint64_t sent() const { return sent_; }  // of each class; after end()
    Wire& wire() { return wire_; }

private:
    void send() {
        while (!stop_ && !missed_) {
            for (int i = 0; i < 8; ++i) wire_.send(udp(9)), wire_.send(udp(10));
            sent_ += 8;
            missed_ = wire_.passed(10, sent_) != sent_;
        }
    }
    Wire wire_;
    std::atomic<bool> stop_ = false, missed_ = false;
    std::uint64_t sent_ = 0;
    std::thread thread_;
};

// A process with an engine that does what `life` does, and whether it came so far. `ready`: read from once it has.
template <typename Start, typename Life>
pid_t engine_process(const Start& start, int ready, const Life& life) {
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process != 0) return process;
    auto engine = start();
    if (!engine) std::fprintf(stderr, "%s\n", engine.error().message.c_str());
    if (!engine || (ready >= 0 && write(ready, "x", 1) != 1)) _exit(1);
    life(**engine);
    kill(getpid(), SIGKILL);
    _exit(1);
}

bool was_killed(pid_t process) {
    int how = 0;
    return waitpid(process, &how, 0) == process && WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::atoi(text));
}

}  // namespace

TEST_CASE("killed in swaps, confirmations, rollbacks and comparisons: each count is what was sent", "[books]") {
    const std::uint32_t kills = number_from("WEIR_BOOK_KILLS", 40), seed = number_from("WEIR_BOOK_SEED", 1);
    const auto one = compiled(kOne), two = compiled(kTwo);
    const Folder folder;
    Heard& heard = shared_heard();
    const auto start = [&] { return Engine::start(one, options_for(folder, heard)); };
    // In force before the first packet.
    REQUIRE(was_killed(engine_process(start, -1, [](Engine&) {})));
    Load load;
    std::mt19937 random(seed);
    bool all_started = true;
    for (std::uint32_t i = 0; i < kills && all_started && !load.missed(); ++i) {
        int ready[2];
        REQUIRE(pipe(ready) == 0);
        const pid_t process =
            engine_process(start, ready[1], [&](Engine& engine) { live(engine, one, two, seed + i); });
        close(ready[1]);
        char byte = 0;
        // Some are killed before they are ready, too.
        if (random() % 4 != 0) all_started = read(ready[0], &byte, 1) == 1;
        close(ready[0]);
        usleep(static_cast<useconds_t>(random() % 60'000));
        kill(process, SIGKILL);
        all_started = was_killed(process) && all_started;
    }
    load.end();
    const std::uint64_t sent = load.sent();
    CHECK(all_started);
    CHECK_FALSE(load.missed());
    std::string said;
    auto options = options_for(folder, heard);
    options.on_notice = [&](const std::string& sentence) { said += sentence + "\n"; };
    auto engine = Engine::start(one, options);
    REQUIRE(engine);
    INFO(said);
    for (int taken = 1; taken != 0;) {
        auto polled = (*engine)->poll(0);
        REQUIRE(polled);
        taken = *polled;
    }
    REQUIRE((*engine)->poll(0));
    const auto status = status_of(**engine);
    CHECK(load.wire().passed(9, 0) == 0);
    CHECK(rule(status, "marked").packets == sent);
    CHECK(rule(status, "counted").packets == sent);
    CHECK(rule(status, "counted").bytes == sent * udp(10).size());
    check_balanced(alert(status, "hit"), sent, heard.hit);
    check_balanced(alert(status, "some"), sent, heard.some);
    check_no_orphans(status);
    CHECK(status.problems.empty());
    CHECK(status.interfaces[0].gaps == 0);
    WARN(kills << " kills, " << sent << " packets of each class, " << alert(status, "hit").repeated << " and "
               << alert(status, "some").repeated << " events repeated, " << alert(status, "hit").lost << " lost");
    (*engine)->detach();
    CHECK_FALSE(fs::exists(runtime::kPinRoot));
}

// Packets go on while the counts are read: an event must not have an outcome before it has matched.
TEST_CASE("accounts balance at any time", "[books]") {
    auto options = on("b0");
    options.ring_bytes = 4096;  // much is lost
    auto engine = Engine::start(
        compiled(
            "rule r { when udp.dport == 9 then alert a, drop } alert a { message \"x\" throttle 3 per ip.src every "
            "1ms }"),
        options);
    REQUIRE(engine);
    std::atomic<bool> stop = false;
    std::uint64_t sent = 0;
    Wire wire;
    std::thread load([&] {
        for (; !stop; sent += 100) wire.send(udp(9), 100);
    });
    bool balanced = true;
    for (int i = 0; i < 500; ++i) {
        const auto a = alert(status_of(**engine), "a");
        balanced = balanced && a.matched == a.delivered + a.suppressed + a.lost + a.pending;
        if (i % 7 == 0) static_cast<void>((*engine)->poll(0));
    }
    stop = true;
    load.join();
    wire.send(udp(10));
    wire.passed(10, 1);
    CHECK(balanced);
    while (*(*engine)->poll(0) != 0) continue;
    const auto a = alert(status_of(**engine), "a");
    CHECK(a.matched == sent);
    CHECK(a.matched == a.delivered + a.suppressed + a.lost);
    CHECK(a.pending == 0);
}

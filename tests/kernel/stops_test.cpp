// An engine is killed at each of its entries into the kernel, and each return: whatever it was doing, its successor's
// counts are what was sent.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/engine/pins.h"
#include "tests/kernel/stops.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
namespace fs = std::filesystem;

namespace {

constexpr const char* kOne =
    "set seen : port size 100 ttl 1h "
    "rule marked { when udp.dport == 9 then alert hit, drop } "
    "rule counted { when udp.dport == 10 then add udp.sport to seen, pass } alert hit { message \"x\" }";
// Rules stand elsewhere; one more comes and goes.
constexpr const char* kTwo =
    "set seen : port size 100 ttl 1h "
    "rule only_here { when udp.dport == 11 then drop } "
    "rule counted { when udp.dport == 10 then add udp.sport to seen, pass } "
    "rule marked { when udp.dport == 9 then alert hit, drop } alert hit { message \"x\" }";

enum class Sets { kForgotten, kWritten };

// `carry_out` is what it is killed in, after packets have come.
struct Operation {
    const char* name;
    void (*prepare)(Engine& engine, const bpf::Object& one, const bpf::Object& two);
    void (*carry_out)(Engine& engine, const bpf::Object& one);
    int stride = 7;  // of the stops; 1 in the long form of the test
    Sets sets = Sets::kForgotten;
};

template <typename... Outcomes>
void done(const Outcomes&... outcomes) {
    if (!(static_cast<bool>(outcomes) && ...)) _exit(3);
}

constexpr std::uint64_t kHour_ms = 3'600'000;

const Operation kOperations[] = {
    {"the rest of a swap", [](Engine& e, const auto&, const auto& two) { done(e.swap(two)); },
     [](Engine& e, const auto&) { done(e.poll(0)); }},
    {"a rollback", [](Engine& e, const auto&, const auto& two) { done(e.swap(two), e.poll(0)); },
     [](Engine& e, const auto&) { done(e.rollback(), e.poll(0)); }},
    {"a confirmation",
     [](Engine& e, const auto&, const auto& two) { done(e.swap(two, {.confirm_within_ms = kHour_ms}), e.poll(0)); },
     [](Engine& e, const auto&) { done(e.confirm(), e.poll(0)); }},
    {"the rest of a swap from an unconfirmed policy",
     [](Engine& e, const auto& one, const auto& two) {
         done(e.swap(two, {.confirm_within_ms = kHour_ms}), e.poll(0), e.swap(one));
     },
     [](Engine& e, const auto&) { done(e.poll(0)); }},
    {"the end of a policy that nobody confirms",
     [](Engine& e, const auto&, const auto& two) { done(e.swap(two, {.confirm_within_ms = 200}), e.poll(0)); },
     [](Engine& e, const auto&) { usleep(210'000), done(e.poll(0)), done(e.poll(0)); }, 4},
    {"the end of a comparison", [](Engine& e, const auto&, const auto& two) { done(e.shadow(two)); },
     [](Engine& e, const auto&) { e.end_shadow(), done(e.poll(0)); }},
    {"a promotion", [](Engine& e, const auto&, const auto& two) { done(e.shadow(two)); },
     [](Engine& e, const auto&) { done(e.promote(), e.poll(0)); }, 83},
    {"writing the sets", [](Engine&, const auto&, const auto&) {},
     [](Engine& e, const auto&) {
         for (int i = 0; i < 4; ++i) usleep(3000), done(e.poll(0));
     },
     11, Sets::kWritten},
};

struct Totals {
    std::uint64_t marked = 0, counted = 0, matched = 0, delivered = 0, lost = 0, pending = 0;
};

runtime::EngineOptions options_for(const std::string& folder, Sets sets) {
    auto options = on("b0");
    options.name = "stops";
    options.lifetime = runtime::Lifetime::kPinned;
    if (sets == Sets::kWritten) options.state_folder = folder;
    options.keep_every_ms = 1;
    return options;
}

Totals totals_of(const runtime::EngineStatus& status) {
    Totals totals;
    for (const auto& row : status.rules) {
        if (row.name == "marked") totals.marked = row.packets;
        if (row.name == "counted") totals.counted = row.packets;
    }
    for (const auto& row : status.alerts)
        totals.matched = row.matched, totals.delivered = row.delivered, totals.lost = row.lost,
        totals.pending = row.pending;
    return totals;
}

// The engine's process and its two ends of pipes: it writes Totals, and goes on once it has read a byte.
class Tested {
public:
    Tested(const Operation& operation, const bpf::Object& one, const bpf::Object& two, const std::string& folder) {
        int up[2], down[2];
        REQUIRE((pipe(up) == 0 && pipe(down) == 0));
        process_ = fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            close(up[0]), close(down[1]);
            live(operation, one, two, folder, up[1], down[0]);
        }
        close(up[1]), close(down[0]);
        from_ = up[0], to_ = down[1];
    }
    ~Tested() {
        close(from_), close(to_);
        if (process_ > 0) kill(process_, SIGKILL), waitpid(process_, nullptr, __WALL);
    }
    Totals totals() {
        Totals totals;
        REQUIRE(read(from_, &totals, sizeof(totals)) == sizeof(totals));
        return totals;
    }
    void go_on() { REQUIRE(write(to_, "x", 1) == 1); }

    bool kill_at(int stop) {
        const bool killed = kill_at_stop(process_, stop);
        process_ = 0;
        return killed;
    }

private:
    [[noreturn]] static void live(const Operation& operation, const bpf::Object& one, const bpf::Object& two,
                                  const std::string& folder, int to_test, int from_test) {
        auto engine = Engine::start(one, options_for(folder, operation.sets));
        if (!engine) std::fprintf(stderr, "%s\n", engine.error().message.c_str());
        if (!engine || !(*engine)->poll(0)) _exit(1);
        operation.prepare(**engine, one, two);
        auto status = (*engine)->status();
        if (!status) _exit(1);
        const Totals totals = totals_of(*status);
        char byte = 0;
        if (write(to_test, &totals, sizeof(totals)) != sizeof(totals) || read(from_test, &byte, 1) != 1) _exit(1);
        begin_stops();
        operation.carry_out(**engine, one);
        kill(getpid(), SIGKILL);
        _exit(1);
    }

    pid_t process_ = 0;
    int from_ = -1, to_ = -1;
};

void check_totals(const Totals& totals, std::uint64_t sent) {
    INFO("matched " << totals.matched << ", delivered " << totals.delivered << ", lost " << totals.lost << ", pending "
                    << totals.pending);
    REQUIRE(totals.marked == sent);
    REQUIRE(totals.counted == sent);
    REQUIRE(totals.matched == sent);
    REQUIRE(totals.matched == totals.delivered + totals.lost + totals.pending);
}

struct Run {
    Wire wire{};
    std::uint64_t sent = 0;
    int kills = 0;
    std::string folder = fs::temp_directory_path() / ("weir-stops-" + std::to_string(getpid()));
    ~Run() { fs::remove_all(folder); }
};

void kill_at_each_stop(const Operation& operation, const bpf::Object& one, const bpf::Object& two, Run& run) {
    const int stride = stop_stride(operation.stride);
    bool killed = true;
    for (int stop = 1; killed; stop += stride) {
        INFO(operation.name << ", killed at stop " << stop << " or, of the one before, at " << stop - stride);
        Tested engine(operation, one, two, run.folder);
        check_totals(engine.totals(), run.sent);
        run.wire.send(udp(9), 3);
        run.wire.send(udp(10), 3);
        run.sent += 3;
        REQUIRE(run.wire.passed(10, run.sent) == run.sent);
        engine.go_on();
        killed = engine.kill_at(stop);
        ++run.kills;
    }
}

}  // namespace

TEST_CASE("killed at each system call of what changes policies: each count is what was sent", "[stops]") {
    const auto one = compiled(kOne), two = compiled(kTwo);
    Run run;
    for (const Operation& operation : kOperations) kill_at_each_stop(operation, one, two, run);
    auto engine = Engine::start(one, options_for(run.folder, Sets::kWritten));
    REQUIRE(engine);
    while (*(*engine)->poll(0) != 0) continue;
    const auto totals = totals_of(status_of(**engine));
    check_totals(totals, run.sent);
    CHECK(totals.pending == 0);
    CHECK((*engine)->status()->problems.empty());
    WARN(run.kills << " kills, each at another stop");
}

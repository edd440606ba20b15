#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "runtime/sinks/spool.h"
#include "runtime/sinks/spooled.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/runtime/packed.h"
#include "tests/unit/runtime/scripted_sink.h"

using namespace weir;
using namespace weir::runtime;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<Spool> opened(const fs::path& folder, std::uint64_t max_bytes = 1 << 20) {
    auto spool = Spool::open(folder, max_bytes);
    REQUIRE(spool);
    return std::move(*spool);
}

std::vector<std::string> texts(Spool& spool, std::size_t most = 1000) {
    std::vector<std::string> texts;
    for (const SpooledLine& line : spool.first(most)) {
        CHECK(line.id == "id of " + line.text);
        texts.push_back(line.text);
    }
    return texts;
}

void append(Spool& spool, int from, int to) {
    for (int i = from; i < to; ++i) {
        const std::string text = fmt::format("line {}", i);
        REQUIRE(spool.append("id of " + text, text) == nullptr);
    }
}

// Events of one ring.
struct Events {
    explicit Events(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            events.push_back(packed(manifest, a_record()));
            events.back().position = i * 64;
        }
        for (const PackedEvent& event : events) pointers.push_back(&event);
    }
    bpf::Manifest manifest = a_manifest();
    std::vector<PackedEvent> events{};
    std::vector<const PackedEvent*> pointers{};
};

fs::path newest_segment(const fs::path& folder) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".spool" && entry.path() > newest) newest = entry.path();
    return newest;
}

}  // namespace

TEST_CASE("a spool gives its lines back in their order, also to the next engine") {
    const Folder folder;
    const fs::path at = folder.path / "spool";
    {
        auto spool = opened(at);
        CHECK(spool->found() == 0);
        append(*spool, 0, 10);
        CHECK(spool->lines() == 10);
        CHECK(texts(*spool, 3) == std::vector<std::string>{"line 0", "line 1", "line 2"});
        spool->settle(2);
        CHECK(texts(*spool, 2) == std::vector<std::string>{"line 2", "line 3"});
        const auto second = Spool::open(at, 1 << 20);
        REQUIRE_FALSE(second);
        CHECK(second.error().number == EBUSY);
    }
    auto spool = opened(at);
    CHECK(spool->found() == 8);
    CHECK(texts(*spool).front() == "line 2");
    append(*spool, 10, 12);
    spool->settle(8);
    CHECK(texts(*spool) == std::vector<std::string>{"line 10", "line 11"});
    spool->settle(2);
    CHECK(spool->lines() == 0);
    CHECK(texts(*spool).empty());
    append(*spool, 12, 13);
    CHECK(texts(*spool) == std::vector<std::string>{"line 12"});
}

TEST_CASE("a spool is bounded, and has room again for what has left it") {
    const Folder folder;
    auto spool = opened(folder.path / "spool", 300'000);
    const std::string text(1000, 'x');
    int lines = 0;
    while (spool->append("id", text) == nullptr) ++lines;
    CHECK(spool->append("id", text) == std::string("spool full"));
    CHECK((lines > 250 && lines < 300));
    const auto on_disk = [&] {
        std::uint64_t bytes = 0;
        for (const auto& entry : fs::directory_iterator(folder.path / "spool"))
            if (entry.path().extension() == ".spool") bytes += entry.file_size();
        return bytes;
    };
    CHECK(spool->bytes() == on_disk());
    for (int left = lines; left > 0;) {
        const auto some = spool->first(64).size();
        REQUIRE(some != 0);
        spool->settle(some);
        left -= static_cast<int>(some);
    }
    CHECK(spool->append("id", text) == nullptr);
    CHECK(on_disk() < 300'000);
    CHECK(spool->bytes() == on_disk());
}

TEST_CASE("a spool that a kill has cut, or somebody has changed, gives what is whole") {
    const Folder folder;
    const fs::path at = folder.path / "spool";
    { append(*opened(at), 0, 5); }
    const fs::path segment = newest_segment(at);
    const auto whole = fs::file_size(segment);
    for (std::uintmax_t size = whole; size-- > 8;) {
        fs::resize_file(segment, size);
        auto spool = opened(at);
        const auto lines = texts(*spool);
        CHECK(lines.size() < 5);
        CHECK(spool->lines() == lines.size());
        for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i] == fmt::format("line {}", i));
    }
    {
        auto spool = opened(at);
        append(*spool, 5, 7);
        CHECK(texts(*spool) == std::vector<std::string>{"line 5", "line 6"});
    }
    std::ofstream(at / "done", std::ios::binary) << "no such thing";
    std::ofstream(at / "00000000000000000099.spool", std::ios::binary) << "garbage of somebody";
    auto spool = opened(at);
    CHECK(texts(*spool) == std::vector<std::string>{"line 5", "line 6"});
    append(*spool, 7, 8);
    CHECK(texts(*spool).back() == "line 7");
}

// A child appends and settles until it is killed, and says what was done: what it had said is true afterwards.
TEST_CASE(
    "a spool is killed a hundred times: nothing that it had is lost, nothing comes twice but what was under way") {
    const Folder folder;
    const fs::path at = folder.path / "spool";
    std::uint64_t appended = 0, settled = 0, seed = 1, twice = 0;
    constexpr std::uint64_t kAtOnce = 7;
    for (int kill_number = 0; kill_number < 100; ++kill_number) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            auto spool = Spool::open(at, 1 << 20);
            const auto say = [&](char what) {
                if (write(ends[1], &what, 1) != 1) _exit(1);
            };
            for (std::uint64_t next = appended; spool; ++next) {
                const std::string text = fmt::format("line {}", next);
                if ((*spool)->append("id of " + text, text) == nullptr) say('a');
                if (next % kAtOnce != kAtOnce - 1) continue;
                const std::size_t given = (*spool)->first(kAtOnce).size();
                (*spool)->settle(given);
                for (std::size_t i = 0; i < given; ++i) say('s');
            }
            _exit(1);
        }
        close(ends[1]);
        seed = seed * 6364136223846793005 + 1442695040888963407;
        char said = 0;
        for (std::uint64_t left = 1 + (seed >> 33) % 300; left-- != 0 && read(ends[0], &said, 1) == 1;)
            ++(said == 'a' ? appended : settled);
        REQUIRE(kill(child, SIGKILL) == 0);
        while (read(ends[0], &said, 1) == 1) ++(said == 'a' ? appended : settled);
        REQUIRE(waitpid(child, nullptr, 0) == child);
        close(ends[0]);
        auto spool = opened(at);
        const auto lines = texts(*spool, 10'000);
        // A line, or the lines of one settle(), may have been done with and not said.
        const std::uint64_t first = lines.empty() ? appended : std::stoull(lines.front().substr(5));
        CHECK(spool->damaged() == 0);
        CHECK((first <= settled + kAtOnce && first >= settled));
        for (std::size_t i = 0; i < lines.size(); ++i) REQUIRE(lines[i] == fmt::format("line {}", first + i));
        const std::uint64_t end = first + lines.size();
        CHECK((end == appended || end == appended + 1));
        twice += first - settled;
        appended = end;
        settled = first;
    }
    CHECK(appended > 1000);
    CHECK(twice < 100 * kAtOnce);
}

TEST_CASE("what is changed under an open spool is lost, and counted so") {
    const Folder folder;
    const fs::path at = folder.path / "spool";
    auto spool = opened(at);
    append(*spool, 0, 5);
    fs::resize_file(newest_segment(at), 8);
    CHECK(texts(*spool).empty());
    CHECK(spool->damaged() == 5);
    CHECK(spool->lines() == 0);
}

TEST_CASE("a sink with a spool: nothing is lost while its peer is away, nor by the next engine") {
    const Folder folder;
    const std::string at = folder.path / "spool";
    const Events made(20);
    std::atomic<bool> is_away = true;
    std::vector<std::string> sent;
    const auto deliver = [&](Batch& batch) {
        batch.retry_after(1);
        if (is_away) return;
        for (; batch.size() != 0; batch.delivered(1)) {
            CHECK(batch.event(0) == nullptr);
            CHECK(batch.line(0).find(batch.id(0)) != std::string_view::npos);
            sent.emplace_back(batch.id(0));
        }
    };
    const auto spooled = [&] {
        return std::make_unique<SpooledSink>(std::make_unique<ScriptedSink>(deliver), at, 1 << 20);
    };
    {
        auto sink = spooled();
        sink->prepare();
        Batch batch(made.pointers);
        sink->deliver(batch);
        CHECK(batch.size() == 0);
        CHECK(sink->spool()->spooled == 20);
        CHECK((sink->spool()->bytes > 20 && sink->spool()->max_bytes == 1 << 20));
    }
    CHECK(sent.empty());
    is_away = false;
    auto sink = spooled();
    sink->prepare();
    CHECK(sink->spool()->found == 20);
    REQUIRE(in_time([&] { return sink->spool()->delivered == 20; }));
    CHECK(sink->spool()->spooled == 0);
    sink.reset();
    REQUIRE(sent.size() == 20);
    for (std::size_t i = 0; i < 20; ++i) CHECK(sent[i] == event_id(made.events[i]));
}

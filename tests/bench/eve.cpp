// How fast events become lines of EVE, in memory and in a file: `eve [FOLDER]`, best on a tmpfs.
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <vector>

#include "runtime/sinks/eve.h"
#include "tests/unit/runtime/packed.h"

using namespace weir;
using namespace weir::runtime;

namespace {

constexpr std::size_t kEvents = 1024;  // a batch
constexpr int kRounds = 5;

// Of a CPU, so that a busy machine changes little.
double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The least that one event took, of some rounds of `batches`.
template <typename Work>
double best_ns(int batches, Work work) {
    double best = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        const double begin = cpu_seconds();
        for (int i = 0; i < batches; ++i) work();
        best = std::min(best, (cpu_seconds() - begin) / batches / kEvents * 1e9);
    }
    return best;
}

}  // namespace

int main(int argc, char** argv) {
    const std::filesystem::path folder = argc > 1 ? argv[1] : "/dev/shm";
    auto manifest = a_manifest();
    manifest.alerts[0].message.emplace_back(std::string(", "));
    manifest.alerts[0].message.emplace_back(MessageWord::kSuppressed);
    manifest.alerts[0].message.emplace_back(std::string(" more like it"));
    std::vector<PackedEvent> events(kEvents);
    std::vector<const PackedEvent*> pointers;
    for (std::size_t i = 0; i < kEvents; ++i) {
        auto record = a_record();
        record.event.packet.port_src = static_cast<__u16>(i);
        record.event.packet.ip_src[0] += static_cast<__u32>(i);
        events[i] = packed(manifest, record);
        pointers.push_back(&events[i]);
    }
    TextBuffer text;
    const double format_ns = best_ns(200, [&] {
        text.clear();
        for (const PackedEvent* event : pointers) append_eve_line(text, *event);
    });
    std::printf("%zu bytes a line, formatted: %.0f ns, %.2f M lines/s of a CPU\n", text.size() / kEvents, format_ns,
                1e3 / format_ns);

    const auto path = folder / "weir-bench-eve.json";
    EveFile file(path.string(), 0, 0);
    const double write_ns = best_ns(200, [&] {
        Batch batch(pointers);
        file.deliver(batch);
        if (batch.outcomes().size() != kEvents || batch.outcomes()[0] != nullptr)
            std::printf("%s\n", file.state().c_str());
        struct stat facts{};
        if (stat(path.c_str(), &facts) == 0 && facts.st_size > 100'000'000) std::filesystem::resize_file(path, 0);
    });
    std::filesystem::remove(path);
    std::printf("formatted and written: %.0f ns, %.2f M lines/s of a CPU\n", write_ns, 1e3 / write_ns);
    return 0;
}

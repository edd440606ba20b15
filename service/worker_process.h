// The other side of service/worker.h: what runs in the process that compiles. An engine starts its own program once
// more, with one argument; such a program's main() begins with
//
//     if (service::is_worker(argc, argv)) return service::worker_main();
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "service/worker.h"

namespace weir::service {

inline constexpr const char* kWorkerArgument = "compile-worker";
bool is_worker(int argc, const char* const* argv);

// Two processes: one opens files, one compiles, see service/confine.h. Ends with the engine. Returns an exit status.
int worker_main();

// What the compiling process has: sockets to the engine and to the process that opens files.
struct WorkerEnds {
    int engine = -1;
    int files = -1;
};
// The same with another life in the compiler's place, confined as it is: for tests.
int worker_main(const std::function<void(const WorkerEnds&)>& life);
// The compiler's own.
void compile_policies(const WorkerEnds& ends);

// ---- what the two sides say ----

// A question comes with a file in memory for its answer: the diagnostics, the files, then the object's image, or the
// policy's text with a proposal; last what it changes.
std::vector<std::uint8_t> to_bytes(const WorkerRequest& request);
WorkerRequest request_from(const std::vector<std::uint8_t>& bytes);

struct WorkerAnswer {
    std::int32_t status = 0;  // enum Exit
    std::uint64_t diagnostics_bytes = 0;
    std::uint64_t files_bytes = 0;
    std::uint64_t object_bytes = 0;
    std::uint64_t text_bytes = 0;
    std::uint64_t changes_bytes = 0;  // of a comparison: lines for people, then JSON
    std::uint64_t classes_bytes = 0;
    std::uint64_t compared_ns = 0;  // that took so long
};
inline constexpr std::uint64_t kMaxDiagnosticsBytes = 4 << 20;  // longer ones are cut
inline constexpr std::uint64_t kMaxFilesBytes = 8 << 20;        // 1,024 files and as many set files, of 4 KB each
inline constexpr std::uint64_t kMaxTextBytes = 18 << 20;        // a policy's 16 MB, and a proposal
inline constexpr std::uint64_t kMaxChangesBytes = 1 << 20;      // and as much JSON
inline constexpr std::uint64_t kMaxAnswerBytes = std::uint64_t{4} << 30;

}  // namespace weir::service

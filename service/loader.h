// Loads programs into the kernel in a process of its own, so that the engine's loop goes on while the verifier works,
// which may take half a minute. The process can be ended at any time: the verifier looks for signals. It has the right
// to load programs and to read /sys and /proc, and no other: what it reads came from the compiler.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/program.h"
#include "runtime/handles.h"
#include "runtime/object_image.h"

namespace weir::service {

class Loader {
public:
    struct Job {
        Job(runtime::ObjectImage image_to_load, runtime::ProgramOptions with, std::vector<bpf::StateMap> shapes)
            : image(std::move(image_to_load)), options(std::move(with)), state(std::move(shapes)) {}
        runtime::ObjectImage image;
        runtime::ProgramOptions options;   // whose descriptors and state are this process's
        std::vector<bpf::StateMap> state;  // of the image: StateMaps::shapes()
    };
    static constexpr std::uint64_t kDeadline_ms = 120'000;  // 1,000,000 verified instructions take 10 to 40 s

    // Loads all of `jobs`, one after another.
    static Result<Loader> start(const std::vector<Job>& jobs, std::uint64_t deadline_ms = kDeadline_ms);
    Loader(Loader&&) noexcept;
    Loader& operator=(Loader&&) = delete;
    ~Loader();  // ends the process; does not wait for it

    int fd() const { return socket_.get(); }  // readable where there is something to do
    std::uint64_t timeout_ms() const;         // until step() is to be called though fd() is quiet
    // Nothing as long as it is not done. An error where one program could not be loaded: nothing of them stays then.
    std::optional<Result<std::vector<runtime::Program>>> step();

    // Once the programs are in force: adds what their sets begin with to the sets that they took over. step_entries()
    // says when that is done.
    void add_first_entries();
    std::optional<Status> step_entries();

private:
    using Programs = Result<std::vector<runtime::Program>>;

    Loader(pid_t process, runtime::UniqueFd socket, std::uint64_t deadline_ns);
    Programs assemble();
    // What went wrong with the process; it is ended.
    Error broken(const char* sentence);
    void end();

    pid_t process_ = -1;
    runtime::UniqueFd socket_;
    std::uint64_t deadline_ns_ = 0;
    std::vector<std::vector<bpf::StateMap>> shapes_{};  // of each job's state
    std::vector<runtime::ProgramParts> parts_{};        // as they come
};

}  // namespace weir::service

// Compiles policies in processes of its own, with limits: a compiler that crashes, loops, eats memory or is taken over
// by a hostile policy there is an error message, nothing more. One process compiles and can do nothing else
// (service/confine.h); one opens the files that the policy names. They stay for the next policy, which costs less than
// the first (compiler/session.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/object_image.h"
#include "runtime/sinks/rights.h"
#include "runtime/status.h"
#include "tooling/files/policy_file.h"
#include "tooling/files/signed_bundle.h"

namespace weir::service {

// The tests of the policy's own file, before it may be put in force.
enum class TestsFirst : std::uint8_t { kRun, kLeaveOut };

// What a policy may read, and what the descriptor that comes with a request holds. kHost: what it names on this host;
// the text in place of its file. kText, kBundle: it came from others: the text alone, or a value of a bucket of NATS
// (tooling/files/signed_bundle.h), whose files are then the only ones.
enum class From : std::uint8_t { kHost, kText, kBundle };

// What is wanted of a policy: an object to put in force, or an answer about it.
enum class Judge : std::uint8_t { kNone, kCheck, kTest, kDiff };

struct WorkerRequest {
    std::string file{};  // from the root; where a text is given, only the name that it has
    From from = From::kHost;
    tooling::Expected expected{};  // of a bundle
    runtime::SinkRights rights{};  // of policies from others; for the engine, which asks
    tooling::PolicyOptions options{};
    Colour colour = Colour::kOff;
    bool observe = false;  // the whole policy
    TestsFirst tests = TestsFirst::kRun;
    Judge judge = Judge::kNone;
    std::uint64_t cpu_seconds = 120;  // RLIMIT_CPU of the compiler: 131,072 rules take 3 s
    // A proposal (service/proposal.h) that is checked and tested behind the file's own text, which has this hash; then
    // there is no object. Empty: none.
    std::string proposal{};
    std::string sha256{};
    // The policy in force, which this one is compared with (service/comparison.h). Without files: it is not.
    runtime::Origin before{};
    std::vector<std::string> before_include_dirs{};
};

struct WorkerOutcome {
    Exit status = kOk;                         // kOk only where there is an object, or, of a proposal, its text
    std::string diagnostics{};                 // rendered, warnings too
    std::vector<runtime::SourceFile> files{};  // all that were read, or could not be
    std::optional<runtime::ObjectImage> image{};
    bpf::Object names{};      // of the image: ObjectImage::read_names()
    double milliseconds = 0;  // from question to object
    std::string text{};       // the policy's own file; where there was a proposal, with it
    std::string judged{};     // where it was judged: what JudgeReply::result has
    std::string changes{};    // of the policy in force, where it was compared: lines for people,
    std::string classes{};    // and the classes of packets as a JSON array, as `weir diff` has them
    bool is_unread = false;   // the process died before it had read the request: another one may do it
};

// What an engine is given of it: all where the engine may need it once more, to compare it with a candidate; else the
// names, for programs that are loaded from the image.
Result<bpf::Object> object_of(const WorkerOutcome& outcome);

struct WorkerOptions {
    // The program to start, with its arguments; it calls worker_main() (service/worker_process.h).
    std::vector<std::string> program{"/proc/self/exe", "compile-worker"};
    std::uint64_t deadline_ms = 180'000;  // from question to answer, whatever the process waits for
};

// Descriptors of the process that is started, beside its standard error.
inline constexpr int kWorkerEngineFd = 3;
inline constexpr int kWorkerReaderFd = 4;

class Worker {
public:
    // Processes that wait to be asked. Their standard error is kept, for the case that they die.
    static Result<Worker> start(WorkerOptions options = {});
    Worker(Worker&&) noexcept;
    Worker& operator=(Worker&&) = delete;
    ~Worker();  // ends the processes

    // One policy at a time: the next one when step() has given the outcome. `text`: a regular file with the policy in
    // place of request.file's content, or -1.
    // False where the process has died since: then it is asked nothing, and step() says why.
    bool ask(const WorkerRequest& request, int text = -1);
    int fd() const { return poll_.get(); }  // readable where there is something to do
    // Until step() is to be called though fd() is quiet, in ms; nothing where that is not needed.
    std::optional<std::uint64_t> timeout_ms() const;
    // Reads what is there. Nothing as long as the policy is not done. Where the process died, or took too long, that is
    // the outcome.
    std::optional<WorkerOutcome> step();
    bool is_alive() const { return process_ > 1; }
    pid_t process() const { return process_; }  // the one that opens files, the parent of the one that compiles
    // What its confinement lacks on this machine, as sentences; complete after the first outcome.
    const std::vector<std::string>& lacks() const { return lacks_; }

private:
    Worker(WorkerOptions options, pid_t process);
    void take_ready(const std::vector<std::uint8_t>& bytes);
    std::optional<WorkerOutcome> take_answer(const std::vector<std::uint8_t>& bytes);
    std::optional<WorkerOutcome> take_check();
    void end();
    WorkerOutcome died();
    WorkerOutcome stopped(std::string sentence);
    std::string last_words() const;

    WorkerOptions options_;
    pid_t process_ = -1;
    runtime::UniqueFd pidfd_, engine_, reader_, said_, poll_;
    runtime::UniqueFd memory_;  // for the answer
    std::vector<std::string> lacks_;
    bool is_ready_ = false;
    bool is_asked_ = false;
    bool is_unread_ = false;
    bool has_proposal_ = false;               // the request
    bool is_judged_ = false;                  // likewise
    std::optional<WorkerOutcome> unchecked_;  // until it is known that the policy names what the answer does
    std::uint64_t begin_ns_ = 0;
    Colour colour_ = Colour::kOff;  // that was asked for
};

}  // namespace weir::service

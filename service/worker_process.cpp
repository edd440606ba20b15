// Held by tests/unit/service/worker_test.cpp and hostile_worker_test.cpp.
// Tested by tests/unit/service/worker_test.cpp with `worker`.
#include "service/worker_process.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "compiler/compiler.h"
#include "compiler/object_bytes.h"
#include "compiler/session.h"
#include "grammar/base/printable.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "service/comparison.h"
#include "service/confine.h"
#include "service/file_reader.h"
#include "service/judgement.h"
#include "service/message_socket.h"
#include "service/proposal.h"
#include "tooling/files/sha256.h"
#include "tooling/judge/own_tests.h"

namespace weir::service {
namespace {

constexpr rlim_t kMaxMemoryBytes = rlim_t{6}
                                   << 30;  // 131,072 rules take 1 GB; the address space is more than the memory
constexpr rlim_t kMaxFiles = 64;
constexpr int kKeptBytes = 256 << 20;                // of free memory, for the next policy
constexpr std::size_t kMaxSetFileBytes = 256 << 20;  // 4 M entries of 64 bytes
constexpr std::size_t kMaxPolicyFileBytes = 17
                                            << 20;  // one more than the parser takes: it says itself what is too much

void limit(__rlimit_resource resource, rlim_t most) {
    rlimit value{};
    getrlimit(resource, &value);
    value.rlim_cur = value.rlim_max = std::min(value.rlim_max, most);  // a narrower one that it inherits stays
    setrlimit(resource, &value);
}

// What has been used up is not of this policy.
void renew_cpu_limit(std::uint64_t seconds) {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    rlimit value{};
    getrlimit(RLIMIT_CPU, &value);
    value.rlim_cur =
        std::min(value.rlim_max, static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + seconds);
    setrlimit(RLIMIT_CPU, &value);
}

bool write_all(int fd, const void* bytes, std::size_t count) {
    const auto* at = static_cast<const char*>(bytes);
    while (count != 0) {
        const ssize_t written = write(fd, at, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += written;
        count -= static_cast<std::size_t>(written);
    }
    return true;
}

// Captures that the policy's tests name.
tooling::OpenCapture captures_of(const WorkerEnds& ends) {
    return [&ends](const std::string& path) -> Result<tooling::Capture> {
        auto file = ask_descriptor(ends.files, path);
        if (!file) return tooling::unreadable(path, file.error());
        return tooling::Capture::of_file(path, std::move(*file));
    };
}

// Runs the tests of the policy's own file. Adds what failed to `said`, which has the diagnostics.
int test(const WorkerRequest& request, const tooling::LoadedPolicy& loaded, const WorkerEnds& ends, std::string& said) {
    const auto tests = tooling::run_own_tests(loaded, captures_of(ends), kTests_ms);
    if (!tests) {
        said += "weir: " + printable(tests.error().message) + "\n";
        return kWorldFault;
    }
    if (tests->failed.empty()) return kOk;
    const std::string failed = render(*tests, loaded, request.options.format);
    if (tooling::is_document(request.options.format)) said.clear();  // one document has both
    said += failed;
    return kPolicyFault;
}

// Into the memory of the engine's question. False where nobody takes it.
bool send_answer(const WorkerEnds& ends, runtime::UniqueFd memory, WorkerAnswer head, std::string said,
                 const std::vector<runtime::SourceFile>& read, const std::vector<std::uint8_t>& object_bytes,
                 const std::string& text, Comparison compared) {
    if (said.size() > kMaxDiagnosticsBytes) {
        said.resize(said.rfind('\n', kMaxDiagnosticsBytes - 100) + 1);
        said += "weir: there are more diagnostics than fit: weir check shows all\n";
    }
    runtime::ByteWriter paths;
    for (const runtime::SourceFile& file : read) paths.put(file.path), paths.put(file.sha256);
    head.diagnostics_bytes = said.size();
    head.files_bytes = paths.bytes().size();
    head.object_bytes = object_bytes.size();
    head.text_bytes = text.size();
    if (compared.text.size() > kMaxChangesBytes || compared.classes.size() > kMaxChangesBytes)
        compared = {"not compared with the policy in force: the answer is too long\n", {}};
    head.changes_bytes = compared.text.size();
    head.classes_bytes = compared.classes.size();
    if (!write_all(memory.get(), said.data(), said.size()) ||
        !write_all(memory.get(), paths.bytes().data(), paths.bytes().size()) ||
        !write_all(memory.get(), object_bytes.data(), object_bytes.size()) ||
        !write_all(memory.get(), text.data(), text.size()) ||
        !write_all(memory.get(), compared.text.data(), compared.text.size()) ||
        !write_all(memory.get(), compared.classes.data(), compared.classes.size()))
        return false;
    memory = {};
    runtime::ByteWriter out;
    out.put(head);
    return send_message(ends.engine, out.bytes());
    // The engine goes on while the policy is taken apart here.
}

// The policy's own text, or that with the request's proposal, which `whole` gets then.
Result<std::string> own_text(const WorkerRequest& request, Result<std::string> text, std::string& whole) {
    if (!text || request.proposal.empty()) return text;
    if (tooling::sha256(*text) != request.sha256) return Error{"it is no longer the policy in force", {}, 0};
    whole = with_proposal(*text, request.proposal);
    return whole;
}

// Beside the policy in force, where the request says which one that is.
Comparison compared(const WorkerRequest& request, const tooling::LoadedPolicy& loaded, const KnownTexts& known,
                    const WorkerEnds& ends, WorkerAnswer& head) {
    if (head.status != kOk || !loaded.compiled || request.before.files.empty()) return {};
    const std::uint64_t begin_ns = runtime::monotonic_ns();
    Comparison made = compare_with_policy_in_force(request, *loaded.compiled, known, ends.files);
    head.compared_ns = runtime::monotonic_ns() - begin_ns;
    return made;
}

// False where nobody takes the answer.
bool answer(const WorkerRequest& request, Session& session, KnownTexts& known, const WorkerEnds& ends,
            runtime::UniqueFd memory) {
    if (Status fit = only_rules_and_tests(request.proposal); !request.proposal.empty() && !fit) {
        WorkerAnswer head;
        head.status = kPolicyFault;
        return send_answer(ends, std::move(memory), head, "weir: " + fit.error().message + "\n", {}, {}, {}, {});
    }
    std::string whole;
    const auto read_file = [&](const std::string& path, std::size_t most_bytes) {
        auto text = ask_file(ends.files, path, most_bytes);
        if (text && text->size() <= kMaxPolicyFileBytes) known.keep(*text);
        return text;
    };
    const tooling::FileSource files{
        [&](const std::string& path) { return own_text(request, read_file(path, kMaxPolicyFileBytes), whole); },
        [&](const std::string& path) { return read_file(path, kMaxSetFileBytes); }};
    std::vector<runtime::SourceFile> read;
    tooling::LoadedPolicy loaded =
        tooling::analyse_file(request.file, request.options, tooling::Depth::kMeaning, &read, &session, &files);
    std::string said = loaded.unreadable ? "weir: " + printable(loaded.unreadable->message) + "\n"
                                         : render(loaded.sources, loaded.diagnostics,
                                                  tooling::diagnostic_format(request.options.format), request.colour);
    WorkerAnswer head;
    head.status = loaded.status;
    if (request.judge != Judge::kNone) {
        Comparison judged = judge(request, loaded, captures_of(ends), known, ends.files, head);
        return send_answer(ends, std::move(memory), head, std::move(said), read, {}, {}, std::move(judged));
    }
    if (loaded.compiled && request.tests == TestsFirst::kRun) head.status = test(request, loaded, ends, said);
    Comparison changes = compared(request, loaded, known, ends, head);
    if (request.proposal.empty() && loaded.compiled) whole = loaded.compiled->source_text;
    if (head.status != kOk || !request.proposal.empty()) loaded.compiled.reset();
    if (head.status != kOk) whole.clear();
    std::vector<std::uint8_t> object_bytes;
    if (loaded.compiled) {
        if (const auto object = weir::compile(*loaded.compiled, {request.observe}, &session)) {
            object_bytes = bpf::to_bytes(*object);
        } else {
            head.status = kWorldFault;
            said += "weir: " + object.error().message + "\n      " + object.error().help + "\n";
        }
    }
    return send_answer(ends, std::move(memory), head, std::move(said), read, object_bytes, whole, std::move(changes));
}

// The parent of the two. Returns the exit status of the other one; a signal that ended it ends this one, too.
int open_files(int engine, int compiler, pid_t child) {
    static_cast<void>(confine_reader());
    serve_files(engine, compiler);
    int how = 0;
    // Ended by a signal it is dead already; a hostile one that closed its socket does not make us wait.
    for (int waited = 0; waitpid(child, &how, WNOHANG) == 0; ++waited) {
        if (waited == 100) return 1;
        usleep(10'000);
    }
    if (!WIFSIGNALED(how)) return WEXITSTATUS(how);
    std::signal(WTERMSIG(how), SIG_DFL);
    raise(WTERMSIG(how));
    return 1;
}

}  // namespace

bool is_worker(int argc, const char* const* argv) { return argc == 2 && std::strcmp(argv[1], kWorkerArgument) == 0; }

void compile_policies(const WorkerEnds& ends) {
    std::set_new_handler([] { _exit(1); });  // too little memory: an end without an answer
    // Pages that the next policy needs again are not given back.
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    mallopt(M_MMAP_THRESHOLD, kKeptBytes);
    Session session;
    KnownTexts known;
    Message question;
    while (receive_message(ends.engine, question, 1, Wait::kYes) == Received::kMessage && !question.fds.empty()) {
        const WorkerRequest request = request_from(question.bytes);
        renew_cpu_limit(request.cpu_seconds);
        if (!answer(request, session, known, ends, std::move(question.fds.front()))) return;
        session.prepare();
        if (mallinfo2().fordblks > kKeptBytes) malloc_trim(kKeptBytes);
    }
}

int worker_main() { return worker_main(compile_policies); }

int worker_main(const std::function<void(const WorkerEnds&)>& life) {
    struct stat facts{};
    for (const int fd : {kWorkerEngineFd, kWorkerReaderFd})
        if (fstat(fd, &facts) != 0 || !S_ISSOCK(facts.st_mode)) {
            fmt::print(stderr, "weir: only an engine starts its compiler: weir run\n");
            return kUsage;
        }
    close_range(kWorkerReaderFd + 1, ~0u, 0);
    // The engine waits on these: neither process outlives the socket's other end for long.
    const pid_t engine = getppid();
    if (!end_with_parent(engine)) return kWorldFault;
    limit(RLIMIT_AS, kMaxMemoryBytes);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, kMaxAnswerBytes);
    limit(RLIMIT_NOFILE, kMaxFiles);
    go_before_engine();
    auto files = make_socket_pair();
    if (!files) return kWorldFault;
    const pid_t parent = getpid(), child = fork();
    if (child < 0) return kWorldFault;
    if (child != 0) {
        files->theirs = {};
        { const runtime::UniqueFd closed(kWorkerEngineFd); }
        return open_files(kWorkerReaderFd, files->ours.get(), child);
    }
    files->ours = {};
    { const runtime::UniqueFd closed(kWorkerReaderFd); }
    const std::vector<std::string> lacks = confine_compiler(parent);
    runtime::ByteWriter ready;
    ready.put(static_cast<std::uint32_t>(lacks.size()));
    for (const std::string& lack : lacks) ready.put(lack);
    if (send_message(kWorkerEngineFd, ready.bytes())) life({kWorkerEngineFd, files->theirs.get()});
    std::fflush(stderr);
    _exit(0);
}

std::vector<std::uint8_t> to_bytes(const WorkerRequest& request) {
    runtime::ByteWriter out;
    out.put(request.file);
    out.put(request.options.format);
    out.put(request.options.deny_warnings);
    out.put(request.options.table_bytes);
    out.put(request.colour);
    out.put(request.observe);
    out.put(request.tests);
    out.put(request.judge);
    out.put(request.cpu_seconds);
    out.put(request.proposal);
    out.put(request.sha256);
    out.put(request.before.file);
    out.put(static_cast<std::uint32_t>(request.before.files.size()));
    for (const runtime::SourceFile& file : request.before.files) out.put(file.path), out.put(file.sha256);
    out.put(static_cast<std::uint32_t>(request.before_include_dirs.size()));
    for (const std::string& folder : request.before_include_dirs) out.put(folder);
    for (const std::string& folder : request.options.include_dirs) out.put(folder);
    return out.bytes();
}

WorkerRequest request_from(const std::vector<std::uint8_t>& bytes) {
    runtime::ByteReader in(bytes);
    WorkerRequest request;
    request.file = in.text();
    request.options.format = in.text();
    request.options.deny_warnings = in.get<bool>();
    request.options.table_bytes = in.get<std::uint64_t>();
    request.colour = in.get<Colour>();
    request.observe = in.get<bool>();
    request.tests = in.get<TestsFirst>();
    request.judge = in.get<Judge>();
    request.cpu_seconds = in.get<std::uint64_t>();
    request.proposal = in.text();
    request.sha256 = in.text();
    request.before.file = in.text();
    for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left) {
        std::string path = in.text();
        request.before.files.push_back({std::move(path), in.text()});
    }
    for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left)
        request.before_include_dirs.push_back(in.text());
    for (std::string folder = in.text(); in.good(); folder = in.text()) request.options.include_dirs.push_back(folder);
    return request;
}

}  // namespace weir::service

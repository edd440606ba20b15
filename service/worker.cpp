// Held by tests/unit/service/worker_test.cpp and hostile_worker_test.cpp.
// Tested by tests/unit/service/hostile_worker_test.cpp.
#include "service/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "grammar/rendered.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "runtime/memory_file.h"
#include "service/ended_processes.h"
#include "service/file_reader.h"
#include "service/message_socket.h"
#include "service/spawn.h"
#include "service/worker_process.h"

namespace weir::service {
namespace {

constexpr std::size_t kMaxLastWords = 2000;
constexpr std::size_t kMaxLacks = 16, kMaxLackBytes = 200;
constexpr std::uint64_t kMillisecond_ns = 1'000'000;

WorkerOutcome failed(std::string sentence) {
    WorkerOutcome outcome;
    outcome.status = kWorldFault;
    outcome.diagnostics = "weir: " + std::move(sentence) + "\n      the policy in force, if there is one, stays\n";
    return outcome;
}

bool watch(int poll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool is_ready(int fd) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 0) == 1;
}

// An argument of a program, as the policy has it.
std::string written(const std::vector<bpf::MessagePart>& parts) {
    std::string text;
    for (const bpf::MessagePart& part : parts) {
        if (const auto* field = std::get_if<bpf::FieldRef>(&part)) text += fmt::format("{{{}}}", field->name);
        if (const auto* word = std::get_if<MessageWord>(&part)) text += fmt::format("{{{}}}", message_word_name(*word));
        if (const auto* literal = std::get_if<std::string>(&part))
            for (const char c : *literal) text += std::string(c == '{' || c == '}' ? 2 : 1, c);
    }
    return text;
}

// Texts of sinks, on which the engine acts with its own rights. What has a number is a word of the language.
std::vector<std::string> texts_of(const bpf::Manifest& manifest) {
    std::vector<std::string> texts;
    const auto take = [&](const std::string& text) {
        if (!text.empty()) texts.push_back(text);
    };
    for (const bpf::SinkInfo& sink : manifest.sinks)
        for (const bpf::SinkOption& option : sink.options) {
            if (!bpf::is_choice(option.word)) take(option.text);
            take(option.second);
            take(written(option.parts));
        }
    return texts;
}

std::string read_part(int fd, std::uint64_t begin, std::uint64_t bytes) {
    std::string text(bytes, '\0');
    std::size_t at = 0;
    while (at < text.size()) {
        const ssize_t got = pread(fd, text.data() + at, text.size() - at, static_cast<off_t>(begin + at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        at += static_cast<std::size_t>(got);
    }
    text.resize(at);
    return text;
}

// What one file in memory holds, piece by piece; nothing where the sizes are none that a compiler gives.
std::optional<WorkerAnswer> answer_from(const std::vector<std::uint8_t>& bytes, int memory) {
    runtime::ByteReader in(bytes);
    const auto answer = in.get<WorkerAnswer>();
    struct stat facts{};
    if (!in.good() || fstat(memory, &facts) != 0 || answer.status < kOk || answer.status > kWorldFault ||
        answer.diagnostics_bytes > kMaxDiagnosticsBytes || answer.files_bytes > kMaxFilesBytes ||
        answer.object_bytes > kMaxAnswerBytes || answer.text_bytes > kMaxTextBytes ||
        answer.changes_bytes > kMaxChangesBytes || answer.classes_bytes > kMaxChangesBytes ||
        (answer.status != kOk && answer.object_bytes != 0))
        return std::nullopt;
    const std::uint64_t all = answer.diagnostics_bytes + answer.files_bytes + answer.object_bytes + answer.text_bytes +
                              answer.changes_bytes + answer.classes_bytes;
    if (static_cast<std::uint64_t>(facts.st_size) != all) return std::nullopt;
    return answer;
}

}  // namespace

Result<bpf::Object> object_of(const WorkerOutcome& outcome) {
    constexpr std::uint64_t kWhole = 16 << 20;  // an engine holds six
    if (outcome.image->bytes() <= kWhole) return outcome.image->read();
    return outcome.names;
}

Worker::Worker(WorkerOptions options, pid_t process) : options_(std::move(options)), process_(process) {}

Worker::Worker(Worker&& other) noexcept
    : options_(std::move(other.options_)),
      process_(std::exchange(other.process_, -1)),
      pidfd_(std::move(other.pidfd_)),
      engine_(std::move(other.engine_)),
      reader_(std::move(other.reader_)),
      said_(std::move(other.said_)),
      poll_(std::move(other.poll_)),
      memory_(std::move(other.memory_)),
      lacks_(std::move(other.lacks_)),
      is_ready_(other.is_ready_),
      is_asked_(other.is_asked_),
      is_unread_(other.is_unread_),
      has_proposal_(other.has_proposal_),
      is_judged_(other.is_judged_),
      unchecked_(std::move(other.unchecked_)),
      begin_ns_(other.begin_ns_),
      colour_(other.colour_) {}

Worker::~Worker() {
    if (is_alive()) end();
}

void Worker::end() { end_process(std::exchange(process_, -1)); }

Result<Worker> Worker::start(WorkerOptions options) {
    auto engine = make_socket_pair(), reader = make_socket_pair();
    if (!engine) return engine.error();
    if (!reader) return reader.error();
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return runtime::kernel_error(errno, "making a pipe");
    runtime::UniqueFd said(ends[0]), says(ends[1]);
    static_assert(kWorkerEngineFd == kFirstGivenFd && kWorkerReaderFd == kFirstGivenFd + 1);
    auto process =
        spawn({options.program, {engine->theirs.get(), reader->theirs.get()}, says.get()}, "the compiler's process");
    if (!process) return process.error();
    Worker worker(std::move(options), *process);
    worker.engine_ = std::move(engine->ours);
    worker.reader_ = std::move(reader->ours);
    worker.said_ = std::move(said);
    worker.pidfd_ = runtime::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, *process, 0)));
    worker.poll_ = runtime::UniqueFd(epoll_create1(EPOLL_CLOEXEC));
    if (!worker.pidfd_ || !worker.poll_ || !watch(worker.poll_.get(), worker.pidfd_.get()) ||
        !watch(worker.poll_.get(), worker.engine_.get()) || !watch(worker.poll_.get(), worker.reader_.get()))
        return runtime::kernel_error(errno, "starting the compiler's process");
    return worker;
}

bool Worker::ask(const WorkerRequest& request, int text) {
    begin_ns_ = runtime::monotonic_ns();
    is_asked_ = true;
    is_unread_ = false;
    has_proposal_ = !request.proposal.empty();
    is_judged_ = request.judge != Judge::kNone;
    colour_ = request.colour;
    unchecked_.reset();
    auto memory = runtime::make_memory_file("weir-answer");
    memory_ = memory ? std::move(*memory) : runtime::UniqueFd();
    const int fd = memory_.get();
    std::vector<std::string> also;
    for (const runtime::SourceFile& file : request.before.files) also.push_back(file.path);
    const ReaderJob job{request.file, request.options.include_dirs, std::move(also), request.from, request.expected};
    const bool sent = memory_ && send_job(reader_.get(), job, text) &&
                      send_message(engine_.get(), to_bytes(request), {&fd, 1}, Wait::kNo);
    if (!sent && is_alive()) kill(process_, SIGKILL);  // or the request is longer than a message
    return sent;
}

std::optional<std::uint64_t> Worker::timeout_ms() const {
    if (!is_asked_) return std::nullopt;
    const std::uint64_t waited_ms = (runtime::monotonic_ns() - begin_ns_) / kMillisecond_ns;
    return options_.deadline_ms - std::min(options_.deadline_ms, waited_ms);
}

std::optional<WorkerOutcome> Worker::step() {
    if (!is_alive()) return std::nullopt;
    Message message;
    const Received received = receive_message(engine_.get(), message, 0, Wait::kNo);
    if (received == Received::kMessage && !is_ready_)
        take_ready(message.bytes);
    else if (received == Received::kMessage && is_asked_ && !unchecked_) {
        if (auto outcome = take_answer(message.bytes)) return outcome;
    } else if (received == Received::kMessage)
        return stopped("the compiler's process says what nobody asked for");
    is_unread_ = is_unread_ || (received == Received::kClosed && message.is_unread);
    if (unchecked_)
        if (auto outcome = take_check()) return outcome;
    if (is_ready(pidfd_.get())) {
        WorkerOutcome outcome = died();
        outcome.is_unread = is_unread_;
        return outcome;
    }
    // Its end of the socket is closed, but it is there: it ends in a moment, or by the deadline.
    if (received == Received::kClosed) epoll_ctl(poll_.get(), EPOLL_CTL_DEL, engine_.get(), nullptr);
    if (timeout_ms() == 0u)
        return stopped(fmt::format("the compiler was ended: it had no answer after {} s", options_.deadline_ms / 1000));
    return std::nullopt;
}

void Worker::take_ready(const std::vector<std::uint8_t>& bytes) {
    is_ready_ = true;
    runtime::ByteReader in(bytes);
    for (auto left = in.get<std::uint32_t>(); left != 0 && in.good() && lacks_.size() < kMaxLacks; --left)
        lacks_.push_back(printable(in.text().substr(0, kMaxLackBytes)));
}

// Nothing where it has to be checked first.
std::optional<WorkerOutcome> Worker::take_answer(const std::vector<std::uint8_t>& bytes) {
    const auto answer = answer_from(bytes, memory_.get());
    const bool wants_object = !has_proposal_ && !is_judged_;
    const bool lacks = answer && answer->status == kOk && has_proposal_ && answer->text_bytes == 0;
    const bool has_other = answer && answer->status == kOk && (answer->object_bytes != 0) != wants_object;
    if (!answer || lacks || has_other) return stopped("the compiler's answer cannot be read");
    WorkerOutcome outcome;
    outcome.status = static_cast<Exit>(answer->status);
    outcome.diagnostics = printable_rendered(read_part(memory_.get(), 0, answer->diagnostics_bytes), colour_);
    const std::string paths = read_part(memory_.get(), answer->diagnostics_bytes, answer->files_bytes);
    runtime::ByteReader files({reinterpret_cast<const std::uint8_t*>(paths.data()), paths.size()});
    for (std::string path = files.text(); files.good(); path = files.text())
        outcome.files.push_back({path, files.text()});
    const std::uint64_t rest = answer->diagnostics_bytes + answer->files_bytes;
    const std::uint64_t changes_at = rest + answer->object_bytes + answer->text_bytes;
    outcome.changes = printable_rendered(read_part(memory_.get(), changes_at, answer->changes_bytes), Colour::kOff);
    outcome.classes = read_part(memory_.get(), changes_at + answer->changes_bytes, answer->classes_bytes);
    outcome.text = read_part(memory_.get(), rest + answer->object_bytes, answer->text_bytes);
    if (is_judged_) {
        outcome.judged = std::exchange(outcome.classes, {});
    } else if (wants_object && outcome.status == kOk) {
        auto image = runtime::ObjectImage::adopt(std::move(memory_), rest, answer->object_bytes);
        auto names = image ? image->read_names() : Result<bpf::Object>(image.error());
        if (!names) return stopped("the compiler's answer cannot be read");
        outcome.image = std::move(*image);
        outcome.names = std::move(*names);
    }
    memory_ = {};
    const std::uint64_t took_ns = runtime::monotonic_ns() - begin_ns_;
    outcome.milliseconds = static_cast<double>(took_ns - std::min(took_ns, answer->compared_ns)) / 1e6;
    const std::vector<std::string> texts = texts_of(outcome.names.manifest);
    if (texts.empty()) {
        is_asked_ = false;
        return outcome;
    }
    if (!ask_quoted(reader_.get(), texts)) return stopped("the compiler's answer names more files than can be checked");
    unchecked_ = std::move(outcome);
    return std::nullopt;
}

std::optional<WorkerOutcome> Worker::take_check() {
    const int quoted = receive_quoted(reader_.get());
    if (quoted == -1) return std::nullopt;
    if (quoted != 1) return stopped("the compiler's answer names a file that the policy does not");
    is_asked_ = false;
    return std::exchange(unchecked_, std::nullopt);
}

// The process does what a compiler does not, or for too long: it is ended.
WorkerOutcome Worker::stopped(std::string sentence) {
    end();
    is_asked_ = false;
    return failed(std::move(sentence));
}

std::string Worker::last_words() const {
    std::string words(kMaxLastWords, '\0');
    const ssize_t got = read(said_.get(), words.data(), words.size());
    words.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    while (words.ends_with('\n')) words.pop_back();
    return printable_rendered(words, Colour::kOff);
}

WorkerOutcome Worker::died() {
    int how = 0;
    while (waitpid(process_, &how, 0) < 0 && errno == EINTR) {}
    process_ = -1;
    is_asked_ = false;
    const std::string words = last_words(), said = words.empty() ? "" : "\n" + words;
    if (!WIFSIGNALED(how)) return failed("the compiler's process ended without an answer: too little memory?" + said);
    const int signal = WTERMSIG(how);
    if (signal == SIGXCPU || signal == SIGKILL || signal == SIGXFSZ)
        return failed("the compiler was ended: it took more than its limit of time or memory");
    return failed(
        fmt::format("the compiler's process died ({}): this is a bug of weir, please report it with the policy{}",
                    strsignal(signal), said));
}

}  // namespace weir::service

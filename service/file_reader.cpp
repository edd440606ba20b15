// Held by tests/unit/service/worker_test.cpp and hostile_worker_test.cpp.
// Tested by tests/unit/service/worker_test.cpp.
#include "service/file_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "runtime/bytes.h"
#include "service/bundle_files.h"
#include "service/message_socket.h"
#include "service/named_files.h"

namespace weir::service {
namespace {

enum Kind : std::uint8_t { kJob, kQuoted };
constexpr std::size_t kMaxPolicyBytes = 17 << 20;  // the parser takes 16 MB

Error because(std::string reason) { return {std::move(reason), {}, 0}; }

std::string what_it_is(mode_t mode) { return S_ISDIR(mode) ? "it is a directory" : "it is no regular file"; }

// Leaves the file where it is: whoever gets the descriptor reads from the beginning.
std::string peek_text(int fd) {
    std::string text;
    char buffer[1 << 16];
    while (text.size() < kMaxPolicyBytes) {
        const ssize_t got = pread(fd, buffer, sizeof(buffer), static_cast<off_t>(text.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

class Reader {
public:
    Reader(int engine, int compiler) : engine_(engine), compiler_(compiler) {}

    void run() {
        for (;;) {
            pollfd ready[] = {{engine_, POLLIN, 0}, {compiler_, POLLIN, 0}};
            if (poll(ready, std::size(ready), -1) < 0 && errno != EINTR) return;
            // The job of a policy was sent before the compiler heard of it.
            if (!serve_engine() || !serve_compiler()) return;
        }
    }

private:
    bool serve_engine() {
        for (;;) {
            Message message;
            const Received received = receive_message(engine_, message, 1, Wait::kNo);
            if (received != Received::kMessage) return received == Received::kNothing;
            runtime::ByteReader in(message.bytes);
            if (in.get<Kind>() == kQuoted) {
                std::uint8_t all = 1;
                for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left)
                    all = all != 0 && names_.is_quoted(in.text()) ? 1 : 0;
                if (!send_message(engine_, {&all, 1})) return false;
                continue;
            }
            take_job(in, message.fds.empty() ? runtime::UniqueFd() : std::move(message.fds.front()));
        }
    }

    void take_job(runtime::ByteReader& in, runtime::UniqueFd text) {
        root_ = in.text();
        std::vector<std::string> include_dirs;
        for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left) include_dirs.push_back(in.text());
        names_ = NamedFiles(root_, std::move(include_dirs));
        also_.clear();
        for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left) also_.push_back(in.text());
        from_ = in.get<From>();
        tooling::Expected expected{in.text(), in.text(), {}};
        if (in.get<bool>()) expected.signer = in.get<tooling::PublicKey>();
        text_ = std::move(text);
        bundle_.reset();
        if (from_ == From::kBundle) bundle_ = std::make_unique<BundleFiles>(text_.get(), std::move(expected));
    }

    bool serve_compiler() {
        Message message;
        const Received received = receive_message(compiler_, message, 0, Wait::kNo);
        if (received != Received::kMessage) return received == Received::kNothing;
        const std::string path(message.bytes.begin(), message.bytes.end());
        const auto file = open(path);
        std::string said = file ? "" : file.error().message.substr(0, 512);
        said.insert(said.begin(), file ? '1' : '0');
        const int fd = file ? (*file).get() : -1;
        // It waits for this. One that does not read is stopped by its deadline.
        return send_message(compiler_, {reinterpret_cast<const std::uint8_t*>(said.data()), said.size()},
                            {&fd, file ? 1u : 0u});
    }

    Result<runtime::UniqueFd> open(const std::string& path) {
        NamedFiles::Kind kind = path == root_ ? NamedFiles::Kind::kPolicy : names_.kind(path);
        // Files of the policy in force, which the engine names, to compare with it.
        if (kind == NamedFiles::Kind::kNone && std::find(also_.begin(), also_.end(), path) != also_.end())
            return open_regular(path);
        if (kind == NamedFiles::Kind::kNone) return because("the policy does not name it");
        auto file = open_named(path);
        if (file && kind == NamedFiles::Kind::kPolicy) names_.add(path, peek_text((*file).get()));
        return file;
    }

    Result<runtime::UniqueFd> open_named(const std::string& path) const {
        if (bundle_) return bundle_->open(path);
        if (path == root_ && text_) return runtime::duplicate(text_.get());
        if (from_ != From::kHost) return because("a policy from others reads no file of this host");
        return open_regular(path);
    }

    int engine_, compiler_;
    From from_ = From::kHost;
    std::unique_ptr<BundleFiles> bundle_{};
    std::string root_{};
    runtime::UniqueFd text_{};
    NamedFiles names_{};
    std::vector<std::string> also_{};
};

// From the beginning, wherever others who have the file read or wrote last.
Result<std::string> read_all(int fd, std::size_t most_bytes) {
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const ssize_t got = pread(fd, buffer, sizeof(buffer), static_cast<off_t>(text.size()));
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return because(std::strerror(errno));
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > most_bytes) return because(fmt::format("it has more than {} MB", most_bytes >> 20));
    }
}

}  // namespace

Result<runtime::UniqueFd> open_regular(const std::string& path) {
    if (path.find('\0') != std::string::npos) return because("its name is no path");
    // Opening a device can do something already: it is looked at first.
    struct stat facts{};
    if (stat(path.c_str(), &facts) != 0) return because(std::strerror(errno));
    if (!S_ISREG(facts.st_mode)) return because(what_it_is(facts.st_mode));
    runtime::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return because(std::strerror(errno));
    if (fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return because(what_it_is(facts.st_mode));
    return fd;
}

bool send_job(int socket, const ReaderJob& job, int text) {
    runtime::ByteWriter out;
    out.put(kJob);
    out.put(job.root);
    out.put(static_cast<std::uint32_t>(job.include_dirs.size()));
    for (const std::string& folder : job.include_dirs) out.put(folder);
    out.put(static_cast<std::uint32_t>(job.also.size()));
    for (const std::string& path : job.also) out.put(path);
    out.put(job.from);
    out.put(job.expected.bucket);
    out.put(job.expected.key);
    out.put(job.expected.signer.has_value());
    if (job.expected.signer) out.put(*job.expected.signer);
    return send_message(socket, out.bytes(), {&text, text < 0 ? 0u : 1u}, Wait::kNo);
}

bool ask_quoted(int socket, const std::vector<std::string>& texts) {
    runtime::ByteWriter out;
    out.put(kQuoted);
    out.put(static_cast<std::uint32_t>(texts.size()));
    for (const std::string& text : texts) out.put(text);
    return send_message(socket, out.bytes(), {}, Wait::kNo);
}

int receive_quoted(int socket) {
    Message message;
    const Received received = receive_message(socket, message, 0, Wait::kNo);
    if (received != Received::kMessage) return received == Received::kNothing ? -1 : -2;
    return message.bytes.front();
}

Result<runtime::UniqueFd> ask_descriptor(int socket, const std::string& path) {
    Message message;
    if (!send_message(socket, {reinterpret_cast<const std::uint8_t*>(path.data()), path.size()}) ||
        receive_message(socket, message, 1, Wait::kYes) != Received::kMessage)
        return because("its name is no path");
    const std::string said(message.bytes.begin() + 1, message.bytes.end());
    if (message.bytes.front() != '1' || message.fds.empty()) return because(said);
    return std::move(message.fds.front());
}

Result<std::string> ask_file(int socket, const std::string& path, std::size_t most_bytes) {
    const auto file = ask_descriptor(socket, path);
    if (!file) return file.error();
    return read_all((*file).get(), most_bytes);
}

void serve_files(int engine, int compiler) { Reader(engine, compiler).run(); }

}  // namespace weir::service

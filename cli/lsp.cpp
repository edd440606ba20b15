// weir lsp: the language server, on standard input and output.
// Tested by tests/lsp/client_test.py with `"lsp"`.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "service/engine_connection.h"
#include "tooling/files/paths.h"
#include "tooling/lsp/server.h"

namespace weir::cli {
namespace {

using tooling::lsp::EngineCounters;

// What the engines of this host have counted, by the path of their policy. A thread asks them, so that nobody who
// types waits for one.
class EngineWatch {
public:
    EngineWatch() : thread_([this] { run(); }) {}
    ~EngineWatch() {
        {
            const std::lock_guard guard(lock_);
            ends_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    EngineWatch(const EngineWatch&) = delete;
    EngineWatch& operator=(const EngineWatch&) = delete;

    std::optional<EngineCounters> of(const std::string& path) {
        const std::lock_guard guard(lock_);
        const auto found = known_.find(path);
        if (found == known_.end()) return std::nullopt;
        return found->second;
    }

private:
    static constexpr std::chrono::seconds kEvery{2};
    static constexpr int kTimeout_ms = 500;

    static void add(const service::StatusReply& status, std::map<std::string, EngineCounters>& known) {
        EngineCounters counters{status.engine.name, {}, {}, {}, {}};
        for (const runtime::CounterStatus& rule : status.engine.rules)
            counters.rules[rule.name] = fmt::format("{} packets, {} bytes", rule.packets, rule.bytes);
        for (const runtime::SetStatus& set : status.engine.sets)
            counters.sets[set.name] = fmt::format("{} entries, {} refused", set.entries, set.refused);
        for (const runtime::AlertStatus& alert : status.engine.alerts)
            counters.alerts[alert.name] = fmt::format("{} matched, {} delivered, {} suppressed, {} lost", alert.matched,
                                                      alert.delivered, alert.suppressed, alert.lost);
        for (const runtime::SinkStatus& sink : status.engine.sinks)
            counters.sinks[sink.name] = fmt::format("{}; {} offered, {} delivered, {} lost", sink.state, sink.offered,
                                                    sink.delivered, sink.lost);
        for (const runtime::SourceFile& file : status.engine.in_force.origin.files)
            known[tooling::resolved(file.path)] = counters;
    }
    void run() {
        std::unique_lock guard(lock_);
        while (!ends_) {
            guard.unlock();
            std::map<std::string, EngineCounters> known;
            for (const std::string& name : service::running_engines()) {
                const auto reply = ask_any(name, service::StatusCommand{}, kTimeout_ms);
                const auto* status = reply ? std::get_if<service::StatusReply>(&*reply) : nullptr;
                if (status != nullptr) add(*status, known);
            }
            guard.lock();
            known_ = std::move(known);
            changed_.wait_for(guard, kEvery, [this] { return ends_; });
        }
    }

    std::mutex lock_{};
    std::condition_variable changed_{};
    bool ends_ = false;
    std::map<std::string, EngineCounters> known_{};
    std::thread thread_;
};

// The editor reads as it likes: what it does not take at once waits, and input is read all the same.
bool write_all(const std::string& text) {
    for (std::size_t written = 0; written < text.size();) {
        const ssize_t part = write(STDOUT_FILENO, text.data() + written, text.size() - written);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0 && errno == EAGAIN) {
            pollfd output{STDOUT_FILENO, POLLOUT, 0};
            poll(&output, 1, -1);
            continue;
        }
        if (part <= 0) return false;
        written += static_cast<std::size_t>(part);
    }
    return true;
}

int serve(const tooling::PolicyOptions& options) {
    EngineWatch engines;
    bool is_connected = true;
    tooling::lsp::Server server({options, version_text(), [&](const std::string& path) { return engines.of(path); },
                                 [](const std::string& what) { say_note(what); }},
                                [&](const std::string& message) { is_connected = is_connected && write_all(message); });
    std::array<char, 65'536> bytes{};
    while (is_connected && !server.is_done()) {
        std::array<pollfd, 2> waited{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{server.wake_fd(), POLLIN, 0}};
        if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) break;
        if (waited[1].revents != 0) server.take_outcomes();
        if (waited[0].revents == 0) continue;
        const ssize_t count = read(STDIN_FILENO, bytes.data(), bytes.size());
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count <= 0) break;  // the editor has gone
        server.receive({bytes.data(), static_cast<std::size_t>(count)});
    }
    return server.status() == 0 ? kOk : kWorldFault;
}

}  // namespace

void add_lsp(CLI::App& app, int& status) {
    static tooling::PolicyOptions options;
    CLI::App* command = app.add_subcommand("lsp", "the language server for editors, on standard input and output");
    command->footer("Editors start it: docs/editors.md shows how.");
    command->add_option("-I,--include", options.include_dirs, "also search this folder for imports and set files")
        ->type_name("DIR")
        ->allow_extra_args(false);
    command->add_flag_callback("--stdio", [] {}, "as editors say it; there is no other way");
    add_memory_option(*command, options);
    command->callback([&status] { status = serve(options); });
}

}  // namespace weir::cli

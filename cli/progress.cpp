// Tested by tests/cli/terminal_test.py with `"replay"`.
#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>

#include "cli/terminal.h"

namespace weir::cli {
namespace {

constexpr auto kFirst = std::chrono::seconds(1);
constexpr auto kInterval = std::chrono::milliseconds(200);

std::atomic<bool> shown{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler reads it");

std::size_t terminal_columns() {
    winsize size{};
    constexpr std::size_t kDefault = 80;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : kDefault;
}

}  // namespace

Progress::Progress(std::string what, std::uint64_t total) : what_(std::move(what)), total_(total) {
    if (is_quiet() || !is_screen(STDERR_FILENO)) return;
    // Signals are the command's own.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread([this] { update(); });
    } catch (const std::system_error&) {  // no thread may be made: nothing is shown
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool Progress::is_shown() { return shown.load(std::memory_order_relaxed); }

std::string Progress::line() const {
    const std::uint64_t done = done_.load(std::memory_order_relaxed);
    if (total_ != 0) return fmt::format("{} of {} {} ({}%)", done, total_, printable(what_), done * 100 / total_);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin_).count();
    return fmt::format("{}: {} s", printable(what_), seconds);
}

// One line of the terminal: what wraps could not be removed.
void Progress::update() {
    std::unique_lock lock(mutex_);
    for (auto wait = std::chrono::milliseconds(kFirst);
         !finished_.wait_for(lock, wait, [this] { return is_finished_; }); wait = kInterval) {
        std::string text = line();
        while (columns(text) >= terminal_columns() && !text.empty()) text.pop_back();
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
        put(stderr, "\r\x1b[K{}", text);
        std::fflush(stderr);
        shown = true;
    }
}

void Progress::remove() {
    if (!shown.exchange(false)) return;
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
}

void Progress::hide() {
    if (!thread_.joinable()) return;
    const std::lock_guard lock(mutex_);
    remove();
}

void Progress::finish() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        is_finished_ = true;
        remove();
    }
    finished_.notify_one();
    thread_.join();
}

}  // namespace weir::cli

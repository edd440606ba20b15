// weir top: the rules of a running engine by packets a second, live.
// Tested by tests/cli/show_test.py with `"top"`.
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "runtime/handles.h"
#include "runtime/kernel.h"

namespace weir::cli {
namespace {

constexpr std::size_t kNumberColumns = 41;  // three of them, right of the name
constexpr std::size_t kLeastName = 8, kMostName = 60;
constexpr std::size_t kMeasuredKeys = 3;  // that are shown of each measure

struct TopArguments {
    std::string name{};
    double seconds = 1;
    unsigned times = 0;  // 0: until it is ended
};

struct Size {
    std::size_t columns = 80, lines = 24;
};

Size terminal_size() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
    return {size.ws_col, size.ws_row};
}

// "950", "12.3k", "4.56M"
std::string short_number(double value) {
    constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P"};
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < std::size(kUnits)) value /= 1000, ++unit;
    if (unit == 0) return fmt::format("{:.0f}", value);
    return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, kUnits[unit]);
}

// At most `width` characters of text.
std::string cut(const std::string& text, std::size_t width) {
    std::size_t seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && ++seen > width) return text.substr(0, i);
    return text;
}

struct Row {
    std::string name;
    double packets = 0, bytes = 0;  // a second
    std::uint64_t total = 0;
};

// Rates between two updates.
class Rates {
public:
    std::vector<Row> update(const runtime::EngineStatus& engine) {
        const std::uint64_t now_ns = runtime::monotonic_ns();
        const double seconds = last_ns_ == 0 ? 0 : static_cast<double>(now_ns - last_ns_) / 1e9;
        last_ns_ = now_ns;
        std::map<std::string, Seen> seen;
        std::vector<Row> rows;
        const auto add = [&](const std::string& key, const std::string& name, const runtime::CounterStatus& counter) {
            const Seen now{counter.packets, counter.bytes};
            const auto before = seen_.find(key);
            // A rule that was removed and came back starts at 0.
            const auto rate = [&](std::uint64_t a, std::uint64_t b) {
                return seconds <= 0 || b < a ? 0 : static_cast<double>(b - a) / seconds;
            };
            Row row{name, 0, 0, now.packets};
            if (before != seen_.end())
                row.packets = rate(before->second.packets, now.packets),
                row.bytes = rate(before->second.bytes, now.bytes);
            seen[key] = now;
            rows.push_back(std::move(row));
        };
        for (const runtime::CounterStatus& rule : engine.rules) add("rule " + rule.name, rule.name, rule);
        add("default", "(default)", engine.default_);
        add("malformed", "(malformed)", engine.malformed);
        if (engine.default_egress) add("default egress", "(default egress)", *engine.default_egress);
        seen_ = std::move(seen);
        std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
            return a.packets != b.packets ? a.packets > b.packets : a.total > b.total;
        });
        return rows;
    }

private:
    struct Seen {
        std::uint64_t packets = 0, bytes = 0;
    };
    std::map<std::string, Seen> seen_;
    std::uint64_t last_ns_ = 0;
};

std::vector<std::string> head_of(const service::StatusReply& reply, const std::vector<Row>& rows) {
    const runtime::EngineStatus& engine = reply.engine;
    std::string places;
    for (const runtime::InterfaceStatus& interface : engine.interfaces)
        places += fmt::format("{}{} ({})", places.empty() ? "" : ", ", printable(interface.name),
                              interface.mode == runtime::AttachMode::kGeneric ? "generic" : "native");
    double packets = 0, bytes = 0;
    for (const Row& row : rows) packets += row.packets, bytes += row.bytes;
    runtime::Account all;
    for (const runtime::AlertStatus& alert : engine.alerts) {
        all.matched += alert.matched, all.delivered += alert.delivered;
        all.lost += alert.lost, all.pending += alert.pending;
    }
    const runtime::InForceStatus& now = engine.in_force;
    std::vector<std::string> lines;
    lines.push_back(fmt::format(
        "{}: policy {}, generation {}{}", printable(engine.name), printable(now.policy), now.generation,
        now.confirm_within_ms ? fmt::format(", unconfirmed for {} s more", *now.confirm_within_ms / 1000) : ""));
    lines.push_back("on " + places + (reply.observe ? "; observe: verdicts are not enforced" : ""));
    lines.push_back(
        fmt::format("{} packets/s, {} bytes/s; alerts: {} matched, {} delivered, {} lost, {} pending",
                    short_number(packets), short_number(bytes), short_number(static_cast<double>(all.matched)),
                    short_number(static_cast<double>(all.delivered)), short_number(static_cast<double>(all.lost)),
                    short_number(static_cast<double>(all.pending))));
    lines.emplace_back();
    return lines;
}

// The keys with most values of each measure.
void add_measures(const runtime::EngineStatus& engine, std::size_t width, std::vector<std::string>& lines) {
    for (const runtime::MeasureStatus& measure : engine.measures) {
        lines.emplace_back();
        const auto row = [&](const std::string& name, const std::string& p50, const std::string& p99,
                             const std::string& count) {
            lines.push_back(
                fmt::format("{} {:>11} {:>11} {:>16}", padded(cut(printable(name), width), width), p50, p99, count));
        };
        row(measure.name, "p50", "p99", "values");
        for (std::size_t i = 0; i < std::min(measure.keys.size(), kMeasuredKeys); ++i) {
            const runtime::MeasureStatus::Key& key = measure.keys[i];
            row(key.key.empty() ? "(all)" : fmt::format("{}", fmt::join(key.key, ", ")),
                measured_text(key.p50, measure.unit), measured_text(key.p99, measure.unit), std::to_string(key.count));
        }
    }
}

std::vector<std::string> compose_screen(const service::StatusReply& reply, const std::vector<Row>& rows, Size size) {
    std::vector<std::string> lines = head_of(reply, rows);
    const std::size_t width =
        std::clamp(size.columns > kNumberColumns ? size.columns - kNumberColumns : 0, kLeastName, kMostName);
    const auto row = [&](const std::string& name, const std::string& packets, const std::string& bytes,
                         const std::string& total) {
        lines.push_back(
            fmt::format("{} {:>11} {:>11} {:>16}", padded(cut(printable(name), width), width), packets, bytes, total));
    };
    std::size_t measured = 0;  // lines
    for (const runtime::MeasureStatus& measure : reply.engine.measures)
        measured += 2 + std::min<std::size_t>(measure.keys.size(), kMeasuredKeys);
    row("rule", "packets/s", "bytes/s", "packets");
    const std::size_t room = size.lines > lines.size() + 1 + measured ? size.lines - lines.size() - 1 - measured
                                                                      : 0;  // the last line stays empty
    const bool all = rows.size() <= room;
    const std::size_t shown = all ? rows.size() : room > 0 ? room - 1 : 0;
    for (std::size_t i = 0; i < shown; ++i)
        row(rows[i].name, short_number(rows[i].packets), short_number(rows[i].bytes), std::to_string(rows[i].total));
    if (!all) lines.push_back(fmt::format("and {} more", rows.size() - shown));
    add_measures(reply.engine, width, lines);
    if (lines.size() >= size.lines) lines.resize(size.lines - 1);
    for (std::string& line : lines) line = cut(line, size.columns);
    return lines;
}

// Restores the terminal at the end. Signals are read like keys.
class Screen {
public:
    Screen() {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&set, signal);
        sigprocmask(SIG_BLOCK, &set, nullptr);
        signals_ = runtime::UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        is_terminal_ = is_screen(STDOUT_FILENO);
        if (is_terminal_) put("\x1b[?1049h\x1b[?25l");
        if (!is_terminal_ || isatty(STDIN_FILENO) != 1 || tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        reads_keys_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    ~Screen() {
        if (reads_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        if (is_terminal_) put("\x1b[?25h\x1b[?1049l");
        std::fflush(stdout);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void draw(const std::vector<std::string>& lines) const {
        const char* end = is_terminal_ ? "\x1b[K\n" : "\n";
        if (is_terminal_) put("\x1b[H");
        for (const std::string& line : lines) put("{}{}", line, end);
        put("{}", is_terminal_ ? "\x1b[J" : "\n");
    }
    enum class Wake : std::uint8_t { kTime, kResized, kQuit };
    Wake wait(int timeout_ms) const {
        pollfd ready[] = {{signals_.get(), POLLIN, 0}, {reads_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
        if (poll(ready, std::size(ready), timeout_ms) <= 0) return Wake::kTime;
        signalfd_siginfo signal{};
        while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal))
            if (signal.ssi_signo != SIGWINCH) return Wake::kQuit;
        char key = 0;
        if ((ready[1].revents & (POLLIN | POLLHUP)) != 0 &&
            (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 4))
            return Wake::kQuit;
        return Wake::kResized;
    }

private:
    runtime::UniqueFd signals_;
    termios before_{};
    bool is_terminal_ = false;
    bool reads_keys_ = false;
};

int top(const TopArguments& arguments) {
    std::string name = arguments.name;
    auto reply = ask_status(name);
    if (!reply) return say_error(reply.error());
    name = reply->engine.name;
    Rates rates;
    rates.update(reply->engine);
    Error error;
    {
        const Screen screen;
        std::vector<Row> rows = rates.update(reply->engine);
        const auto period_ns = static_cast<std::uint64_t>(arguments.seconds * 1e9);
        std::uint64_t next_ns = runtime::monotonic_ns() + period_ns;
        if (arguments.times == 0) screen.draw(compose_screen(*reply, rows, terminal_size()));
        for (unsigned done = 0; arguments.times == 0 || done < arguments.times;) {
            if (std::fflush(stdout) != 0) break;
            const std::uint64_t now_ns = runtime::monotonic_ns();
            const auto wake = screen.wait(now_ns >= next_ns ? 0 : static_cast<int>((next_ns - now_ns) / 1'000'000 + 1));
            if (wake == Screen::Wake::kQuit) break;
            if (wake == Screen::Wake::kTime) {
                next_ns += period_ns;
                ++done;
                reply = ask_status(name);
                if (!reply) {
                    error = reply.error();
                    break;
                }
                rows = rates.update(reply->engine);
            }
            screen.draw(compose_screen(*reply, rows, terminal_size()));
        }
    }
    return error.message.empty() ? static_cast<int>(kOk) : say_error(error);
}

}  // namespace

void add_top(CLI::App& app, int& status) {
    static TopArguments arguments;
    CLI::App* command = app.add_subcommand("top", "shows the rules of a running engine by packets a second, live");
    command->footer(
        "q or Ctrl-C ends it. If standard output is not a terminal, or TERM is dumb, one table is\n"
        "printed after another.");
    add_name_option(*command, arguments.name);
    command->add_option("--interval", arguments.seconds, "seconds between updates")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    command->add_option("-n,--times", arguments.times, "number of updates; 0: no limit")->capture_default_str();
    command->callback([&status] { status = top(arguments); });
}

}  // namespace weir::cli

// Tested by tests/unit/service/side_process_test.cpp.
#include "service/side_process.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "runtime/memory_file.h"
#include "service/ended_processes.h"
#include "service/fields.h"
#include "service/message_socket.h"
#include "service/notice.h"
#include "service/spawn.h"

namespace weir::service {
namespace {

constexpr std::uint64_t kFirstDelay_ms = 200, kMostDelay_ms = 30'000;
constexpr std::uint64_t kGoodLife_ms = 60'000;  // after such a life the next start comes soon again
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::size_t kMostLacks = 16, kMostCounts = 32, kMostTextBytes = 400;

std::string cut(const std::string& text) { return printable(text.substr(0, kMostTextBytes)); }

template <typename Fields>
void describe(Fields& fields, typename Fields::template Of<SideReport>& report) {
    fields("state", report.state);
    fields.optional("help", report.help);
    fields("lacks", report.lacks);
    fields("counts", report.counts);
}

std::string how_it_ended(pid_t process) {
    int how = 0;
    // Its end of the socket is closed: it ends now, or is ended.
    for (int waited = 0; waitpid(process, &how, WNOHANG) == 0; ++waited) {
        constexpr int kPatience = 20;
        if (waited == kPatience) {
            end_process(process);
            return "closed its end";
        }
        usleep(1000);
    }
    return WIFSIGNALED(how) ? fmt::format("was ended by signal {}", WTERMSIG(how))
                            : fmt::format("ended with status {}", WEXITSTATUS(how));
}

}  // namespace

std::string encode(const SideReport& report) {
    std::string text;
    {
        FieldWriter fields(text);
        describe(fields, report);
    }
    return text;
}

SideReport decode_report(const std::string& text) {
    SideReport report;
    const Json said = Json::parse(text, nullptr, false);
    bool is_good = said.is_object();
    if (is_good) {
        FieldReader fields(said);
        describe(fields, report);
        is_good = fields.fault().empty() && report.lacks.size() <= kMostLacks && report.counts.size() <= kMostCounts;
    }
    if (!is_good) return {"what it says of itself cannot be read", {}, {}, {}};
    report.state = cut(report.state);
    report.help = cut(report.help);
    for (std::string& lack : report.lacks) lack = cut(lack);
    std::map<std::string, std::uint64_t> counts;
    for (const auto& [key, number] : report.counts) counts[cut(key)] = number;
    report.counts = std::move(counts);
    return report;
}

SideProcess::SideProcess(SideProcessOptions options) : options_(std::move(options)), delay_ms_(kFirstDelay_ms) {}

SideProcess::~SideProcess() {
    if (report_ && process_ > 1) end_process(process_);
}

Status SideProcess::start(const Adopt& adopt) {
    auto settings = runtime::make_memory_file("weir-settings", options_.settings);
    if (!settings) return settings.error();
    if (Status sealed = runtime::seal(settings->get()); !sealed) return sealed;
    auto reports = make_socket_pair();
    if (!reports) return reports.error();
    std::vector<runtime::UniqueFd> ours, theirs;
    for (std::size_t i = 0; i < options_.channels; ++i) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
            return runtime::kernel_error(errno, "making a channel for " + options_.name);
        ours.emplace_back(pair[0]);
        theirs.emplace_back(pair[1]);
    }
    static_assert(kSettingsFd == kFirstGivenFd && kReportFd == kFirstGivenFd + 1);
    Spawn what{
        {options_.program, options_.argument, fmt::to_string(options_.channels), fmt::to_string(options_.given.size())},
        {settings->get(), reports->theirs.get()}};
    for (const auto* group : {&theirs, &options_.given})
        for (const runtime::UniqueFd& fd : *group) what.given.push_back(fd.get());
    auto process = spawn(what, options_.name);
    if (!process) return process.error();
    process_ = *process;
    report_ = std::move(reports->ours);
    clients_.clear();
    for (runtime::UniqueFd& end : ours) clients_.push_back(adopt(std::move(end)));
    return Done{};
}

void SideProcess::end(const std::string& why) {
    report_ = {};
    process_ = -1;
    const std::uint64_t now_ns = runtime::monotonic_ns();
    if (now_ns - begun_ns_ > kGoodLife_ms * kMillisecond_ns) delay_ms_ = kFirstDelay_ms;
    not_before_ns_ = now_ns + delay_ms_ * kMillisecond_ns;
    const std::string said = said_.state.empty() || said_.state == "ok" ? why : why + ": " + said_.state;
    say_problem({fmt::format("{} {}; it is started again in {} ms", options_.name, said, delay_ms_), said_.help, 0});
    said_ = {said, said_.help, said_.lacks, {}};
    delay_ms_ = std::min(2 * delay_ms_, kMostDelay_ms);
}

void SideProcess::take_reports() {
    Message message;
    for (int left = 16; left != 0; --left) {
        const Received got = receive_message(report_.get(), message, 0, Wait::kNo);
        if (got == Received::kNothing) return;
        if (got == Received::kClosed) return end(how_it_ended(process_));
        said_ = decode_report(std::string(message.bytes.begin(), message.bytes.end()));
    }
}

void SideProcess::step(const Adopt& adopt) {
    if (!report_) {
        if (runtime::monotonic_ns() < not_before_ns_) return;
        begun_ns_ = runtime::monotonic_ns();
        ++starts_;
        if (Status started = start(adopt); !started) return end("cannot be started: " + started.error().message);
    }
    take_reports();
}

Status SideProcess::begin(const Adopt& adopt) {
    constexpr int kPatience_ms = 30'000;
    begun_ns_ = runtime::monotonic_ns();
    ++starts_;
    if (Status started = start(adopt); !started) return started;
    Message message;
    pollfd one{report_.get(), POLLIN, 0};
    if (poll(&one, 1, kPatience_ms) != 1) return Error{options_.name + " does not start", {}, ETIMEDOUT};
    if (receive_message(report_.get(), message, 0, Wait::kNo) != Received::kMessage)
        return Error{fmt::format("{} {}", options_.name, how_it_ended(process_)), {}, 0};
    said_ = decode_report(std::string(message.bytes.begin(), message.bytes.end()));
    if (said_.state != "ok") return Error{said_.state, said_.help, 0};
    return Done{};
}

bool SideProcess::lets(std::uint64_t client, const Command& command) const {
    if (!options_.may_give || std::find(clients_.begin(), clients_.end(), client) == clients_.end()) return true;
    return options_.may_give(command);
}

std::uint64_t SideProcess::timeout_ms() const {
    constexpr std::uint64_t kTick_ms = 1000;
    if (report_) return kTick_ms;
    const std::uint64_t now_ns = runtime::monotonic_ns();
    return now_ns >= not_before_ns_ ? 0 : std::min(kTick_ms, (not_before_ns_ - now_ns) / kMillisecond_ns + 1);
}

SideProcessStatus SideProcess::status() const {
    return {options_.argument,
            options_.addresses,
            said_.state.empty() ? "starting" : said_.state,
            starts_ == 0 ? 0 : starts_ - 1,
            said_.lacks,
            said_.counts};
}

bool send_report(const runtime::UniqueFd& socket, const SideReport& report) {
    const std::string text = encode(report);
    return send_message(socket.get(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, {}, Wait::kNo);
}

}  // namespace weir::service

// Tested by tests/unit/runtime/llm_test.cpp.
#include "runtime/sinks/daily_budget.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "runtime/handles.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kDay_ns = 86'400'000'000'000;

}  // namespace

DailyBudget::DailyBudget(std::string file, std::uint64_t calls, std::uint64_t tokens)
    : file_(std::move(file)), max_calls_(calls), max_tokens_(tokens) {
    if (!file_.empty()) read();
}

// "20786 12 34567": day, calls, tokens. A file that is none begins a day.
void DailyBudget::read() {
    const UniqueFd file(open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    char text[128] = {};
    if (!file || ::read(file.get(), text, sizeof(text) - 1) <= 0) return;
    unsigned long long day = 0, calls = 0, tokens = 0;
    if (std::sscanf(text, "%llu %llu %llu", &day, &calls, &tokens) != 3) return;
    day_ = day;
    calls_ = calls;
    tokens_ = tokens;
}

// Whole or not at all.
void DailyBudget::write() {
    if (file_.empty()) return;
    const std::filesystem::path path(file_), fresh(file_ + ".new");
    std::error_code ignored;
    std::filesystem::create_directories(path.parent_path(), ignored);
    const std::string text = fmt::format("{} {} {}\n", day_, calls_, tokens_);
    UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    const bool is_written = file &&
                            ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                            fsync(file.get()) == 0 && rename(fresh.c_str(), path.c_str()) == 0;
    trouble_ =
        is_written ? "ok" : fmt::format("the day's budget cannot be kept in {}: {}", file_, std::strerror(errno));
}

void DailyBudget::begin_day(std::uint64_t now_ns) {
    const std::uint64_t today = now_ns / kDay_ns;
    if (today == day_) return;
    day_ = today;
    calls_ = tokens_ = 0;
}

bool DailyBudget::has_room(std::uint64_t now_ns, std::uint64_t tokens) {
    begin_day(now_ns);
    return (max_calls_ == 0 || calls_ < max_calls_) && (max_tokens_ == 0 || tokens_ + tokens <= max_tokens_);
}

void DailyBudget::spend(std::uint64_t now_ns, std::uint64_t tokens) {
    begin_day(now_ns);
    ++calls_;
    tokens_ += tokens;
    write();
}

void DailyBudget::correct(std::uint64_t expected, std::uint64_t taken) {
    tokens_ = tokens_ - (expected < tokens_ ? expected : tokens_) + taken;
    write();
}

}  // namespace weir::runtime

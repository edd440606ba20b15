// Tested by tests/unit/service/samples_test.cpp.
#include "service/samples.h"

#include <filesystem>

#include <fmt/format.h>

namespace weir::service {
namespace {
constexpr std::uint64_t kMost = 10'000;
constexpr const char* kStateFolder = "/var/lib/weir";
}  // namespace

Status Samples::begin(const std::string& engine, std::string path) {
    end();
    if (path.empty()) {
        path = fmt::format("{}/{}/disagreements.pcapng", kStateFolder, engine);
        std::error_code none;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                            none);  // or open() says what is wrong
    }
    path_ = std::move(path);
    written_ = 0;
    state_ = "ok";
    if (Status opened = capture_.open(path_, tooling::CaptureWriter::Appears::kAsItComes); !opened) return opened;
    is_open_ = true;
    return capture_.flush();
}

void Samples::take(const runtime::Disagreement& one) {
    if (!is_open_ || written_ == kMost) return;
    const tooling::CapturedFrame frame{one.frame, static_cast<std::uint32_t>(one.frame.size()), one.wall_clock_ns};
    Status done = capture_.write(frame, fmt::format("in force: {}; candidate: {}", one.live, one.candidate));
    if (done) done = capture_.flush();
    if (done)
        ++written_;
    else
        state_ = done.error().message;
}

void Samples::end() {
    if (!is_open_) return;
    is_open_ = false;
    if (Status closed = capture_.close(); !closed) state_ = closed.error().message;
}

}  // namespace weir::service

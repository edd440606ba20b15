// The processes that side_process.h starts, one a row.
// Tested by tests/unit/service/side_process_test.cpp with `is_side_process`.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "service/http/door.h"
#include "service/nats/follower_process.h"
#include "service/side_process.h"
#include "tooling/exit_status.h"

namespace weir::service {
namespace {

constexpr SideProcessRow kRows[] = {{"network-door", http::live_as_door}, {"policy-follower", live_as_follower}};

const SideProcessRow* row_of(const char* argument) {
    const auto* found = std::find_if(std::begin(kRows), std::end(kRows),
                                     [&](const auto& row) { return std::strcmp(row.argument, argument) == 0; });
    return found == std::end(kRows) ? nullptr : found;
}

std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t got = read(fd, buffer, sizeof(buffer)); got > 0; got = read(fd, buffer, sizeof(buffer)))
        text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

}  // namespace

bool is_side_process(int argc, const char* const* argv) { return argc == 4 && row_of(argv[1]) != nullptr; }

int side_process_main(int, const char* const* argv) {
    const SideProcessRow& row = *row_of(argv[1]);
    const int channels = std::atoi(argv[2]), given = std::atoi(argv[3]);
    struct stat facts{};
    if (channels < 0 || given < 0 || kFirstChannelFd - kSettingsFd + channels + given > kMostGiven ||
        fstat(kReportFd, &facts) != 0 || !S_ISSOCK(facts.st_mode)) {
        fmt::print(stderr, "weir: only an engine starts its processes: weir run\n");
        return kUsage;
    }
    SideEnds ends;
    ends.engine = getppid();
    int next = kSettingsFd;
    const auto take = [&] {
        runtime::UniqueFd fd(next++);
        fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
        return fd;
    };
    const runtime::UniqueFd settings = take();
    lseek(settings.get(), 0, SEEK_SET);
    ends.settings = read_all(settings.get());
    ends.report = take();
    for (int i = 0; i < channels; ++i) ends.channels.push_back(take());
    for (int i = 0; i < given; ++i) ends.given.push_back(take());
    close_range(static_cast<unsigned>(next), ~0u, 0);
    return row.live(std::move(ends));
}

}  // namespace weir::service

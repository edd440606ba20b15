// print_metrics: reads the reply to `{"command":"status"}` from standard input, and prints it as /metrics has it. With
// --time N also, on standard error, how long that takes: the median and the 99th percentile of N times, in ms, and the
// bytes of reply and text.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "service/command_codec.h"
#include "service/http/metrics.h"

using namespace weir;
using namespace weir::service;

namespace {

template <typename Work>
void time(const char* what, int times, Work work) {
    std::vector<double> ms;
    for (int i = 0; i < times; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::sort(ms.begin(), ms.end());
    std::fprintf(stderr, "%s: median %.3f ms, p99 %.3f ms\n", what, ms[ms.size() / 2], ms[ms.size() * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string line{std::istreambuf_iterator<char>(std::cin), {}};
    const auto reply = decode_reply(line, StatusCommand{});
    const auto* status = reply ? std::get_if<StatusReply>(&*reply) : nullptr;
    if (status == nullptr) {
        std::fprintf(stderr, "print_metrics: no status: %s\n", reply ? "a refusal" : reply.error().message.c_str());
        return 3;
    }
    const std::string text = http::metrics_text(*status);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (argc != 3 || std::string_view(argv[1]) != "--time") return 0;
    const int times = std::max(std::atoi(argv[2]), 1);
    std::fprintf(stderr, "%zu bytes of status, %zu of text\n", line.size(), text.size());
    time("decode", times, [&] { static_cast<void>(decode_reply(line, StatusCommand{})); });
    time("text", times, [&] { static_cast<void>(http::metrics_text(*status)); });
    return 0;
}

// Time to parse a policy of N rules, in ms: the least of several runs. bench_parse [N]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <string>

#include "grammar/parser.h"

namespace {

std::string policy_of(unsigned rules) {
    std::string text = "policy bench\n\nlet web = { 80, 443, 8000..8099 }\n\n";
    for (unsigned i = 0; i < rules; ++i) {
        text += fmt::format("rule r{} {{ when ip.src in 10.{}.{}.0/24 and tcp.dport == {} and not tcp.ack then {} }}\n",
                            i, i / 256 % 256, i % 256, i % 65536, i % 2 == 0 ? "drop" : "pass");
    }
    return text;
}

double parse_ms(const std::string& text) {
    weir::Sources sources;
    const auto file = sources.add("bench.rules", text);
    weir::Diagnostics diagnostics;
    const auto begin = std::chrono::steady_clock::now();
    const auto policy = weir::parse(sources, file, diagnostics);
    const auto end = std::chrono::steady_clock::now();
    if (diagnostics.has_errors() || policy.items.empty()) std::exit(1);
    return std::chrono::duration<double, std::milli>(end - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
    constexpr int kRuns = 7;
    const auto rules = static_cast<unsigned>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000);
    const std::string text = policy_of(rules);
    double best = std::numeric_limits<double>::max();
    for (int run = 0; run < kRuns; ++run) best = std::min(best, parse_ms(text));
    fmt::print("{:.1f}\n", best);
}

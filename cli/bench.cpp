// `weir bench`: what a policy costs a packet, and what it costs to bring it into force.
// Tested by tests/cli/hostile_test.py with `"bench"`.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "compiler/analysis/probe_frames.h"
#include "compiler/codegen/native.h"
#include "compiler/compiler.h"
#include "runtime/bench.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/evaluators.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr unsigned kCompiles = 5;
constexpr double kCompilesMs = 1000;  // no more compiles once they took this long
constexpr std::size_t kNativeBatch = 512;

struct BenchArguments {
    std::string file;
    std::string capture;
    std::string engine;            // kernel, native; empty: kernel if allowed
    std::uint32_t packets = 8192;  // many enough that no branch predictor learns them
    std::uint32_t repeat = 500;
    tooling::PolicyOptions options;
};

struct Report {
    std::string policy;
    std::size_t rules = 0;
    std::string engine;
    double compile_ms = 0;        // from text to object, in a running process; the least of several
    double first_compile_ms = 0;  // with LLVM's own start
    runtime::BenchFigures figures;
};

double ms_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

Result<runtime::Frames> frames_of(const BenchArguments& arguments, const policy::TypedPolicy& policy) {
    if (arguments.capture.empty()) return analysis::probe_frames(policy, arguments.packets, kSeed);
    auto capture = tooling::Capture::open(arguments.capture);
    if (!capture) return capture.error();
    runtime::Frames frames;
    while (frames.size() < arguments.packets) {
        const auto frame = capture->next();
        if (!frame) return frame.error();
        if (!*frame) break;
        const std::span<const std::uint8_t> bytes = (*frame)->bytes;
        if (tooling::kernel_takes(bytes.size())) frames.emplace_back(bytes.begin(), bytes.end());
    }
    if (frames.empty()) return Error{arguments.capture + " has no frame that can be measured", {}, 0};
    return frames;
}

// From text to object, as a reload does it.
Result<bpf::Object> compile_again(const Compiled& first, const BenchArguments& arguments) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled = analyse(sources, first.source_name, first.source_text, tooling::files_of(arguments.options),
                                  diagnostics, {.table_bytes = arguments.options.table_bytes});
    if (!compiled) return Error{"a file of the policy changed during the measurement", {}, 0};
    return compile(*compiled, {});
}

Result<bpf::Object> compile_often(const Compiled& first, const BenchArguments& arguments, Report& report) {
    Progress progress("compiles", kCompiles);
    std::vector<double> times;
    double spent_ms = 0;
    for (;;) {
        const auto begin = std::chrono::steady_clock::now();
        auto object = compile_again(first, arguments);
        times.push_back(ms_since(begin));
        spent_ms += times.back();
        if (object && times.size() < kCompiles && spent_ms < kCompilesMs) {
            progress.step(times.size());
            continue;
        }
        report.compile_ms = *std::min_element(times.begin(), times.end());
        return object;
    }
}

// A function that only returns, called like the native evaluator's.
int run_nothing(const std::uint8_t* frame) {
    asm volatile("" : : "r"(frame) : "memory");
    return 1;
}

// ns a packet of one batch, rounded down as the kernel does it.
template <typename Run>
std::uint32_t native_batch(const runtime::Frames& frames, std::size_t first, Run&& run) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < kNativeBatch; ++i) run(frames[(first + i) % frames.size()]);
    return static_cast<std::uint32_t>(ms_since(begin) * 1e6 / kNativeBatch);
}

Status bench_native(const Compiled& compiled, const runtime::Frames& frames, const BenchArguments& arguments,
                    Report& report) {
    const auto begin = std::chrono::steady_clock::now();
    const auto engine = codegen::NativeEngine::create(compiled);
    if (!engine) return engine.error();
    report.compile_ms += ms_since(begin);
    std::vector<std::uint32_t> bare, policy;
    int (*volatile nothing)(const std::uint8_t*) = run_nothing;
    const std::uint64_t total = std::max<std::uint64_t>(std::uint64_t{frames.size()} * arguments.repeat, kNativeBatch);
    Progress progress("packets", total);
    for (std::uint64_t done = 0; done < total; done += kNativeBatch) {
        const std::size_t first = done % frames.size();
        bare.push_back(native_batch(frames, first, [&](const auto& frame) { return nothing(frame.data()); }));
        policy.push_back(native_batch(frames, first, [&](const auto& frame) { return (*engine)->run(frame); }));
        progress.step(done);
    }
    report.figures.packet_ns = runtime::percentiles_of_floors(std::move(policy));
    report.figures.baseline_ns = runtime::percentiles_of_floors(std::move(bare)).p50;
    report.figures.packets = static_cast<std::uint32_t>(frames.size());
    return Done{};
}

std::string as_json(const Report& report) {
    const runtime::BenchFigures& f = report.figures;
    const auto rounded = [](double value) { return std::round(value * 100) / 100; };
    nlohmann::ordered_json json{
        {"policy", report.policy},
        {"rules", report.rules},
        {"engine", report.engine},
        {"ns_per_packet", {{"p50", rounded(f.packet_ns.p50)}, {"p99", rounded(f.packet_ns.p99)}}},
        {"baseline_ns", rounded(f.baseline_ns)},
        {"compile_ms", rounded(report.compile_ms)},
        {"first_compile_ms", rounded(report.first_compile_ms)}};
    // Figures that the native evaluator does not have are null.
    const auto kernel_only = [&](const char* key, auto value) {
        if (report.engine == "kernel")
            json[key] = value;
        else
            json[key] = nullptr;
    };
    kernel_only("load_ms", rounded(f.load_ms));
    kernel_only("swap_us", rounded(f.swap_us));
    kernel_only("program_insns", f.program_insns);
    kernel_only("verified_insns", f.verified_insns);
    kernel_only("memory_bytes", f.memory_bytes);
    json["packets"] = f.packets;
    json["undisturbed"] = rounded(f.undisturbed);
    return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string as_table(const Report& report) {
    const runtime::BenchFigures& f = report.figures;
    std::string text;
    const auto row = [&](const char* what, const std::string& value, const char* unit) {
        text += fmt::format("  {:<34} {:>12} {}\n", what, value, unit);
    };
    const auto number = [](double value) { return fmt::format("{:.1f}", value); };
    text += fmt::format("{}: {} rules, {} different packets, {} evaluator\n", printable(report.policy), report.rules,
                        f.packets, report.engine);
    row("a packet, more than a bare program", number(f.packet_ns.p50 - f.baseline_ns), "ns, median");
    row("", number(f.packet_ns.p99 - f.baseline_ns), "ns, 99th percentile of batches");
    row("  with the measuring program", number(f.packet_ns.p50), "ns");
    row("  bare program with the measuring program", number(f.baseline_ns), "ns");
    row("compile", number(report.compile_ms), "ms");
    row("  first of a process", number(report.first_compile_ms), "ms");
    if (report.engine != "kernel") return text;
    row("undisturbed batches", number(f.undisturbed * 100), "%");
    row("load", number(f.load_ms), "ms");
    row("swap", number(f.swap_us), "us");
    row("program", std::to_string(f.program_insns), "instructions");
    row("  verified", std::to_string(f.verified_insns), "instructions");
    row("maps", fmt::format("{:.1f}", static_cast<double>(f.memory_bytes) / 1e3), "KB");
    return text;
}

Status measure(const Compiled& compiled, const BenchArguments& arguments, Report& report) {
    auto frames = frames_of(arguments, compiled.policy);
    if (!frames) return frames.error();
    auto object = compile_often(compiled, arguments, report);
    if (!object) return object.error();
    if (report.engine == "native") return bench_native(compiled, *frames, arguments, report);
    Progress progress("packets", std::uint64_t{frames->size()} * arguments.repeat);
    runtime::BenchOptions options;
    options.repeat = arguments.repeat;
    options.on_progress = [&](std::uint64_t done) { progress.step(done); };
    auto figures = runtime::bench(*object, *frames, options);
    if (!figures) return figures.error();
    report.figures = *figures;
    return Done{};
}

int run_bench(const BenchArguments& arguments) {
    end_on_interrupt();
    const bool allowed = tooling::kernel_is_allowed();
    Report report;
    report.engine = !arguments.engine.empty() ? arguments.engine : allowed ? "kernel" : "native";
    if (report.engine == "kernel" && !allowed)
        return say_error(
            {"this process may not load BPF programs",
             "run as root, or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN; or use --engine native",
             EPERM});
    const auto begin = std::chrono::steady_clock::now();
    const tooling::LoadedPolicy loaded = load_policy(arguments.file, arguments.options);
    if (!loaded.compiled) return loaded.status;
    {
        Progress progress("compiling " + arguments.file);
        const auto object = compile(*loaded.compiled, {});
        progress.finish();
        if (!object) return say_error(object.error());
    }
    report.first_compile_ms = ms_since(begin);
    report.policy = loaded.compiled->policy.name;
    report.rules = loaded.compiled->policy.rules.size();
    if (const Status measured = measure(*loaded.compiled, arguments, report); !measured)
        return say_error(measured.error());
    std::fputs((arguments.options.format == "json" ? as_json(report) : as_table(report)).c_str(), stdout);
    return kOk;
}

}  // namespace

void add_bench(CLI::App& app, int& status) {
    static BenchArguments arguments;
    CLI::App* command =
        app.add_subcommand("bench", "measures a policy: ns a packet, and the time to compile, load and swap");
    command->add_option("FILE", arguments.file, "policy; - is standard input")->required();
    command->add_option("--pcap", arguments.capture,
                        "use the frames of this capture; default: frames made from the rules");
    command->add_option("--packets", arguments.packets, "at most so many different packets")
        ->check(CLI::Range(1u, 1u << 20))
        ->capture_default_str();
    command->add_option("--repeat", arguments.repeat, "how often each packet runs")
        ->check(CLI::Range(1u, 1u << 24))
        ->capture_default_str();
    command->add_option("--engine", arguments.engine, "kernel or native; default: kernel if allowed")
        ->check(CLI::IsMember({"kernel", "native"}));
    add_policy_options(*command, arguments.options);
    add_memory_option(*command, arguments.options);
    command->callback([&status] { status = run_bench(arguments); });
}

}  // namespace weir::cli

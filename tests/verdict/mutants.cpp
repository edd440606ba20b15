// Mutants of the policies of rules/ through everything: parsed, checked, linted, lowered and compiled, and what is
// still a policy judges packets, on all engines alike. Nothing crashes, nothing takes long; what is refused is refused
// with a reason.
//   test_mutants [--seed N] [--mutants N] [--engines native|all] [--show]
// WEIR_MUTANTS in the environment stands for --mutants. A crash or a hang prints the seed of its mutant; --seed of that
// one and --mutants 1 bring it back, --show prints it.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include <fmt/format.h>

#include "compiler/analysis/lint.h"
#include "tests/support/engines.h"
#include "tests/support/mutant.h"
#include "tests/support/random_packet.h"
#include "tests/unit/grammar/policies.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr unsigned kHang_s = 300;  // of anybody's time
constexpr double kSlowest_s = 20;  // of CPU time, a mutant with its packets
constexpr int kPackets = 50;

char current[64];
void say_current(int crash) {
    std::signal(crash, SIG_DFL);
    [[maybe_unused]] const ssize_t said = write(STDERR_FILENO, current, std::char_traits<char>::length(current));
    if (crash == SIGALRM) _exit(1);
}

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t mutants = 1000;
    Evaluators::Kernel kernel = Evaluators::Kernel::kNot;
    bool show = false;
};

Options read(int argc, char** argv) {
    Options options;
    const auto number = [](const char* text) { return std::strtoull(text, nullptr, 0); };
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* value = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--seed")
            options.seed = number(value), ++i;
        else if (word == "--mutants")
            options.mutants = number(value), ++i;
        else if (word == "--engines")
            options.kernel = value == std::string_view("all") ? Evaluators::Kernel::kToo : Evaluators::Kernel::kNot,
            ++i;
        else if (word == "--show")
            options.show = true;
    }
    if (const char* mutants = std::getenv("WEIR_MUTANTS")) options.mutants = number(mutants);
    return options;
}

// What the policies of rules/ import and read, by path from the root.
FileTexts files_of_rules() {
    namespace fs = std::filesystem;
    FileTexts files;
    const fs::path root = WEIR_SOURCE_DIR;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / "rules")) {
        std::ifstream file(entry.path(), std::ios::binary);
        if (entry.is_regular_file()) files[entry.path().string()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
}

// What is wrong with the mutant; empty where nothing is. `accepted`: it is a policy still.
std::string fault_of(const std::string& name, const std::string& text, const FileTexts& files, const Options& options,
                     Random& random, bool& accepted) {
    Analysed result = analysed(text, files, name);
    accepted = result.compiled != nullptr;
    if (!accepted) return result.diagnostics().has_errors() ? "" : "refused without a reason\n";
    Diagnostics said;
    [[maybe_unused]] const analysis::Judged judged =
        analysis::lint(result.compiled->policy, said);  // it may give up on large ones
    auto created = Evaluators::create(std::move(result), options.kernel);
    if (!created) return "not compiled: " + created.error().message + "\n";
    auto& engines = *created;
    std::string difference;
    for (int i = 0; i < kPackets && difference.empty(); ++i)
        engines->judge(random_packet(random, {}), difference, 1'000'000'000ull * static_cast<unsigned>(i));
    return difference;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    for (const int crash : {SIGABRT, SIGSEGV, SIGALRM}) std::signal(crash, say_current);
    const FileTexts files = files_of_rules();
    auto all = policies();
    std::erase_if(all, [](const auto& policy) { return !policy.first.ends_with(".rules"); });
    std::uint64_t policies_still = 0;
    double slowest_s = 0;
    std::uint64_t slowest = 0;
    for (std::uint64_t seed = options.seed; seed < options.seed + options.mutants; ++seed) {
        std::snprintf(current, sizeof(current), "mutant of seed %llu\n", static_cast<unsigned long long>(seed));
        alarm(kHang_s);
        const std::clock_t begin = std::clock();
        Random random(seed);
        const auto& [name, text] = random.of(all);
        const std::string mutant = random.one_in(3) ? mutant_of_bytes(text, random) : mutant_of_words(text, random);
        if (options.show) fmt::print("# {}, a mutant of {}\n{}\n", seed, name, mutant), std::fflush(stdout);
        bool accepted = false;
        std::string fault = fault_of(name, mutant, files, options, random, accepted);
        const double took_s = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        if (fault.empty() && took_s > kSlowest_s) fault = fmt::format("it took {:.1f} s\n", took_s);
        if (!fault.empty()) {
            fmt::print("seed {}, a mutant of {}: {}---\n{}", seed, name, fault, mutant);
            return 1;
        }
        policies_still += accepted ? 1 : 0;
        if (took_s > slowest_s) slowest_s = took_s, slowest = seed;
    }
    fmt::print("{} mutants from seed {}: {} were policies still; the slowest took {:.2f} s (seed {})\n",
               options.mutants, options.seed, policies_still, slowest_s, slowest);
    return policies_still == 0 && options.mutants > 100 ? 1 : 0;
}

// Runs a fuzz target without libFuzzer: over the files of folders, so that what was found once stays found, and over
// changes to them by chance, which need no build of their own.
//   fuzz_NAME [--mutants N] [--seed S] FOLDER…
// Where it crashes the input is left in `fuzz-crash` of the working folder.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "grammar/base/seeded.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

using weir::Seeded;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMostBytes = 8192;  // of a mutant
Bytes current;                            // the input at hand

void keep_input(int crash) {
    std::signal(crash, SIG_DFL);
    const int file = open("fuzz-crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    [[maybe_unused]] const ssize_t written = write(file, current.data(), current.size());
}

void run(Bytes input) {
    current = std::move(input);
    LLVMFuzzerTestOneInput(current.data(), current.size());
}

std::vector<std::filesystem::path> files_of(const std::vector<std::string>& folders) {
    std::vector<std::filesystem::path> files;
    for (const std::string& folder : folders)
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
            if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());  // a seed repeats its run
    return files;
}

std::uint8_t interesting(Seeded& random) {
    static constexpr std::uint8_t kBytes[] = {0,    1,   2,   6,   8,   17,  0x7f, 0x80, 0xfe,
                                              0xff, ' ', '"', '{', '}', '0', '9',  '\n'};
    return random.one_in(2) ? kBytes[random.below(std::size(kBytes))] : static_cast<std::uint8_t>(random.next());
}

// One change: a byte, a bit, a piece taken out, put in, repeated, or taken from another input.
void change(Bytes& bytes, const Bytes& other, Seeded& random) {
    const std::size_t at = random.below(bytes.size() + 1);
    const auto place = [&](std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    const auto piece = [&](const Bytes& of) {
        const std::size_t begin = random.below(of.size() + 1);
        const std::size_t end = std::min(of.size(), begin + 1 + random.below(random.one_in(8) ? 256 : 12));
        return Bytes(of.begin() + static_cast<std::ptrdiff_t>(begin), of.begin() + static_cast<std::ptrdiff_t>(end));
    };
    switch (random.below(7)) {
        case 0:
            if (at < bytes.size()) bytes[at] = interesting(random);
            break;
        case 1:
            if (at < bytes.size()) bytes[at] ^= static_cast<std::uint8_t>(1u << random.below(8));
            break;
        case 2: bytes.erase(place(at), place(std::min(bytes.size(), at + 1 + random.below(16)))); break;
        case 3: bytes.insert(place(at), interesting(random)); break;
        case 4: {
            const Bytes copied = piece(bytes);
            bytes.insert(place(at), copied.begin(), copied.end());
            break;
        }
        case 5: {
            const Bytes copied = piece(other);
            bytes.insert(place(at), copied.begin(), copied.end());
            break;
        }
        default:
            if (at < bytes.size()) bytes[at] = static_cast<std::uint8_t>(bytes[at] + random.below(5) - 2);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t mutants = 0, seed = 1;
    std::vector<std::string> folders;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--mutants" && i + 1 < argc)
            mutants = std::strtoull(argv[++i], nullptr, 0);
        else if (word == "--seed" && i + 1 < argc)
            seed = std::strtoull(argv[++i], nullptr, 0);
        else
            folders.push_back(word);
    }
    for (const int crash : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(crash, keep_input);
    std::vector<Bytes> inputs;
    for (const std::filesystem::path& path : files_of(folders)) {
        std::ifstream file(path, std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
        inputs.emplace_back(bytes.begin(), bytes.end());
        std::printf("%s\n", path.c_str());
        std::fflush(stdout);  // a crash must not take it along
        run(inputs.back());
    }
    if (inputs.empty()) return 1;  // a folder that is not there would test nothing
    std::printf("%zu inputs, then %llu mutants from seed %llu\n", inputs.size(),
                static_cast<unsigned long long>(mutants), static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    for (std::uint64_t i = 0; i < mutants; ++i) {
        Seeded random(seed + i);
        Bytes input = random.of(inputs);
        for (std::size_t changes = 1 + random.below(random.one_in(4) ? 24 : 4); changes > 0; --changes)
            change(input, random.of(inputs), random);
        if (input.size() > kMostBytes) input.resize(kMostBytes);
        run(std::move(input));
    }
    return 0;
}

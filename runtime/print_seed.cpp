// Tested by tests/unit/runtime/print_seed_test.cpp.
#include "runtime/print_seed.h"

#include <sys/random.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "grammar/base/seeded.h"

namespace weir::runtime {
namespace {

std::uint64_t half_of(const std::string& digits, std::size_t from) {
    std::uint64_t number = 0;
    for (std::size_t i = from; i < from + 16; ++i) {
        const char c = digits[i];
        number = number << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return number;
}

std::array<std::uint64_t, WEIR_PRINT_STEP_WORDS> make_seed() {
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
    std::uint64_t halves[2] = {};
    if (id.size() == 32) {
        halves[0] = half_of(id, 0), halves[1] = half_of(id, 16);
    } else if (getrandom(halves, sizeof(halves), 0) != sizeof(halves)) {
        halves[0] = reinterpret_cast<std::uintptr_t>(&id);  // the place of the stack is random, too
    }
    Seeded first(halves[0]), second(halves[1]);
    std::array<std::uint64_t, WEIR_PRINT_STEP_WORDS> seed{};
    for (std::uint64_t& word : seed) word = (first.next() ^ second.next()) | 1;
    return seed;
}

}  // namespace

const std::array<std::uint64_t, WEIR_PRINT_STEP_WORDS>& print_seed() {
    static const std::array<std::uint64_t, WEIR_PRINT_STEP_WORDS> seed = make_seed();
    return seed;
}

void set_print_by(weir_settings& settings) {
    constexpr std::uint64_t kTest[] = WEIR_TEST_PRINT_BY;
    for (std::size_t i = 0; i < WEIR_PRINT_STEP_WORDS; ++i)
        settings.print_by[i] = settings.virtual_clock != 0 ? kTest[i] : print_seed()[i];
}

}  // namespace weir::runtime

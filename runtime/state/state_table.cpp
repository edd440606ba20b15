// Tested by tests/unit/runtime/sets_test.cpp with `table`.
#include "runtime/state/state_table.h"

#include <bpf/bpf.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr int kTries = 64;  // of filling a set to its brim: mostly one is enough, bpf/table.h

Status begin(const UniqueMapping& memory, std::uint32_t groups, const StateTable::Shape& shape) {
    __u64 random[WEIR_PRINT_WORDS];
    if (getrandom(random, sizeof(random), 0) != sizeof(random)) return kernel_error(errno, "asking for random numbers");
    weir_begin_table(memory.get(), random, groups, shape.size, shape.key_words, shape.net_word);
    return Done{};
}

Result<UniqueMapping> mapped(int fd, std::uint32_t elements, std::uint32_t element_bytes) {
    const std::size_t bytes = std::size_t{elements} * element_bytes;
    UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
    if (!memory) return kernel_error(errno, "reading state");
    return memory;
}

Result<UniqueFd> made(const char* name, std::uint32_t elements, std::uint32_t element_bytes) {
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
    UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(std::uint32_t), element_bytes, elements, &opts));
    if (!fd) return kernel_error(errno, "making room for state");
    return fd;
}

}  // namespace

Result<StateTable> StateTable::open(int fd) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &facts, &length) != 0) return kernel_error(errno, "looking for state");
    const Error foreign{"a table of state is not as weir made it", {}, EBADMSG};
    if (facts.type != BPF_MAP_TYPE_ARRAY ||
        (facts.value_size != WEIR_SET_BYTES && facts.value_size != WEIR_TERM_BYTES) ||
        std::size_t{facts.max_entries} * facts.value_size < sizeof(weir_table_head))
        return foreign;
    auto memory = mapped(fd, facts.max_entries, facts.value_size);
    if (!memory) return memory.error();
    StateTable table(std::move(*memory), facts.max_entries, facts.value_size);
    const bool is_set = facts.value_size == WEIR_SET_BYTES;
    if (!table.fits(facts.max_entries) || is_set != (table.key_words_ != 0)) return foreign;
    return table;
}

// Are all places that are computed from the head inside of the memory?
bool StateTable::fits(std::uint32_t elements) const {
    if (groups_ == 0 || groups_ >= elements || region_shift_ > 31 || groups_ >> region_shift_ >= WEIR_REGIONS)
        return false;
    if (key_words_ == 0) return true;
    const std::uint32_t first = head().net_first;
    return (key_words_ == 2 || key_words_ == 6 || key_words_ == 16) &&
           weir_set_elements(groups_, key_words_, first) <= elements;
}

Result<UniqueFd> StateTable::make(const Shape& shape) {
    const bool is_set = shape.key_words != 0;
    const std::uint32_t groups = is_set ? weir_set_groups(shape.size) : weir_term_groups(shape.size);
    const std::uint32_t elements = is_set ? weir_set_elements(groups, shape.key_words, shape.net_word)
                                          : weir_term_elements(groups, shape.has_values ? 1 : 0);
    const std::uint32_t element_bytes = is_set ? WEIR_SET_BYTES : WEIR_TERM_BYTES;
    auto fd = made(is_set ? "weir_set" : "weir_term", elements, element_bytes);
    if (!fd) return fd.error();
    auto memory = mapped(fd->get(), elements, element_bytes);
    if (!memory) return memory.error();
    if (Status begun = begin(*memory, groups, shape); !begun) return begun.error();
    return fd;
}

Result<UniqueFd> StateTable::make_set(const Shape& shape, std::span<const std::uint8_t> keys,
                                      const StateTable* others) {
    auto fd = make(shape);
    if (!fd) return fd.error();
    auto table = open(fd->get());
    if (!table) return table.error();
    for (int i = 0; i < kTries; ++i) {
        bool fits = true;
        for (std::size_t at = 0; at < keys.size(); at += shape.key_words * sizeof(std::uint32_t))
            fits = fits && table->put_first(reinterpret_cast<const std::uint32_t*>(keys.data() + at), 0);
        const std::uint64_t now_ns = monotonic_ns();
        if (others != nullptr)
            others->each([&](const std::uint32_t* words, std::uint64_t end_ns) {
                if (end_ns == 0 || end_ns > now_ns) fits = fits && table->put_first(words, end_ns);
            });
        if (fits) return fd;
        if (table->head().entries >= shape.size) break;  // no other numbers would help
        table->clear();
        if (Status begun = begin(table->memory_, table->groups_, shape); !begun) return begun.error();
    }
    return Error{"there are more entries than its size", "remove some first, or leave its size", E2BIG};
}

// A print says where it is in a table of any size, as long as it is made of the same numbers.
void StateTable::take_cell(const weir_term_line& line, std::size_t cell, const std::uint64_t* values) const {
    const std::uint64_t print = line.cells[cell].print;
    const std::uint32_t number = weir_group_of(print, groups_), home = weir_term_home(print);
    weir_term_group& group = static_cast<weir_term_group*>(memory_.get())[number];
    for (std::uint32_t i = 0; i < WEIR_GROUP_CELLS; ++i) {
        const std::uint32_t at = (home * WEIR_LINE_CELLS + i) % WEIR_GROUP_CELLS;
        weir_term_line& place = group.lines[at / WEIR_LINE_CELLS];
        if (place.cells[at % WEIR_LINE_CELLS].print != 0) continue;
        place.cells[at % WEIR_LINE_CELLS] = line.cells[cell];
        place.ends[at % WEIR_LINE_CELLS] = line.ends[cell];
        if (values != nullptr) std::copy_n(values, WEIR_CELL_VALUES, values_of(number - 1, at));
        if (at / WEIR_LINE_CELLS != home) group.lines[home].displaced = 1;
        auto& table = *static_cast<weir_table_head*>(memory_.get());
        const std::uint32_t region = number >> table.region_shift;
        table.regions[region / 64] |= std::uint64_t{1} << region % 64;
        return;
    }
}

Result<UniqueFd> StateTable::make_resized(const Shape& shape, const StateTable& others) {
    if (shape.has_values && weir_term_elements(others.groups_, 1) > others.elements_)
        return Error{"a table of state is not as weir made it", {}, EBADMSG};
    auto fd = make(shape);
    if (!fd) return fd.error();
    auto table = open(fd->get());
    if (!table) return table.error();
    std::copy_n(others.head().by, WEIR_PRINT_WORDS, static_cast<weir_table_head*>(table->memory_.get())->by);
    const auto* groups = static_cast<const weir_term_group*>(others.memory_.get()) + 1;
    for (std::uint32_t group = 0; group < others.groups_; ++group) {
        if (!others.may_hold(group)) continue;
        for (std::uint32_t cell = 0; cell < WEIR_GROUP_CELLS; ++cell) {
            const weir_term_line& line = groups[group].lines[cell / WEIR_LINE_CELLS];
            if (line.cells[cell % WEIR_LINE_CELLS].print != 0)
                table->take_cell(line, cell % WEIR_LINE_CELLS,
                                 shape.has_values ? others.values_of(group, cell) : nullptr);
        }
    }
    return fd;
}

const weir_entry* StateTable::find(std::span<const std::uint32_t> key) const {
    if (key.size() != key_words_) return nullptr;
    const std::uint64_t print = weir_print(head().by, key.data(), static_cast<std::uint32_t>(key.size()));
    const std::uint32_t group = weir_group_of(print, groups_) - 1;
    for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i)
        if (const weir_entry* entry = weir_entry_of_table(memory_.get(), group, i);
            (entry->print & ~WEIR_STRAYS) == print)
            return entry;
    return nullptr;
}

}  // namespace weir::runtime

// Tested by tests/verdict/name_table_test.cpp.
#include "runtime/state/name_table.h"

#include <bpf/bpf.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr int kTries = 64;  // with other random numbers: mostly one is enough, bpf/table.h

const std::uint8_t* bytes_of(std::string_view name) { return reinterpret_cast<const std::uint8_t*>(name.data()); }
std::uint32_t length_of(std::string_view name) { return static_cast<std::uint32_t>(name.size()); }
std::string_view text_of(std::span<const std::uint8_t> name) {
    return {reinterpret_cast<const char*>(name.data()), name.size()};
}

Result<UniqueMapping> mapped(int fd, std::uint32_t elements) {
    const std::size_t bytes = std::size_t{elements} * WEIR_SET_BYTES;
    UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
    if (!memory) return kernel_error(errno, "reading a set");
    return memory;
}

struct Made {
    UniqueFd fd;
    UniqueMapping memory;
};

Result<Made> made(std::uint32_t elements) {
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
    UniqueFd fd(
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_names", sizeof(std::uint32_t), WEIR_SET_BYTES, elements, &opts));
    if (!fd) return kernel_error(errno, "making room for names");
    auto memory = mapped(fd.get(), elements);
    if (!memory) return memory.error();
    return Made{std::move(fd), std::move(*memory)};
}

struct PrintNumbers {
    __u64 by[WEIR_PRINT_WORDS];
    Status draw() {
        if (getrandom(by, sizeof(by), 0) != sizeof(by)) return kernel_error(errno, "asking for random numbers");
        return Done{};
    }
};

Error no_room() { return {"there are more names than its size", "remove some first, or leave its size", E2BIG}; }

}  // namespace

// While it lives the table says that it is being changed.
class NameTable::Change {
public:
    explicit Change(const NameTable& table) : head_(weir_names_head(&table.names_)) { store(1); }
    ~Change() { store(0); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

private:
    void store(std::uint32_t value) const { __atomic_store_n(&head_->is_changing, value, __ATOMIC_SEQ_CST); }
    weir_table_head* head_;
};

NameTable::NameTable(UniqueMapping memory, const weir_table_head& head)
    : memory_(std::move(memory)), names_{memory_.get(), head.groups, head.region_shift, head.text_blocks} {}

Result<NameTable> NameTable::open(int fd) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &facts, &length) != 0) return kernel_error(errno, "looking for a set");
    const Error foreign{"a table of names is not as weir made it", {}, EBADMSG};
    if (facts.type != BPF_MAP_TYPE_ARRAY || facts.value_size != WEIR_SET_BYTES) return foreign;
    auto memory = mapped(fd, facts.max_entries);
    if (!memory) return memory.error();
    const weir_table_head head = *static_cast<const weir_table_head*>(memory->get());  // it may be written to meanwhile
    const bool fits = head.groups != 0 && head.groups < facts.max_entries && head.text_blocks != 0 &&
                      head.text_blocks / WEIR_ELEMENT_BLOCKS < facts.max_entries && head.region_shift <= 31 &&
                      head.groups >> head.region_shift < WEIR_REGIONS &&
                      weir_name_elements(head.groups, head.text_blocks) <= facts.max_entries;
    if (!fits) return foreign;
    return NameTable(std::move(*memory), head);
}

Result<UniqueFd> NameTable::make(const bpf::StateMap& shape, const NameTable* others) {
    std::uint64_t first_blocks = 0, nodes = shape.nodes, names = 0;
    bpf::each_name(shape.keys, [&](std::span<const std::uint8_t> name) {
        first_blocks += weir_blocks_of_name(static_cast<std::uint32_t>(name.size()));
        ++names;
    });
    if (names > shape.max_entries) return no_room();
    if (others != nullptr) {  // as many as there is room for may come along
        first_blocks += std::min<std::uint64_t>(shape.max_entries - names, others->entries()) * WEIR_NAME_BLOCKS;
        nodes += std::min<std::uint64_t>(weir_names_head(&others->names_)->nodes, 0x40000000);
    }
    constexpr std::uint64_t kMost = 0x40000000;  // far beyond what the kernel gives
    const auto groups = weir_set_groups(static_cast<std::uint32_t>(
        std::min(kMost, std::max<std::uint64_t>(nodes, weir_nodes_of_names(shape.max_entries)))));
    const auto blocks = static_cast<std::uint32_t>(
        std::min(kMost, std::max<std::uint64_t>(first_blocks, weir_blocks_of_names(shape.max_entries))));
    auto table = made(weir_name_elements(groups, blocks));
    if (!table) return table.error();
    const std::uint64_t now_ns = monotonic_ns();
    for (int i = 0; i < kTries; ++i) {
        PrintNumbers numbers;
        if (Status drawn = numbers.draw(); !drawn) return drawn.error();
        const weir_names made_names =
            weir_begin_names(table->memory.get(), numbers.by, groups, shape.max_entries, blocks);
        bool fits = true;
        const auto put = [&](std::string_view name, std::uint64_t end_ns) {
            fits = fits && weir_put_name(&made_names, bytes_of(name), length_of(name), end_ns) != WEIR_REFUSED;
        };
        if (others != nullptr)
            others->each([&](std::string_view name, std::uint64_t end_ns) {
                if (end_ns == 0 || end_ns > now_ns) put(name, end_ns);
            });
        bpf::each_name(shape.keys, [&](std::span<const std::uint8_t> name) { put(text_of(name), 0); });
        if (fits) return std::move(table->fd);
        if (weir_names_head(&made_names)->entries >= shape.max_entries) break;  // no other numbers would help
        weir_clear_names(&made_names);
    }
    return no_room();
}

Result<UniqueFd> NameTable::make_fixed(const bpf::NameImage& image) {
    const std::uint32_t groups = weir_set_groups(image.nodes);
    for (int i = 0; i < kTries; ++i) {
        auto table = made(weir_name_elements(groups, 0));
        if (!table) return table.error();
        PrintNumbers numbers;
        if (Status drawn = numbers.draw(); !drawn) return drawn.error();
        const weir_names names = weir_begin_names(table->memory.get(), numbers.by, groups, image.nodes, 0);
        bool fits = true;
        bpf::each_name(image.names, [&](std::span<const std::uint8_t> name) {
            const auto length = static_cast<std::uint32_t>(name.size());
            fits = fits && (image.kind == bpf::NameKind::kText ? weir_put_fixed_text(&names, name.data(), length)
                                                               : weir_put_fixed_name(&names, name.data(), length)) != 0;
        });
        if (fits) return std::move(table->fd);
    }
    return Error{"a set of names does not fit into its table", {}, EBADMSG};
}

void NameTable::each(const Visit& visit) const {
    each_while([&](std::string_view name, std::uint64_t end_ns) { return visit(name, end_ns), true; });
}

void NameTable::each_while(const std::function<bool(std::string_view name, std::uint64_t end_ns)>& visit) const {
    std::uint8_t name[WEIR_NAME_TEXT_BYTES];
    for (std::uint32_t group = 0; group < names_.groups; ++group) {
        if (weir_may_hold(names_.elements, group) == 0) continue;
        for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i) {
            const std::uint32_t length = weir_name_of_node(&names_, group, i, name);
            const std::uint64_t end_ns =
                __atomic_load_n(&weir_entry_of_table(names_.elements, group, i)->end_ns, __ATOMIC_RELAXED);
            if (length != 0 && end_ns != WEIR_INNER_NODE && !visit(text_of({name, length}), end_ns)) return;
        }
    }
}

std::optional<std::uint64_t> NameTable::end_of(std::string_view name) const {
    weir_node nodes[WEIR_MAX_LABELS];
    const std::uint32_t count = weir_find_name(&names_, bytes_of(name), length_of(name), nodes);
    if (count == 0 || nodes[count - 1].number == WEIR_GROUP_ENTRIES) return std::nullopt;
    const std::uint64_t end_ns = weir_entry_of_node(&names_, &nodes[count - 1])->end_ns;
    return end_ns == WEIR_INNER_NODE ? std::nullopt : std::optional(end_ns);
}

weir_put NameTable::put(std::string_view name, std::uint64_t end_ns, std::uint64_t now_ns) const {
    const Change change(*this);
    const auto once = [&] {
        return static_cast<weir_put>(weir_put_name(&names_, bytes_of(name), length_of(name), end_ns));
    };
    const weir_put done = once();
    return done == WEIR_REFUSED && free_ended(now_ns) ? once() : done;
}

bool NameTable::remove(std::string_view name) const {
    const Change change(*this);
    return weir_take_out_name(&names_, bytes_of(name), length_of(name)) != 0;
}

// False where nothing has.
bool NameTable::free_ended(std::uint64_t now_ns) const {
    weir_table_head* head = weir_names_head(&names_);
    if (head->due == 0 || ~head->due > now_ns) return false;
    std::vector<std::string> ended;
    std::uint64_t due = 0;
    each([&](std::string_view name, std::uint64_t end_ns) {
        if (end_ns != 0 && end_ns <= now_ns)
            ended.emplace_back(name);
        else
            due = std::max<std::uint64_t>(due, weir_due_of(end_ns));
    });
    for (const std::string& name : ended) weir_take_out_name(&names_, bytes_of(name), length_of(name));
    head->due = due;
    return !ended.empty();
}

void NameTable::clear() const {
    const Change change(*this);
    weir_clear_names(&names_);
}

void NameTable::repair() const {
    if (__atomic_load_n(&weir_names_head(&names_)->is_changing, __ATOMIC_SEQ_CST) == 0) return;
    std::vector<std::pair<std::string, std::uint64_t>> names;
    each([&](std::string_view name, std::uint64_t end_ns) { names.emplace_back(name, end_ns); });
    const Change change(*this);
    weir_table_head* head = weir_names_head(&names_);
    const auto each_cell = [&](auto visit) {
        for (std::uint32_t group = 0; group < names_.groups; ++group)
            for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i) visit(group, i);
    };
    each_cell([&](std::uint32_t group, std::uint32_t i) { *weir_note_at(&names_, group, i) = {}; });
    weir_free_texts(&names_);
    head->entries = 0;
    for (const auto& [name, end_ns] : names) weir_put_name(&names_, bytes_of(name), length_of(name), end_ns);
    head->nodes = 0;
    each_cell([&](std::uint32_t group, std::uint32_t i) {
        const std::uint64_t print = weir_entry_of_table(names_.elements, group, i)->print & ~WEIR_STRAYS;
        if (print == 0) return;
        ++head->nodes;
        const weir_node node{print, group, i};
        if (weir_note_at(&names_, group, i)->names == 0) weir_free_node(&names_, &node);
    });
    for (std::uint32_t group = 0; group < names_.groups; ++group)
        for (std::uint32_t line = 0; line < WEIR_SET_LINES; ++line) weir_tag_node_line(&names_, group, line);
}

}  // namespace weir::runtime

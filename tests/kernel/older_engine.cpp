#include "tests/kernel/older_engine.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "runtime/bytes.h"
#include "runtime/engine/pins.h"
#include "runtime/engine/shared_bytes.h"
#include "runtime/kernel.h"

namespace weir::test {
namespace {

using runtime::ObjectPtr;
using runtime::Pins;
using runtime::UniqueFd;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kElementBytes = 512;    // of a table of state
constexpr std::size_t kBlockBytes = 64 * 16;  // of counters

const std::string kFolder = std::string(WEIR_SOURCE_FOLDER) + "/tests/kernel/abi5/";

Bytes read_file(const std::string& name) {
    std::ifstream file(kFolder + name, std::ios::binary);
    REQUIRE(file);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

struct Part {
    std::string kind, name;
    Bytes bytes;
};

class Bundle {
public:
    Bundle() {
        const Bytes all = read_file("engine.bundle");
        runtime::ByteReader in(all);
        for (;;) {
            Part part{in.text(), {}, {}};
            part.name = in.text();
            part.bytes = in.list<std::uint8_t>();
            if (!in.good()) break;
            parts_.push_back(std::move(part));
        }
    }
    template <typename Use>
    void each(const std::string& kind, Use use) const {
        for (const Part& part : parts_)
            if (part.kind == kind) use(part);
    }
    const Bytes& get(const std::string& kind, const std::string& name) const {
        for (const Part& part : parts_)
            if (part.kind == kind && part.name == name) return part.bytes;
        FAIL("the bundle lacks " << kind << " " << name);
        return parts_.front().bytes;
    }

private:
    std::vector<Part> parts_;
};

ObjectPtr opened(const Bytes& elf) {
    ObjectPtr object(bpf_object__open_mem(elf.data(), elf.size(), nullptr));
    REQUIRE(object);
    return object;
}

std::vector<UniqueFd> tables(const Bundle& bundle) {
    std::vector<UniqueFd> made;
    bundle.each("table", [&](const Part& part) {
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
        const auto elements = static_cast<std::uint32_t>(part.bytes.size() / kElementBytes);
        UniqueFd table(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_set", 4, kElementBytes, elements, &opts));
        for (std::uint32_t i = 0; i < elements; ++i)
            REQUIRE(bpf_map_update_elem(table.get(), &i, part.bytes.data() + i * kElementBytes, BPF_ANY) == 0);
        made.push_back(std::move(table));
    });
    return made;
}

void set_contents(bpf_object* object, const char* name, const Bytes& bytes) {
    bpf_map* map = bpf_object__find_map_by_name(object, name);
    if (map == nullptr) return;
    std::size_t size = 0;
    const auto* value = static_cast<const std::uint8_t*>(bpf_map__initial_value(map, &size));
    REQUIRE((value != nullptr && size >= bytes.size()));
    Bytes whole(value, value + size);
    std::memcpy(whole.data(), bytes.data(), bytes.size());
    REQUIRE(bpf_map__set_initial_value(map, whole.data(), size) == 0);
}

// As 0.1 loaded it: sizes, tables, settings.
ObjectPtr loaded_policy(const Bundle& bundle, const std::string& number, const UniqueFd& first_table, int events) {
    ObjectPtr object = opened(bundle.get("elf", "policy"));
    bpf_program__set_type(bpf_object__find_program_by_name(object.get(), "weir_policy"), BPF_PROG_TYPE_XDP);
    bundle.each("size", [&](const Part& part) {
        std::uint32_t numbers[3];  // entries, bytes of a key, of a value; 0: as in the ELF
        std::memcpy(numbers, part.bytes.data(), sizeof(numbers));
        bpf_map* map = bpf_object__find_map_by_name(object.get(), part.name.c_str());
        if (map == nullptr) return;
        bpf_map__set_max_entries(map, numbers[0]);
        if (numbers[1] != 0) bpf_map__set_key_size(map, numbers[1]);
        if (numbers[2] != 0) bpf_map__set_value_size(map, numbers[2]);
    });
    bundle.each("data", [&](const Part& part) { set_contents(object.get(), part.name.c_str(), part.bytes); });
    Bytes settings(6 * sizeof(std::uint32_t));
    settings[3 * sizeof(std::uint32_t)] = static_cast<std::uint8_t>(std::stoi(number));
    set_contents(object.get(), ".rodata", settings);
    const auto map = [&](const char* name) { return bpf_object__find_map_by_name(object.get(), name); };
    const std::size_t blocks = bundle.get("counts-" + number, "weir_counters").size() / kBlockBytes;
    bpf_map__set_max_entries(map("weir_counters"), static_cast<std::uint32_t>(blocks));
    if (events >= 0) REQUIRE(bpf_map__reuse_fd(map("weir_events"), events) == 0);
    for (const char* name : {"weir_trace_head", "weir_trace_matched", "weir_trace_alerts"})
        if (map(name) != nullptr) bpf_map__set_max_entries(map(name), 1);
    for (const char* name : {"weir_term_tables", "weir_few_6", "weir_few_16", "weir_many_6", "weir_many_16"})
        if (map(name) != nullptr) REQUIRE(bpf_map__set_autocreate(map(name), false) == 0);
    REQUIRE(bpf_map__set_inner_map_fd(map("weir_set_tables"), first_table.get()) == 0);
    REQUIRE(bpf_object__load(object.get()) == 0);
    return object;
}

// What it had counted, all of it on the first CPU.
void fill_counts(const Bundle& bundle, const std::string& number, const bpf_object* object) {
    bundle.each("counts-" + number, [&](const Part& part) {
        const bpf_map* map = bpf_object__find_map_by_name(object, part.name.c_str());
        if (map == nullptr) return;
        const std::size_t size = bpf_map__value_size(map);
        for (std::uint32_t i = 0; i < bpf_map__max_entries(map) && (i + 1) * size <= part.bytes.size(); ++i) {
            Bytes values(size * runtime::possible_cpus());
            std::memcpy(values.data(), part.bytes.data() + i * size, size);
            REQUIRE(bpf_map_update_elem(bpf_map__fd(map), &i, values.data(), BPF_ANY) == 0);
        }
    });
}

}  // namespace

void leave_older_engine() {
    runtime::quiet_libbpf();
    const Bundle bundle;
    auto pins = Pins::open(kOlderName);
    REQUIRE(pins);
    const auto keep = [&](const std::string& name, int fd) { REQUIRE(pins->keep(name, fd)); };
    const ObjectPtr root = opened(bundle.get("elf", "root"));
    REQUIRE(bpf_object__load(root.get()) == 0);
    const int program = bpf_program__fd(bpf_object__find_program_by_name(root.get(), "weir_root_program"));
    const int slots = bpf_object__find_map_fd_by_name(root.get(), "weir_slots");
    const int word = bpf_object__find_map_fd_by_name(root.get(), ".data.weir_root");
    const std::uint32_t zero = 0;
    REQUIRE(bpf_map_update_elem(word, &zero, bundle.get("pin", "word").data(), BPF_ANY) == 0);
    keep("root", program), keep("slots", slots), keep("word", word);

    const std::vector<UniqueFd> state = tables(bundle);
    ObjectPtr policies[2];
    int events = -1;
    for (std::uint32_t number = 1; number <= 2; ++number) {
        ObjectPtr& object = policies[number - 1];
        object = loaded_policy(bundle, std::to_string(number), state.front(), events);
        events = bpf_object__find_map_fd_by_name(object.get(), "weir_events");
        const int outer = bpf_object__find_map_fd_by_name(object.get(), "weir_set_tables");
        for (std::uint32_t i = 0; i < state.size(); ++i) {
            const int table = state[i].get();
            REQUIRE(bpf_map_update_elem(outer, &i, &table, BPF_ANY) == 0);
        }
        fill_counts(bundle, std::to_string(number), object.get());
        const int policy = bpf_program__fd(bpf_object__find_program_by_name(object.get(), "weir_policy"));
        REQUIRE(bpf_map_update_elem(slots, &number, &policy, BPF_ANY) == 0);  // generation N was in slot N
        keep("program-" + std::to_string(number), policy);
    }
    keep("events", events);
    for (const char* name : {"sums", "record-1", "record-2"}) {
        auto memory = runtime::SharedBytes::create("weir_record", bundle.get("pin", name), runtime::Lifetime::kPinned);
        REQUIRE(memory);
        keep(name, memory->fd());
    }
    const UniqueFd link(bpf_link_create(program, static_cast<int>(if_nametoindex("b0")), BPF_XDP, nullptr));
    REQUIRE(link);
    keep("link-b0", link.get());
}

std::string older_policy() {
    const Bytes text = read_file("policy.rules");
    return std::string(text.begin(), text.end());
}

}  // namespace weir::test

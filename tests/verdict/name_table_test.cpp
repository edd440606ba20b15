// Tables of names (bpf/name_table.h) against a map of names, in this process's memory and in the kernel's.
#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "grammar/base/seeded.h"
#include "runtime/state/name_table.h"
#include "runtime/trial_run.h"

using namespace weir;
using runtime::NameTable;

namespace {

const std::uint8_t* bytes_of(const std::string& name) { return reinterpret_cast<const std::uint8_t*>(name.data()); }
std::uint32_t length_of(const std::string& name) { return static_cast<std::uint32_t>(name.size()); }

// A set that changes.
class Memory {
public:
    explicit Memory(std::uint32_t size, std::uint64_t seed = 1) {
        const std::uint32_t groups = weir_set_groups(weir_nodes_of_names(size)), blocks = weir_blocks_of_names(size);
        words_.resize(std::size_t{weir_name_elements(groups, blocks)} * WEIR_SET_BYTES / 8);
        __u64 by[WEIR_PRINT_WORDS];
        Seeded random(seed);
        for (__u64& one : by) one = random();
        names = weir_begin_names(words_.data(), by, groups, size, blocks);
    }
    std::map<std::string, std::uint64_t> all() const {
        std::map<std::string, std::uint64_t> all;
        std::uint8_t name[WEIR_NAME_TEXT_BYTES];
        for (std::uint32_t group = 0; group < names.groups; ++group)
            for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i)
                if (const std::uint32_t length = weir_name_of_node(&names, group, i, name); length != 0)
                    all.emplace(std::string(name, name + length),
                                weir_entry_of_table(names.elements, group, i)->end_ns);
        return all;
    }
    std::uint64_t nodes() const { return weir_names_head(&names)->nodes; }

    weir_names names{};

private:
    std::vector<std::uint64_t> words_;
};

std::string random_name(Seeded& random) {
    std::string name;
    for (std::uint64_t left = random.between(1, random.one_in(20) ? 60 : 4); left > 0; --left) {
        std::string label(random.one_in(15) ? random.between(1, 63) : random.between(1, 2), 'a');
        label[0] = static_cast<char>('a' + random.below(4));
        if (name.size() + 1 + label.size() > WEIR_NAME_TEXT_BYTES) break;
        name += (name.empty() ? "" : ".") + label;
    }
    return name;
}

}  // namespace

TEST_CASE("a table of names has what was put and not taken out", "[name_sets]") {
    for (const std::uint32_t size : {3u, 40u, 2000u}) {
        Memory memory(size, size);
        std::map<std::string, std::uint64_t> model;
        Seeded random(size);
        for (int i = 0; i < 6000; ++i) {
            const std::string name = random_name(random);
            CAPTURE(size, i, name);
            if (random.one_in(3)) {
                const int was = weir_take_out_name(&memory.names, bytes_of(name), length_of(name));
                REQUIRE(was == static_cast<int>(model.erase(name)));
                continue;
            }
            const std::uint64_t end_ns = random.one_in(2) ? 0 : 10 + random.below(5);
            const int done = weir_put_name(&memory.names, bytes_of(name), length_of(name), end_ns);
            if (model.contains(name))
                REQUIRE(done == WEIR_RENEWED);
            else if (model.size() == size)
                REQUIRE(done == WEIR_REFUSED);
            else if (size == 2000)
                REQUIRE(done == WEIR_PUT);
            if (done != WEIR_REFUSED) model[name] = end_ns;
        }
        CHECK(memory.all() == model);
        for (const auto& [name, end_ns] : model)
            REQUIRE(weir_take_out_name(&memory.names, bytes_of(name), length_of(name)) == 1);
        CHECK(memory.nodes() == 0);
        CHECK(memory.all().empty());
        std::uint32_t free = 0;
        for (std::uint32_t at = weir_names_head(&memory.names)->free_text; at != 0; ++free)
            at = weir_block_at(&memory.names, at)->next;
        CHECK(free == memory.names.text_blocks);
        for (std::uint32_t group = 0; group < memory.names.groups; ++group)  // no stray is left either
            for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i)
                REQUIRE(weir_entry_of_table(memory.names.elements, group, i)->print == 0);
    }
}

TEST_CASE("what is no name is put nowhere", "[name_sets]") {
    Memory memory(10);
    for (const std::string& name : {std::string(), std::string("."), std::string("a."), std::string(".a"),
                                    std::string("a..b"), std::string(64, 'a'), std::string(254, 'a')}) {
        CAPTURE(name);
        CHECK(weir_put_name(&memory.names, bytes_of(name), length_of(name), 0) == WEIR_REFUSED);
    }
    CHECK(memory.nodes() == 0);
}

namespace {

using Names = std::map<std::string, std::uint64_t>;

Names names(const NameTable& of) {
    Names all;
    of.each([&](std::string_view name, std::uint64_t end_ns) { all.emplace(name, end_ns); });
    return all;
}

bpf::StateMap two_names() {
    bpf::StateMap shape;
    shape.kind = bpf::StateKind::kNames;
    shape.max_entries = 3;
    shape.nodes = 3;
    for (const std::string name : {"one.test", "two.test"}) {
        shape.keys.push_back(static_cast<std::uint8_t>(name.size()));
        shape.keys.push_back(0);
        shape.keys.insert(shape.keys.end(), name.begin(), name.end());
    }
    return shape;
}

bool may_make_maps() {
    if (!runtime::TestRunner::allowed()) WARN("maps need root");
    return runtime::TestRunner::allowed();
}

weir_table_head* mapped_head(int fd) {
    return static_cast<weir_table_head*>(mmap(nullptr, WEIR_SET_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

}  // namespace

TEST_CASE("a table of names in the kernel", "[name_sets]") {
    if (!may_make_maps()) return;
    bpf::StateMap shape = two_names();
    auto made = NameTable::make(shape, nullptr);
    REQUIRE(made);
    auto table = NameTable::open(made->get());
    REQUIRE(table);
    CHECK(names(*table) == Names{{"one.test", 0}, {"two.test", 0}});
    CHECK(table->end_of("test") == std::nullopt);
    CHECK(table->put("three.test", 100, 50) == WEIR_PUT);
    CHECK(table->put("four.test", 200, 50) == WEIR_REFUSED);
    CHECK(table->put("four.test", 200, 100) == WEIR_PUT);  // three.test has given way
    CHECK(table->end_of("four.test") == std::optional<std::uint64_t>{200});
    CHECK(table->remove("one.test"));
    CHECK_FALSE(table->remove("one.test"));
    CHECK(names(*table) == Names{{"two.test", 0}, {"four.test", 200}});

    SECTION("another size takes them along") {
        shape.max_entries = 1000;
        shape.keys.clear();
        auto larger = NameTable::make(shape, &*table);
        REQUIRE(larger);
        auto others = NameTable::open(larger->get());
        REQUIRE(others);
        CHECK(names(*others) == Names{{"two.test", 0}});  // the other one has ended
        shape.max_entries = 1;
        CHECK(NameTable::make(shape, &*others));
        table->put("three.test", 0, 50);
        CHECK_FALSE(NameTable::make(shape, &*table));
    }
    SECTION("what a killed process left undone is repaired") {
        weir_table_head* head = mapped_head(made->get());
        REQUIRE(head != MAP_FAILED);
        head->is_changing = 1;
        head->free_text = 0;
        head->entries = 77;
        table->repair();
        CHECK(head->entries == 2);
        CHECK(head->nodes == 3);
        CHECK(head->is_changing == 0);
        CHECK(names(*table) == Names{{"two.test", 0}, {"four.test", 200}});
        CHECK(table->put("five.test", 0, 50) == WEIR_PUT);
        munmap(head, WEIR_SET_BYTES);
    }
}

TEST_CASE("a table that is none is not opened", "[name_sets]") {
    if (!may_make_maps()) return;
    auto made = NameTable::make(two_names(), nullptr);
    REQUIRE(made);
    weir_table_head* head = mapped_head(made->get());
    REQUIRE(head != MAP_FAILED);
    const weir_table_head good = *head;
    const auto is_refused = [&](auto change) {
        *head = good;
        change();
        return !NameTable::open(made->get());
    };
    CHECK(is_refused([&] { head->groups = 0; }));
    CHECK(is_refused([&] { head->groups = 0xffffffff; }));
    CHECK(is_refused([&] { head->text_blocks = 0; }));
    CHECK(is_refused([&] { head->text_blocks = 0xfffffff0; }));
    CHECK(is_refused([&] { head->region_shift = 32; }));
    CHECK_FALSE(is_refused([] {}));
    munmap(head, WEIR_SET_BYTES);
}

#include "compiler/policy/table_bytes.h"

#include <catch2/catch.hpp>

#include "bpf/table.h"
#include "compiler/codegen/state_tables.h"
#include "compiler/compiler.h"

namespace weir {
namespace {

Compiled compiled(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    auto made = analyse(sources, "test.rules", text, {}, diagnostics, {.table_bytes = ~std::uint64_t{0}});
    REQUIRE(made);
    return std::move(*made);
}

// Elements of the maps that are made for it, as the object describes them.
std::uint64_t bytes_of_maps(const Compiled& compiled) {
    codegen::StateTables tables(compiled.policy);
    tables.set_decision(compiled.decision);
    bpf::Object object;
    tables.write(compiled.policy, object);
    std::uint64_t bytes = 0;
    for (const bpf::StateMap& map : object.state) {
        const std::uint64_t elements =
            map.kind == bpf::StateKind::kSet
                ? weir_set_elements(weir_set_groups(map.max_entries), map.key_size / 4, map.net_word)
                : weir_term_elements(weir_term_groups(map.max_entries), map.values != bpf::kNoValues);
        bytes += elements * map.value_size;
    }
    return bytes;
}

std::uint64_t sum(const Compiled& compiled) {
    std::uint64_t bytes = 0;
    for (const policy::TableBytes& table : policy::table_bytes(compiled.policy)) bytes += table.bytes;
    return bytes;
}

}  // namespace

TEST_CASE("what is said of a table is what its maps take") {
    for (const char* text : {
             "rule r { when rate(ip.src) > 10/s size 100000 then drop }",
             "rule r { when count(ip.src, tcp.dport, in 1m) > 10 then drop }",
             "set s : ip size 200000 ttl 1h rule r { when ip.src in s then drop }",
             "set s : net size 200000 rule r { when ip.src in s then drop }",
             "set s : u16 size 1000 ttl 1h rule r { when tcp.window in s then drop }",
             "set s : (ip, ip, port) size 50000 ttl 1h rule r { when (ip.src, ip.dst, tcp.dport) in s then drop }",
             "rule r { when tcp then alert a, drop } alert a { throttle 1 per ip.src every 1m }",
             "rule r { when distinct(tcp.dport, by ip.src, in 1m) > 20 size 10000 then drop }",
             "rule r { when distinct(ip.dst, by ip.src, in 1m) > 2000 size 10000 then drop }",
         }) {
        const Compiled policy = compiled(text);
        INFO(text);
        CHECK(sum(policy) == bytes_of_maps(policy));
    }
}

TEST_CASE("the limit is of all tables together, and can be moved") {
    const std::string text =
        "rule a { when rate(ip.src) > 10/s size 1000000 then drop }\n"
        "rule b { when rate(ip.dst) > 10/s size 1000000 then drop }\n";
    const std::uint64_t all = sum(compiled(text));
    for (const bool fits : {false, true}) {
        Sources sources;
        Diagnostics diagnostics;
        const auto made = analyse(sources, "test.rules", text, {}, diagnostics, {.table_bytes = fits ? all : all - 1});
        CHECK(made.has_value() == fits);
        if (!fits) CHECK(diagnostics.all().front().code == Code::E521);
    }
    CHECK(all > 120'000'000);
    CHECK(all < policy::kDefaultTableBytes);
}

}  // namespace weir

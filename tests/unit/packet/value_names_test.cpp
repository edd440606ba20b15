#include "compiler/packet/value_names.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "grammar/reserved.h"

using namespace weir;

TEST_CASE("names of values are names, once each, of values that the field can have") {
    for (const packet::Field& field : packet::fields()) {
        std::set<std::string_view> seen;
        for (const packet::ValueName& one : packet::value_names(field.id)) {
            INFO(field.name << " " << one.name);
            CHECK(one.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos);
            CHECK(!(one.name.front() >= '0' && one.name.front() <= '9'));
            CHECK(find_reserved(one.name) == nullptr);
            CHECK(seen.insert(one.name).second);
            CHECK(one.value >> field.bits == 0);
        }
    }
    CHECK(packet::value_names(packet::FieldId::kTcpDport).empty());
}

TEST_CASE("names of protocols from 134 on are IANA's") {
    const std::pair<std::string_view, std::uint64_t> kWanted[] = {
        {"rsvp_e2e_ignore", 134}, {"udplite", 136}, {"manet", 138}, {"hip", 139},
        {"shim6", 140},           {"wesp", 141},    {"rohc", 142},  {"ethernet", 143},
        {"aggfrag", 144},         {"nsh", 145}};
    std::size_t from_134 = 0;
    for (const packet::ValueName& one : packet::value_names(packet::FieldId::kIpProto)) from_134 += one.value >= 134;
    CHECK(from_134 == std::size(kWanted) + 1);  // mpls_in_ip
    for (const auto& [name, value] : kWanted) {
        bool found = false;
        for (const packet::ValueName& one : packet::value_names(packet::FieldId::kIpProto))
            found = found || (one.name == name && one.value == value);
        INFO(name);
        CHECK(found);
    }
}

TEST_CASE("the page has all of them, and no others") {
    std::ifstream file(WEIR_SOURCE_DIR "/docs/language.md");
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    const std::size_t begin = page.find("### Names of values");
    const std::string table = page.substr(begin, page.find("\n## ", begin) - begin);
    std::string wanted = "| field | names |\n| --- | --- |\n";
    for (const packet::Field& field : packet::fields()) {
        if (packet::value_names(field.id).empty()) continue;
        std::string row;
        for (const packet::ValueName& one : packet::value_names(field.id))
            row += field.id == packet::FieldId::kEthType
                       ? fmt::format("{}`{}` {:#x}", row.empty() ? "" : ", ", one.name, one.value)
                       : fmt::format("{}`{}` {}", row.empty() ? "" : ", ", one.name, one.value);
        wanted += fmt::format("| `{}` | {} |\n", field.name, row);
    }
    CHECK(table.find(wanted) != std::string::npos);
}
